"""The training loop, from the first step to the test set, for a person to read top to bottom."""

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from exprun import metrics as names
from exprun.augment import mirrored_in
from exprun.config.errors import RunError
from exprun.config.schema import Config
from exprun.data import Dataset
from exprun.run_folder import run_folder
from exprun.schedule import rate_at
from exprun.signals import SIGNALS
from exprun.trainer.checkpoint import Checkpoints, State
from exprun.trainer.events import Emit, EpochDone, Evaluated, Measured, StepsDone
from exprun.trainer.feed import Feed, epoch_order, fits, whole_order
from exprun.trainer.profile import Profiler
from exprun.trainer.step import EvaluatedAs, Step, StepResult

log = logging.getLogger(__name__)
SECONDS_PER_CALL = 0.5  # of several steps: long enough to hide the call, short enough to show progress


@dataclass
class Outcome:
    """How training ended.

    Args:
        status: `FINISHED`, `FAILED` or `KILLED`.
        reason: empty where all epochs were done.
        metrics: final figures by the names they have in MLflow.
        history: figures of each epoch.
    """

    status: str
    reason: str
    metrics: dict[str, float]
    history: list[dict[str, float]]


class Means(NamedTuple):
    """Means over a split, and the most likely class of each image, (images,)."""

    loss: float
    accuracy: float
    more: dict[str, float]
    predictions: np.ndarray


class Loop:
    """One run.

    Args:
        config: of the run.
        dataset: its images.
        step: its compiled step.
        checkpoints: where its state is kept.
        emit: called with each event.
        stop: tells whether a signal asked to end, and which.
        hopeless: tells why a run that has done so many epochs with this figure is not worth going on with; empty
            where it is.
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        step: Step,
        checkpoints: Checkpoints,
        emit: Emit,
        stop: Callable[[], str | None],
        hopeless: Callable[[int, float], str] | None = None,
    ) -> None:
        trainer = config.trainer
        self.config, self.dataset, self.step = config, dataset, step
        self.checkpoints, self.emit, self.stop, self.hopeless = checkpoints, emit, stop, hopeless
        self.state = State()
        self.train_feed, self.val_feed = self._feed(dataset.train), self._feed(dataset.val)
        self.steps_per_epoch = len(self.train_feed) // trainer.batch_size
        if trainer.dry_run:
            self.steps_per_epoch = min(self.steps_per_epoch, 1)
        if self.steps_per_epoch == 0:
            raise RunError(
                f"trainer.batch_size={trainer.batch_size} is more than the {len(self.train_feed)} training images."
            )
        self.epochs = 1 if trainer.dry_run else trainer.epochs
        self.total_steps = self.epochs * self.steps_per_epoch
        if trainer.max_steps is not None:
            self.total_steps = min(self.total_steps, trainer.max_steps)
        self.seconds_per_step: float | None = None
        self._timed = (0, 0.0)  # steps and seconds without the first call, which compiles
        self._failing: tuple[Any, np.ndarray, np.ndarray] | None = None
        self.profiler = Profiler(run_folder(config) / "profile", step.model, emit) if trainer.profile else None
        self._test: dict[str, float] = {}
        self._gap: dict[str, float] = {}

    def resume(self) -> None:
        """Go on from the last checkpoint."""
        self.state = self.checkpoints.restore("last", self.step.variables)

    def train(self) -> Outcome:
        """Train, evaluate, select; then measure the test set once, at the selected weights."""
        try:
            return self._train()
        finally:
            if self.profiler is not None:
                self.profiler.stop()

    def _train(self) -> Outcome:
        state = self.state
        # A run that was to stop here may have died before it could say so.
        status, reason = "FINISHED", self._early_stop() if state.epoch and not state.epoch_steps else ""
        while state.epoch < self.epochs and not reason:
            reason = self._train_epoch()
            if reason.startswith("not finite"):
                return Outcome("FAILED", self._blame(reason), self._metrics(), state.history)
            if state.epoch_steps == self.steps_per_epoch:
                self._end_epoch()
                reason = reason or self._early_stop()
            if reason in SIGNALS:
                status = "KILLED"
            self._save()
        if self.profiler is not None:
            self.profiler.stop()
        if status == "KILLED":
            self.checkpoints.wait()
            return Outcome(status, f"stopped by {reason}", self._metrics(), state.history)
        return Outcome(status, reason, self._final(), state.history)

    def _train_epoch(self) -> str:
        """Steps of one epoch, from where the state stands; returns why training ends here, if it does."""
        config, state = self.config, self.state
        seed = config.seed
        epoch = 0 if config.trainer.overfit_batch else state.epoch
        order = epoch_order(len(self.train_feed), config.trainer.batch_size, seed, epoch)[: self.steps_per_epoch]
        if config.trainer.overfit_batch:
            order = np.repeat(order[:1], len(order), axis=0)
        left = max(0, min(self.total_steps - state.step, self.steps_per_epoch - state.epoch_steps))
        order = order[state.epoch_steps : state.epoch_steps + left]
        mirrored = mirrored_in(order, len(self.train_feed), seed, epoch)
        taken = 0
        started = asked = time.perf_counter()
        for images, labels, indices in self.train_feed.chunks(order, self._steps_per_call):
            waited = time.perf_counter() - asked
            numbers = np.arange(state.step, state.step + len(indices))
            rates = rate_at(
                config.schedule, config.optim.learning_rate, numbers, self.steps_per_epoch, self.total_steps
            )
            rates = rates * np.float32(state.plateau[0])
            flips = mirrored[taken : taken + len(indices)]
            taken += len(indices)
            done = self._take_steps(self.step.train, images, labels, indices, rates, state.step, flips)
            # From the end of the call before: waiting for images is part of the time.
            now = time.perf_counter()
            self._count(done.losses, done.accuracies, rates, now - started, waited)
            started = now
            if not done.finite:
                last = len(done.losses) - 1
                self._failing = (images, indices[last], flips[last])
                loss, step = done.losses[-1], state.step
                what = f"a gradient at step {step}" if np.isfinite(loss) else f"the loss at step {step} is {loss}"
                return f"not finite: {what}"
            if signal := self.stop():
                return signal
            limit = config.trainer.max_seconds
            if limit is not None and state.seconds >= limit:
                return f"trainer.max_seconds={limit:g} is over"
            asked = time.perf_counter()
        if self._bad_weight():
            return f"not finite: weights behind step {state.step}"
        most = config.trainer.max_steps
        if most is not None and state.step >= most:
            return f"trainer.max_steps={most} is reached"
        return ""

    def _take_steps(self, train: Callable[..., StepResult], *arguments: Any) -> StepResult:
        try:
            return train(*arguments) if self.profiler is None else self.profiler(train, *arguments)
        except tf.errors.ResourceExhaustedError:
            log.exception("A step needs more memory than there is")
            raise RunError(self._too_large(train, *arguments)) from None

    def _too_large(
        self,
        train: Callable[..., StepResult],
        images: Any,
        labels: Any,
        indices: np.ndarray,
        rates: np.ndarray,
        first: int,
        flips: np.ndarray,
    ) -> str:
        """What to say of a batch that does not fit: the largest of its halves that does, found by trying."""
        whole = self.config.trainer.batch_size
        size, replicas = whole // 2, self.step.device.replicas
        try:
            while size >= replicas and size % replicas == 0:
                self.step.take_batches_of(size)
                with contextlib.suppress(tf.errors.ResourceExhaustedError):
                    train(images, labels, indices[:1, :size], 0 * rates[:1], first, flips[:1, :size])
                    return f"A batch of {whole} images does not fit the memory; trainer.batch_size={size} does."
                size //= 2
            return f"A batch of {whole} images does not fit the memory, and neither does one of {size or 1}."
        finally:
            self.step.take_batches_of(whole)

    def _steps_per_call(self) -> int:
        if self.seconds_per_step is None:
            return 1
        return max(1, int(SECONDS_PER_CALL / self.seconds_per_step))

    def _count(
        self, losses: np.ndarray, accuracies: np.ndarray, rates: np.ndarray, seconds: float, waited: float
    ) -> None:
        """Enter finished steps into the state and tell the listeners; `waited` of the seconds was for images."""
        state, count = self.state, len(losses)
        first_call = self.seconds_per_step is None
        self.seconds_per_step = seconds / count
        if first_call:
            # The first call traces and compiles; it says little about the speed, so the second is one step too.
            self.seconds_per_step = SECONDS_PER_CALL
        state.step += count
        state.epoch_steps += count
        state.seconds += seconds
        state.epoch_sums[0] += float(losses.sum(dtype=np.float64))
        state.epoch_sums[1] += float(accuracies.sum(dtype=np.float64))
        speed = None if first_call else count * self.config.trainer.batch_size / seconds
        if not first_call:
            self._timed = (self._timed[0] + count, self._timed[1] + seconds)
        epoch = state.epoch + state.epoch_steps / self.steps_per_epoch
        self.emit(StepsDone(state.step, epoch, losses, accuracies, rates[:count], speed, waited / seconds))

    def _end_epoch(self) -> None:
        """Means of the epoch, validation, selection."""
        state = self.state
        count = state.epoch_steps
        loss, accuracy = (total / count for total in state.epoch_sums)
        state.epoch += 1
        state.epoch_steps, state.epoch_sums = 0, [0.0, 0.0]
        self._validate(float(state.epoch), loss, accuracy)

    def _validate(self, epoch: float, train_loss: float, train_accuracy: float) -> None:
        """Tell the training metrics, measure the validation images with the weights as they are (or their averages),
        and select.

        Args:
            epoch: epochs done, with fraction.
            train_loss: mean over the steps of this epoch.
            train_accuracy: likewise.
        """
        state, trainer = self.state, self.config.trainer
        self.emit(EpochDone(state.step, epoch, train_loss, train_accuracy, self.images_per_second, state.seconds))
        started = time.perf_counter()
        self.step.share_statistics()
        self.step.swap_averages()
        loss, accuracy, more, _ = self.measure(self.val_feed)
        best, better = self._is_best(loss if np.isfinite(loss) else np.inf, accuracy)
        state.waited = 0 if better else state.waited + 1
        if best:
            state.best = {"loss": loss, "accuracy": accuracy, "step": float(state.step), "epoch": epoch}
            if not trainer.dry_run:
                self.checkpoints.save("best", self._weights, state)
        self.step.swap_averages()
        self._plateau(loss)
        state.seconds += time.perf_counter() - started
        row = {names.EPOCH: epoch, "step": float(state.step)}
        row |= {names.TRAIN_LOSS: train_loss, names.TRAIN_ACCURACY: train_accuracy}
        figures = {"loss": loss, "accuracy": accuracy, **more}
        state.history.append(row | {f"val/{name}": value for name, value in figures.items()})
        self.emit(Evaluated("val", state.step, epoch, loss, accuracy, best, more=more))

    def _is_best(self, loss: float, accuracy: float) -> tuple[bool, bool]:
        """Whether these weights are preferred, and whether the figure of the selection itself is better.

        Equal accuracies are told apart by the loss, but that is not what patience waits for.
        """
        best = self.state.best
        if best is None:
            return True, True
        lower_loss = loss < best["loss"]
        if self.config.trainer.select == "val/loss":
            return lower_loss, lower_loss
        better = accuracy > best["accuracy"]
        return better or (accuracy == best["accuracy"] and lower_loss), better

    def _plateau(self, loss: float) -> None:
        """Reduce the rate where the schedule is `plateau` and the loss has not improved for long enough."""
        schedule, plateau = self.config.schedule, self.state.plateau
        if schedule.name != "plateau":
            return
        assert schedule.factor is not None
        assert schedule.patience is not None
        if loss < plateau[1] - (schedule.min_delta or 0.0):
            plateau[1], plateau[2] = loss, 0.0
            return
        plateau[2] += 1
        if plateau[2] > schedule.patience:
            plateau[0], plateau[2] = plateau[0] * schedule.factor, 0.0

    def _early_stop(self) -> str:
        patience = self.config.trainer.patience
        if patience is not None and self.state.waited >= patience:
            return f"no better {self.config.trainer.select} for {patience} evaluations (trainer.patience)"
        if self.hopeless is not None and self.state.epoch < self.epochs:
            return self.hopeless(self.state.epoch, self.state.history[-1][self.config.trainer.select])
        return ""

    def _save(self) -> None:
        trainer = self.config.trainer
        if trainer.checkpoint and not trainer.dry_run:
            self.checkpoints.save("last", self.step.variables, self.state)

    def measure(self, feed: Feed, as_in: EvaluatedAs = "evaluation") -> Means:
        """Means over the images of a split, as the step evaluates them."""
        order = whole_order(len(feed), min(self.config.trainer.eval_batch_size, len(feed)))
        if self.config.trainer.dry_run:
            order = order[:1]
        parts = [self.step.evaluate(*chunk, as_in) for chunk in feed.chunks(order, lambda: 16)]
        predictions = np.concatenate([p.predictions for p in parts])
        more = {name: _mean([p.more[name] for p in parts]) for name in parts[0].more}
        accuracy = float((predictions == feed.labels[: len(predictions)]).mean())
        return Means(_mean([p.losses for p in parts]), accuracy, more, predictions)

    def _split_gap(self) -> None:
        """Measure training images as evaluation does, step by step, with the weights as they are.

        From the training accuracy of the last epoch to the validation accuracy there are three steps: inference
        mode and whole epochs of training behind it, the evaluation's preprocessing, and images not trained on.
        """
        train = self.dataset.train
        # As many as there are to validate on, spread over the split.
        rows = train.rows[np.linspace(0, len(train) - 1, min(len(train), len(self.val_feed))).astype(int)]
        feed = self._feed(replace(train, rows=rows))
        self.step.swap_averages()
        for name, as_in in (("inference", "train"), ("evaluated", "evaluation")):
            found = self.measure(feed, as_in)  # type: ignore[arg-type]
            self._gap |= {f"train/{name}_loss": found.loss, f"train/{name}_accuracy": found.accuracy}
        self.step.swap_averages()
        self.emit(Measured(self.state.step, self._gap))

    def _final(self) -> dict[str, float]:
        """Measure the test set once, at the weights that validation chose."""
        state, trainer = self.state, self.config.trainer
        measured = bool(state.history) and state.history[-1]["step"] == state.step
        if state.epoch_steps and not measured:  # ended within an epoch: these weights have not been measured yet
            count = state.epoch_steps
            self._validate(state.epoch + count / self.steps_per_epoch, *(total / count for total in state.epoch_sums))
            self._save()
        if trainer.dry_run:
            return self._metrics()
        if trainer.gap:
            self._split_gap()
        self.checkpoints.restore("best", self._weights)
        test = self.dataset.test
        if test is not None and state.best is not None:
            feed = self.val_feed if self.config.data.validation == "test" else self._feed(test)
            loss, accuracy, more, predictions = self.measure(feed)
            if trainer.tta != "none":
                averaged = self.measure(feed, "tta")
                more |= {"tta_loss": averaged.loss, "tta_accuracy": averaged.accuracy}
            step, epoch = int(state.best["step"]), state.best["epoch"]
            self.emit(Evaluated("test", step, epoch, loss, accuracy, True, predictions, more))
            figures = {"loss": loss, "accuracy": accuracy, **more}
            self._test = {f"test/{name}": value for name, value in figures.items()}
        return self._metrics()

    @property
    def _weights(self) -> dict[str, Any]:
        """The model's own variables, without the optimiser's."""
        return {key: v for key, v in self.step.variables.items() if key.startswith("model/")}

    def _metrics(self) -> dict[str, float]:
        """The final figures of the run."""
        state = self.state
        found = dict(state.history[-1]) if state.history else {}
        found = {key: value for key, value in found.items() if "/" in key}
        if state.best is not None:
            found |= {"val/best_loss": state.best["loss"], "val/best_accuracy": state.best["accuracy"]}
            found["val/best_epoch"] = state.best["epoch"]
        found |= self._gap | self._test
        speed = {names.IMAGES_PER_SECOND: self.images_per_second} if self.images_per_second else {}
        return found | {names.SECONDS: state.seconds} | speed

    @property
    def images_per_second(self) -> float:
        """Of training, without the first call, which compiles; 0 where there was only that."""
        steps, seconds = self._timed
        return steps * self.config.trainer.batch_size / seconds if seconds else 0.0

    def _feed(self, split: Any) -> Feed:
        resident = self.config.trainer.resident
        return Feed(split, fits(split, self.step.device.gpu) if resident == "auto" else resident)

    def _blame(self, reason: str) -> str:
        """The reason, and the first tensor that is not finite: a weight, or the output of a layer."""
        if self.step.device.strategy is not None:
            return reason  # several devices have already changed their weights by it
        if bad := self._bad_weight():
            return f"{reason}; the first tensor that is not finite is the weight {bad}"
        assert self._failing is not None
        images, index, flips = self._failing
        step = tf.constant(self.state.step - 1)
        inputs = self.step.batch_inputs(images, tf.constant(index), step, tf.constant(flips))
        if not _finite(inputs):
            return f"{reason}; the first tensor that is not finite is the network's input"
        name = first_bad_layer(self.step.model, inputs)
        return f"{reason}; the first tensor that is not finite is the output of layer {name}" if name else reason

    def _bad_weight(self) -> str:
        """The first weight that is not finite, or nothing."""
        return next((v.path for v in self.step.model.trainable_variables if not _finite(v.value)), "")


def first_bad_layer(model: Any, inputs: tf.Tensor) -> str | None:
    """The first layer, in the order of the model, whose output is not finite in training mode.

    Args:
        model: a Keras model; one without a graph of layers gives None.
        inputs: a batch, as the model takes it.
    """
    import keras

    try:
        layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
        outputs = keras.Model(model.inputs, [layer.output for layer in layers])(inputs, training=True)
    except (AttributeError, ValueError):
        return None
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return next((layer.name for layer, out in zip(layers, outputs, strict=True) if not _finite(out)), None)


def _mean(parts: list[np.ndarray]) -> float:
    return float(np.concatenate(parts).mean(dtype=np.float64))


def _finite(tensor: Any) -> bool:
    tensor = tf.convert_to_tensor(tensor)
    return not tensor.dtype.is_floating or bool(tf.reduce_all(tf.math.is_finite(tensor)))
