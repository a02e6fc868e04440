"""The training loop, from the first step to the measurement of the test set; read it from top to bottom."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from exprun import classification
from exprun import metrics as names
from exprun.augment import mirrored_in
from exprun.config.errors import RunError
from exprun.config.schema import Config
from exprun.data import Dataset, Split
from exprun.run_folder import NOT_FINITE
from exprun.schedule import rate_at, size_at
from exprun.signals import SIGNALS
from exprun.trainer.averaging import Pass
from exprun.trainer.blame import FailedBatch, batch_too_large, blame, first_bad_weight
from exprun.trainer.checkpoint import Checkpoints, State
from exprun.trainer.evaluation import BATCHES_PER_CALL, Evaluator, Means
from exprun.trainer.events import Emit, EpochDone, Evaluated, Measured, Predicted, StepsDone
from exprun.trainer.feed import epoch_order
from exprun.trainer.profile import Profiler
from exprun.trainer.resizing import smaller
from exprun.trainer.results import StepResult
from exprun.trainer.speed import Speed
from exprun.trainer.step import Step

log = logging.getLogger(__name__)
Prune = Callable[[int, float], str]  # from epochs done and the selected metric to the reason to end the run, or ""


@dataclass
class Outcome:
    """How training ended.

    Args:
        status: the status, `FINISHED`, `FAILED` or `KILLED`.
        reason: why training ended before the last epoch; empty if all epochs were done.
        metrics: the final metrics, by their names in MLflow.
        history: the metrics of each epoch.
    """

    status: str
    reason: str
    metrics: dict[str, float]
    history: list[dict[str, float]]


class Loop:
    """The training of one run.

    Args:
        config: the config of the run.
        dataset: the images and their splits.
        step: the compiled training and evaluation.
        checkpoints: the checkpoints of the run.
        profile_folder: the folder for the files of `trainer.profile`.
        emit: function that is called with each event.
        stop: function that returns the name of the signal that asked the run to end, or None.
        prune: function that returns why the run should end after an epoch, or an empty string; it is called with the
            number of epochs done and the metric of `trainer.select`.
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        step: Step,
        checkpoints: Checkpoints,
        profile_folder: Path,
        emit: Emit,
        stop: Callable[[], str | None],
        prune: Prune | None = None,
    ) -> None:
        trainer = config.trainer
        self.config, self.dataset, self.step = config, dataset, step
        self.checkpoints, self.emit, self.stop, self.prune = checkpoints, emit, stop, prune
        self.state = State()
        self.evaluator = Evaluator(config, step)
        self.train_feed, self.val_feed = self.evaluator.feed(dataset.train), self.evaluator.feed(dataset.val)
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
        self.speed = Speed(trainer.batch_size)
        self._failed: FailedBatch | None = None
        self._last: Means | None = None  # the latest evaluation of the validation images
        self.profiler = Profiler(profile_folder, step.model, emit) if trainer.profile else None

    def resume(self) -> None:
        """Restore the last checkpoint of the run, so that training resumes from it."""
        self.state = self.checkpoints.restore("last", self.step.variables)

    # ---- The whole training --------------------------------------------------------------------------------------

    def train(self) -> Outcome:
        """Train, validate after each epoch, select the best weights, and measure the test set once with them."""
        try:
            return self._train()
        finally:
            if self.profiler is not None:
                self.profiler.stop()

    def _train(self) -> Outcome:
        state = self.state
        # A run may have been killed after its last epoch but before early stopping; then it ends when it is resumed.
        status, reason = "FINISHED", self._early_stop() if state.epoch and not state.epoch_steps else ""
        while state.epoch < self.epochs and not reason:
            reason = self._train_epoch()
            if reason.startswith(NOT_FINITE):
                return Outcome("FAILED", blame(reason, self.step, self._failed), self._metrics(), state.history)
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
        return Outcome(status, reason, self._finish(), state.history)

    # ---- One epoch -----------------------------------------------------------------------------------------------

    def _train_epoch(self) -> str:
        """Take the remaining steps of the epoch; returns why training ends here, or an empty string."""
        config, state = self.config, self.state
        size = smaller(self.step.networks.whole, size_at(config.schedule, state.epoch, self.epochs))
        if self.step.set_epoch(size, config.schedule.unfreeze, state.epoch):
            self.speed.expect_compilation()
        left = max(0, min(self.total_steps - state.step, self.steps_per_epoch - state.epoch_steps))
        order, mirrored = (part[state.epoch_steps : state.epoch_steps + left] for part in self._batches(state.epoch))
        taken = 0
        started = asked = time.perf_counter()
        for images, labels, indices in self.train_feed.chunks(order, self.speed.steps_per_call):
            waited = time.perf_counter() - asked
            steps = np.arange(state.step, state.step + len(indices))
            rates = rate_at(config.schedule, config.optim.learning_rate, steps, self.steps_per_epoch, self.total_steps)
            rates = rates * np.float32(state.plateau.factor)
            flips = mirrored[taken : taken + len(indices)]
            taken += len(indices)
            done = self._take_steps(images, labels, indices, rates, state.step, flips)
            now = time.perf_counter()
            # The time since the end of the previous call, so that waiting for images is included.
            self._count(done.losses, done.accuracies, rates, now - started, waited)
            started = now
            if not done.finite:
                last = len(done.losses) - 1
                self._failed = FailedBatch(images, indices[last], flips[last], state.step - 1)
                loss, step = done.losses[-1], state.step
                evidence = f"a gradient at step {step}" if np.isfinite(loss) else f"the loss at step {step} is {loss}"
                return f"{NOT_FINITE}: {evidence}"
            if signal := self.stop():
                return signal
            limit = config.trainer.max_seconds
            if limit is not None and state.seconds >= limit:
                return f"trainer.max_seconds={limit:g} is reached"
            asked = time.perf_counter()
        if first_bad_weight(self.step.model):
            return f"{NOT_FINITE}: weights after step {state.step}"
        limit_steps = config.trainer.max_steps
        if limit_steps is not None and state.step >= limit_steps:
            return f"trainer.max_steps={limit_steps} is reached"
        return ""

    def _batches(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The positions of the batches of an epoch, int32, and whether each image is mirrored, bool: (steps, batch)."""
        config, count = self.config, len(self.train_feed)
        epoch = 0 if config.trainer.overfit_batch else epoch
        order = epoch_order(count, config.trainer.batch_size, config.seed, epoch)[: self.steps_per_epoch]
        if config.trainer.overfit_batch:
            order = np.repeat(order[:1], len(order), axis=0)
        return order, mirrored_in(order, count, config.seed, epoch)

    def _take_steps(self, *arguments: Any) -> StepResult:
        train = self.step.train
        try:
            return train(*arguments) if self.profiler is None else self.profiler(train, *arguments)
        except tf.errors.ResourceExhaustedError:
            log.exception("A training step needs more memory than is available")
            raise RunError(batch_too_large(self.step, self.config.trainer.batch_size, *arguments)) from None

    def _count(
        self, losses: np.ndarray, accuracies: np.ndarray, rates: np.ndarray, seconds: float, waited: float
    ) -> None:
        """Add steps to the state and emit them; `seconds` include `waited`, the seconds spent waiting for images."""
        state, count = self.state, len(losses)
        state.step += count
        state.epoch_steps += count
        state.seconds += seconds
        state.epoch_loss_sum += float(losses.sum(dtype=np.float64))
        state.epoch_accuracy_sum += float(accuracies.sum(dtype=np.float64))
        speed = self.speed.count(count, seconds)
        epoch = state.epoch + state.epoch_steps / self.steps_per_epoch
        self.emit(StepsDone(state.step, epoch, losses, accuracies, rates[:count], speed, waited / seconds))

    # ---- Validation, selection, early stopping -------------------------------------------------------------------

    def _end_epoch(self) -> None:
        """Compute the training metrics of the epoch, validate, and select the best weights."""
        state = self.state
        loss, accuracy = state.epoch_loss_sum / state.epoch_steps, state.epoch_accuracy_sum / state.epoch_steps
        state.epoch += 1
        state.epoch_steps, state.epoch_loss_sum, state.epoch_accuracy_sum = 0, 0.0, 0.0
        start = self.config.trainer.swa_start
        if start is not None and state.epoch >= start:
            self._average_weights()
        self._validate(float(state.epoch), loss, accuracy)

    def _average_weights(self) -> None:
        """Add the weights to the average of `trainer.swa_start`, and measure its moving statistics with one pass.

        The pass repeats the batches of the epoch, in the parts in which they are trained, but with other draws.
        """
        state, averages, started = self.state, self.step.averages, time.perf_counter()
        averages.add()
        averages.swap()
        order, mirrored = (
            part.reshape(-1, self.step.batch // self.step.shares) for part in self._batches(state.epoch - 1)
        )
        averages.measure_statistics(self._passes(order, mirrored), state.step)
        averages.swap()
        state.seconds += time.perf_counter() - started

    def _passes(self, order: np.ndarray, mirrored: np.ndarray) -> Iterator[Pass]:
        taken = 0
        for images, _, indices in self.train_feed.chunks(order, lambda: BATCHES_PER_CALL):
            yield images, indices, mirrored[taken : taken + len(indices)]
            taken += len(indices)

    def _validate(self, epoch: float, train_loss: float, train_accuracy: float) -> None:
        """Emit the training metrics, measure the validation images and select the best weights.

        The weights that are measured are the current ones, or their averages with `trainer.ema` or `trainer.swa_start`.

        Args:
            epoch: the number of epochs done, with a fraction.
            train_loss: the mean loss over the steps of this epoch.
            train_accuracy: the mean accuracy over the steps of this epoch.
        """
        state, trainer = self.state, self.config.trainer
        self.emit(EpochDone(state.step, epoch, train_loss, train_accuracy, self.speed.images_per_second, state.seconds))
        started = time.perf_counter()
        self.step.share_statistics()
        self.step.averages.swap()
        self._last = None  # frees the logits of the evaluation before
        self._last = means = self.evaluator.validate(self.val_feed)
        best = state.select(means.named("val"), epoch, trainer.select)
        if best and not trainer.dry_run:
            self.checkpoints.save("best", self.step.model_variables, state)
        self.step.averages.swap()
        if self.config.schedule.name == "plateau":
            state.plateau.update(means.loss, self.config.schedule)
        state.seconds += time.perf_counter() - started
        row = {names.EPOCH: epoch, "step": float(state.step)}
        row |= {names.TRAIN_LOSS: train_loss, names.TRAIN_ACCURACY: train_accuracy}
        state.history.append(row | means.named("val"))
        self.emit(Evaluated("val", state.step, epoch, means.loss, means.accuracy, best, more=means.more))

    def _early_stop(self) -> str:
        patience = self.config.trainer.patience
        if patience is not None and self.state.waited >= patience:
            return f"no better {self.config.trainer.select} for {patience} evaluations (trainer.patience)"
        if self.prune is not None and self.state.epoch < self.epochs:
            # A metric of logits is missing if a logit is not finite; for all of them, higher is better.
            return self.prune(self.state.epoch, self.state.history[-1].get(self.config.trainer.select, -math.inf))
        return ""

    def _save(self) -> None:
        if self.config.trainer.checkpoint and not self.config.trainer.dry_run:
            self.checkpoints.save("last", self.step.variables, self.state)

    # ---- After the last epoch: gap and test set ------------------------------------------------------------------

    def _finish(self) -> dict[str, float]:
        """Measure the gap with the last weights and the test set with the selected weights; returns all metrics."""
        state, trainer = self.state, self.config.trainer
        measured = bool(state.history) and state.history[-1]["step"] == state.step
        if state.epoch_steps and not measured:  # training ended within an epoch, so its weights are not yet measured
            loss, accuracy = state.epoch_loss_sum / state.epoch_steps, state.epoch_accuracy_sum / state.epoch_steps
            self._validate(state.epoch + state.epoch_steps / self.steps_per_epoch, loss, accuracy)
            self._save()
        if trainer.dry_run:
            return self._metrics()
        self.step.averages.swap()
        last = self._last or self.evaluator.validate(self.val_feed)  # none if a resumed run has nothing left to train
        metrics = {f"val/{name}": value for name, value in last.of_logits().items()}
        if trainer.gap:
            metrics |= self.evaluator.gap(self.dataset.train, len(self.val_feed))
        self.step.averages.swap()
        if metrics:
            self.emit(Measured(state.step, metrics))
        self.checkpoints.restore("best", self.step.model_variables)
        if state.best is not None:
            same = int(state.best["step"]) == state.step
            metrics |= self._measure_selected(last if same else self.evaluator.validate(self.val_feed), state.best)
        return self._metrics(metrics)

    def _measure_selected(self, val: Means, best: dict[str, float]) -> dict[str, float]:
        """Measure the test images with the selected weights; returns the metrics of validation and test images.

        Args:
            val: the evaluation of the validation images with the selected weights.
            best: the step and epoch of the selected weights.
        """
        classes, test = self.dataset.classes, self.dataset.test
        found = val.of_predictions() | val.of_logits() | val.by_class(classes)
        temperature = classification.temperature(val.labels, val.logits)
        if temperature is not None:
            found[names.TEMPERATURE] = temperature
        metrics = {f"val/{names.BEST}{name}": value for name, value in found.items()}
        logits = {"val": val.logits}
        if test is not None:
            means = self._measure_test(test, val, best, temperature)
            metrics |= means.named("test") | {f"test/{name}": value for name, value in means.by_class(classes).items()}
            logits["test"] = means.logits
        self.emit(Predicted(int(best["step"]), logits))
        return metrics

    def _measure_test(self, test: Split, val: Means, best: dict[str, float], temperature: float | None) -> Means:
        """Measure the test images with the selected weights.

        Args:
            test: the test split.
            val: the evaluation of the validation images with the selected weights.
            best: the step and epoch of the selected weights.
            temperature: the temperature of the validation images; None without one.
        """
        validation_is_test = self.config.data.validation == "test"
        feed = self.val_feed if validation_is_test else self.evaluator.feed(test)
        means = val._replace(more=dict(val.more)) if validation_is_test else self.evaluator.measure(feed)
        # A temperature says nothing about the images to which it was fitted.
        means.more.update(means.of_predictions() | means.of_logits(None if validation_is_test else temperature))
        if self.config.trainer.tta != "none":
            averaged = self.evaluator.measure(feed, "tta")
            means.more.update(tta_loss=averaged.loss, tta_accuracy=averaged.accuracy)
        self.emit(Evaluated("test", int(best["step"]), best["epoch"], means.loss, means.accuracy, True, means.more))
        return means

    def _metrics(self, at_the_end: dict[str, float] | None = None) -> dict[str, float]:
        """The final metrics of the run by their names in MLflow, with those that were measured `at_the_end`."""
        state = self.state
        last = state.history[-1] if state.history else {}
        metrics = {key: value for key, value in last.items() if "/" in key}
        if state.best is not None:
            best = {name: value for name, value in state.best.items() if name != "step" and value != -math.inf}
            metrics |= {f"val/{names.BEST}{name}": value for name, value in best.items()}
        metrics |= at_the_end or {}
        speed = {names.IMAGES_PER_SECOND: self.speed.images_per_second} if self.speed.images_per_second else {}
        return metrics | {names.SECONDS: state.seconds} | speed
