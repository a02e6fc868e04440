"""Checks while a network trains: of its losses, of its evaluations, and of a probe at regular steps."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.config.doctor import Doctor
from exprun.doctor import graph, signal
from exprun.doctor.chance import ChanceLevel
from exprun.doctor.curves import Epoch, check_fallen, check_oscillation, check_plateau, check_slow
from exprun.doctor.data import Images, class_name
from exprun.doctor.examine import Subject
from exprun.doctor.finding import Finding
from exprun.doctor.pace import check_low
from exprun.doctor.record import Pass, passed, passed_back
from exprun.text import nouns

log = logging.getLogger(__name__)
MAX_SAMPLES = 4096  # values of each weight that are compared between probes
OVERFITTING_GAP = 0.25  # training accuracy minus validation accuracy
MIN_STEPS = 20  # steps that are averaged, at least
SUSPICION = "shuffled-labels"  # the cause that the run later confirms or refutes
LEAKED = "leaked-validation"  # after this finding, validation refutes nothing
REFUTED = (SUSPICION, "loss-at-chance", "collapsed-predictions")  # withdrawn if validation is accurate
SETTLED = 0.05  # share of its first value that is left in a moving average that has settled
MIN_EFFECTIVE_CLASSES = 1.8  # exp(entropy of the labels); two balanced classes have 2.0
MAX_IMBALANCE = 1.2  # share of the most frequent class, in units of 1 / effective classes
TWICE = 2  # probes or evaluations in a row before something that may pass is a finding
LATE = 3  # evaluations in a row before lagging moving averages are more than the usual start
PROBE_SLOWNESS = 2.0  # expected time of an image in a probe, in units of its time in training
COMPARABLE_GRADIENT = 0.1  # in units of the median relative gradient of weights that move
MOVING = 1e-5  # relative change in a step from which weights count as moving
FREE_SECONDS = 1.0  # probes may always take this long, in seconds, whatever their share of the time
LUCK = 3.1  # standard deviations that luck alone exceeds in 1 of 1,000 cases
REFUTING_LOSS = 0.5  # validation loss below which findings are refuted, in units of the loss of chance level
WAITS = 20  # calls over which the share of waiting for images is averaged


class Watch:
    """The checks of one run while it trains.

    Args:
        subject: the network and the data of the run.
        chance: the chance level of the training labels; None if the labels are not classes, or too few are known yet.
        steps: the number of steps of the whole run; None if unknown.
        limits: the thresholds.
    """

    def __init__(self, subject: Subject, chance: ChanceLevel | None, steps: int | None, limits: Doctor) -> None:
        self.model, self.objective = subject.model, subject.objective
        self.inputs, self.labels = subject.train.inputs[: limits.images], subject.labels[: limits.images]
        self.pace, self.classes = subject.pace, subject.classes
        self.batch = self.pace.batch if self.pace is not None else 1
        self.chance, self.limits, self.weighted = chance, limits, subject.weighted
        assert limits.chance_steps is not None
        assert limits.every is not None
        # In a short run, fewer steps are averaged.
        self._recent: deque[tuple[float, float]] = deque(
            maxlen=min(limits.chance_steps, max(MIN_STEPS, steps // 2)) if steps else limits.chance_steps
        )
        self._whole = steps
        self._every = min(limits.every, max(1, steps // 10)) if steps else limits.every
        self._first_loss: float | None = None
        self._first_probe: float | None = None
        self._lowest = np.inf
        self._weights: tuple[int, list[np.ndarray]] | None = None  # step of the last probe, and the weights then
        self._streaks: dict[str, int] = {}
        self._evaluations = 0
        self._lowest_val = np.inf
        self._seconds, self._started = 0.0, time.perf_counter()
        self._last: float | None = None  # seconds that the last probe took
        self._next = self._every
        self._suspicion: Finding | None = None
        self._val_images = 0  # number of validation images; 0 if unknown
        self._above_luck = np.inf  # validation accuracy above which luck is no explanation
        self._epochs: list[Epoch] = []
        self._waits: deque[float] = deque(maxlen=WAITS)

    def due(self, step: int) -> bool:
        """Whether a probe is due: `every` steps have passed, and probes have not used up their share of the time."""
        assert self.limits.share is not None
        elapsed = time.perf_counter() - self._started
        # The time of the first probe is estimated from that of an image in training; a probe is not compiled.
        per_image = elapsed / max(1, step * self.batch)
        expected = self._last if self._last is not None else PROBE_SLOWNESS * len(self.inputs) * per_image
        spent = self._seconds + expected
        return step >= self._next and (spent <= self.limits.share * elapsed or spent < FREE_SECONDS)

    def suspect(self, findings: Iterable[Finding], val: Images | None = None) -> None:
        """Keep the findings about labels, which the run later confirms or refutes.

        Args:
            findings: the findings about the data.
            val: the validation images, whose number decides which accuracy is above luck; None if there are none.
        """
        by_cause = {finding.cause: finding for finding in findings}
        self._suspicion = by_cause.get(SUSPICION)
        if val is None or val.counts is None:
            return
        self._val_images = int(val.counts.sum())
        if self.chance is not None and self._val_images and LEAKED not in by_cause:
            chance = max(self.chance.accuracy, float(val.counts.max() / self._val_images))
            self._above_luck = chance + LUCK * np.sqrt(chance * (1 - chance) / self._val_images)

    def steps(self, step: int, losses: np.ndarray, accuracies: np.ndarray) -> list[Finding]:
        """Record the loss and accuracy of training steps; returns new findings.

        Args:
            step: the number of steps done after these.
            losses: the loss of each step, (steps,).
            accuracies: the accuracy on the batch of each step, (steps,); NaN if it is not measured.
        """
        for loss, accuracy in zip(losses, accuracies, strict=True):
            if self._first_loss is None:
                self._first_loss = float(loss)
            self._recent.append((float(loss), float(accuracy)))
            self._lowest = min(self._lowest, float(loss))
        return self._safely(lambda: self._after_steps(step))

    def probe(self, step: int) -> list[Finding]:
        """Send the images of the probe through the network and back; returns new findings."""
        started = time.perf_counter()
        findings = self._safely(lambda: self._probe(step))
        self._last = time.perf_counter() - started
        self._seconds += self._last
        self._next = step + self._every
        return findings

    def waited(self, step: int, share: float) -> list[Finding]:
        """Record the share of the last call, or batch, that was spent waiting for images; returns new findings."""
        self._waits.append(share)
        return self._safely(lambda: self._slow_input(step))

    def epoch(self, epoch: Epoch) -> list[Finding]:
        """Record the metrics of a training epoch; returns new findings."""
        self._epochs.append(replace(epoch, noise=self._noise(epoch.step)))
        return self._safely(self._after_epoch)

    def evaluated(self, step: int, loss: float, accuracy: float) -> list[Finding]:
        """Record the loss and accuracy of a validation pass; returns new findings. Accuracy is NaN if not measured."""
        self._evaluations += 1
        return self._safely(lambda: self._after_evaluation(step, loss, accuracy))

    def _safely(self, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
        try:
            return list(check())
        except Exception:  # a bug in the doctor must not end the run
            log.exception("A check failed")
            return []

    def _streak(self, name: str, holds: bool, needed: int = TWICE) -> bool:
        """Whether `holds` has been true `needed` times in a row under this name."""
        self._streaks[name] = self._streaks.get(name, 0) + 1 if holds else 0
        return self._streaks[name] >= needed

    def _slow_input(self, step: int) -> Iterator[Finding]:
        assert self.limits.waiting is not None
        share = float(np.mean(self._waits))
        if len(self._waits) == WAITS and share > self.limits.waiting:
            yield Finding(
                "slow-input",
                "note",
                "input pipeline",
                f"In the last {WAITS} calls, training has spent {share:.0%} of the time waiting for images.",
                step,
                {"share": share},
            )

    def _noise(self, step: int) -> float:
        """The standard error of the mean loss of an epoch that ends at `step`."""
        count = max(1, step - (self._epochs[-1].step if self._epochs else 0))
        losses = [loss for loss, _ in list(self._recent)[-count:]]
        return float(np.std(losses)) / float(np.sqrt(count)) if losses else 0.0

    def _after_epoch(self) -> Iterator[Finding]:
        comparable = self.chance is not None and not self.weighted and not self.model.losses
        chance = self.chance if comparable else None
        yield from check_oscillation(self._epochs, chance, self.limits)
        yield from check_fallen(self._epochs, self._whole)
        if chance is not None:
            yield from check_slow(self._epochs, chance, self._whole, self.limits)
            yield from check_plateau(self._epochs, chance, self._whole, self.limits)

    def _mean(self) -> tuple[float, float]:
        rows = np.asarray(self._recent, np.float64)
        return float(rows[:, 0].mean()), float(rows[:, 1].mean())

    def _at_chance(self) -> bool:
        """Whether the recent steps together are no more accurate than chance level (three standard deviations)."""
        if self.chance is None or len(self._recent) < (self._recent.maxlen or 1):
            return False
        assert self.limits.chance_margin is not None
        share, count = self.chance.accuracy, len(self._recent) * self.batch
        if self.weighted and (
            share > MAX_IMBALANCE * np.exp(-self.chance.loss) or np.exp(self.chance.loss) < MIN_EFFECTIVE_CLASSES
        ):
            return False  # with class weights for rare classes, loss and accuracy cannot be compared with chance level
        accuracy = self._mean()[1]
        latest = float(np.mean([loss for loss, _ in list(self._recent)[-max(5, len(self._recent) // 4) :]]))
        if not self.weighted and latest < (1 - self.limits.chance_margin) * self.chance.loss:
            return False
        return np.isnan(accuracy) or accuracy <= share + 3 * float(np.sqrt(share * (1 - share) / count))

    def _after_steps(self, step: int) -> Iterator[Finding]:
        loss, accuracy = self._recent[-1]
        if not np.isfinite(loss):
            finite = [value for value, _ in self._recent if np.isfinite(value)]
            rose = self._first_loss is not None and bool(finite) and finite[-1] > 3 * max(self._lowest, 1e-6)
            unclipped = graph.unclipped_recurrence(self.model)
            at_once = self._first_loss is not None and not np.isfinite(self._first_loss)
            at_once = at_once and not (unclipped and step > 1)  # Keras may report one loss for several steps
            late = "exploding-gradient" if unclipped else "learning-rate-high" if rose else "not-finite"
            in_float16 = getattr(self.model, "compute_dtype", "") == "float16"
            first = ("trainer.precision=float32",) if in_float16 else ()  # the loss was not finite before any step
            yield Finding(
                "not-finite" if at_once else late,
                "error",
                "loss",
                f"The loss is {loss}"
                + (", and has not been finite since the first reported loss" if at_once else "")
                + (f"; before that, it had risen from {self._lowest:.3g} to {finite[-1]:.3g}." if rose else ".")
                + ("" if at_once else unclipped),
                step,
                remedies=first if at_once else None,
                keras="check images and labels with np.isfinite; look for log(0), sqrt(0) and division by 0 in your "
                "own losses and layers."
                if at_once
                else "",
            )
            return
        if len(self._recent) < (self._recent.maxlen or 1):
            return
        mean, accuracy = self._mean()
        if self.chance is not None and self._at_chance():
            yield from self._confirmed(step)
            if mean > 2 * self.chance.loss and mean > 1.2 * (self._first_loss or mean):
                yield self._high_learning_rate(step, mean)
                return
            clause = "" if np.isnan(accuracy) else f" and the accuracy is {accuracy:.1%}"
            yield Finding(
                "loss-at-chance",
                "error" if self._whole is not None and step >= self._whole / 2 else "warning",
                "training",
                f"Over the last {len(self._recent)} steps, the loss is {mean:.3f}{clause}; chance level is a loss of "
                f"{self.chance.loss:.3f} and an accuracy of about {self.chance.accuracy:.1%}.",
                step,
                {"loss": mean, "guessing": self.chance.loss},
            )
            yield from graph.check_dropout_depth(self.model, step)
            if self.pace is not None:
                yield from check_low(self.pace, self.limits, step, mean, self.chance.loss)
        elif mean > 10 * max(self._first_loss or mean, self._lowest) and mean > 10 * self._lowest:
            yield self._high_learning_rate(step, mean)

    def _high_learning_rate(self, step: int, mean: float) -> Finding:
        unclipped = graph.unclipped_recurrence(self.model)
        return Finding(
            "exploding-gradient" if unclipped else "learning-rate-high",
            "error",
            "training",
            f"Over the last {len(self._recent)} steps, the loss is {mean:,.3g}; it started at {self._first_loss:,.3g}, "
            f"and its lowest value was {self._lowest:,.3g}.{unclipped}",
            step,
            {"loss": mean, "lowest": self._lowest},
        )

    def _probe(self, step: int) -> Iterator[Finding]:
        variables = self.model.trainable_variables
        weights = [_sampled(v) for v in variables]
        if broken := [v.path for v, values in zip(variables, weights, strict=True) if not np.isfinite(values).all()]:
            yield Finding(
                "not-finite",
                "error",
                "weights",
                f"{len(broken)} of {len(variables)} variables contain NaN or infinity, the first of them {broken[0]}; "
                "the loss may still be finite, because a ReLU can turn NaN into 0.",
                step,
                {"variables": len(broken)},
            )
            return
        found = self._pass()
        loss = None if found.losses is None else float(found.losses.mean())
        chance_loss = None if self.chance is None else self.chance.loss
        if self._first_probe is None:
            self._first_probe = loss
        # Without classes there is no chance level, and the loss is compared with that of the first probe.
        enough = 0.9 * chance_loss if chance_loss is not None else 0.5 * (self._first_probe or 0.0)
        learned = loss is not None and loss < enough
        classes = None if self.chance is None else self.chance.classes
        dead = list(signal.check_dead(found, loss, chance_loss, step, self.limits))
        same = [] if learned else list(signal.check_dependence(found, step, self.limits))
        vanished = [] if learned or loss is None else list(signal.check_vanishing(self.model, found, step, self.limits))
        for cause, present in (
            ("dead-relu", dead),
            ("input-independent", same),
            ("vanishing-gradient", vanished),
        ):
            if self._streak(cause, bool(present)):
                yield from present
        if classes is not None and classes > 1 and found.outputs.ndim == 2 and found.outputs.shape[1] > 1:
            yield from self._collapsed(found, learned, step)
        matrices = [values for v, values in zip(variables, weights, strict=True) if len(v.shape) > 1]
        yield from self._updates(step, found, matrices, learned, bool(dead), bool(vanished))

    def _pass(self) -> Pass:
        if self.objective is None:
            return passed(self.model, self.inputs, training=True)
        losses = self.objective.losses
        return passed_back(self.model, self.inputs, lambda outputs: losses(outputs, tf.constant(self.labels)))

    def _collapsed(self, found: Pass, learned: bool, step: int) -> Iterator[Finding]:
        predicted = np.unique(found.outputs.argmax(1))
        labelled = len(np.unique(self.labels.reshape(len(self.labels), -1), axis=0))
        one = len(predicted) == 1 and labelled > 2 and not learned and step >= MIN_STEPS  # many networks start so
        if self._streak("collapsed-predictions", one, TWICE + 1):
            yield Finding(
                "collapsed-predictions",
                "warning",
                "output",
                f"The network predicts class {class_name(predicted[0], self.classes)} for all {len(found.outputs)} "
                f"images of the probe, but they belong to {labelled} classes.",
                step,
                {"classes": labelled},
            )

    def _updates(
        self, step: int, found: Pass, now: list[np.ndarray], learned: bool, dead: bool, vanished: bool
    ) -> Iterator[Finding]:
        """Find weights that have moved too little, too far or not at all since the last probe.

        Args:
            step: the step of the optimiser.
            found: the pass of the probe.
            now: sampled values of each matrix of weights.
            learned: whether the loss is clearly below chance level.
            dead: whether the probe found dead units, whose weights cannot move.
            vanished: whether the probe found a vanishing gradient.
        """
        assert self.limits.small_update is not None
        assert self.limits.large_update is not None
        last, self._weights = self._weights, (step, now)
        if last is None or len(last[1]) != len(now) or last[0] == step or not now:
            return
        steps = step - last[0]
        moved = [
            float(np.linalg.norm(new - old) / max(float(np.linalg.norm(old)), 1e-12)) / steps
            for old, new in zip(last[1], now, strict=True)
        ]
        left = [] if dead or vanished else self._left_out(found, moved)
        if self._streak("left-out", bool(left)):
            yield self._left_out_finding(step, steps, left, len(moved))
        typical = float(np.median([move for move in moved if move > 0] if left else moved))
        still = typical < self.limits.small_update and not learned and not dead
        if self._streak("still", still, TWICE + 1):
            yield Finding(
                "learning-rate-low",
                "warning",
                "weights",
                f"In {steps} steps, the weights have changed by {typical * steps:.1e} of their size ({typical:.1e} in "
                "each step; about 1e-3 is normal).",
                step,
                {"moved": typical},
            )
        far = typical * steps > self.limits.large_update and steps >= MIN_STEPS and self.chance is not None
        if self._streak("far", far and not learned and not (dead or vanished)):
            yield Finding(
                "learning-rate-high",
                "warning",
                "weights",
                f"In {steps} steps, the weights have changed by {typical * steps:,.2g} times their size, and the "
                f"network has not learned; less than {self.limits.large_update:g} times is normal.",
                step,
                {"moved": typical * steps},
            )

    def _left_out(self, found: Pass, moved: list[float]) -> list[Any]:
        """The weights that have not changed, although their gradient is as large as the gradient of other weights."""
        variables = self.model.trainable_variables
        if len(found.gradients) != len(variables):
            return []
        both = [(v, g) for v, g in zip(variables, found.gradients, strict=True) if len(v.shape) > 1]
        sizes = [
            0.0 if g is None else float(np.linalg.norm(g) / max(float(np.linalg.norm(np.asarray(v))), 1e-12))
            for v, g in both
        ]
        moving = [size for size, move in zip(sizes, moved, strict=True) if move > MOVING]
        if not moving:
            return []
        least = COMPARABLE_GRADIENT * float(np.median(moving))
        return [
            v
            for (v, _), size, move in zip(both, sizes, moved, strict=True)
            if move == 0 and size > least and v.name != "embeddings"  # a step changes few of its rows
        ]

    def _left_out_finding(self, step: int, steps: int, left: list[Any], of: int) -> Finding:
        lost = {id(v) for v in left}
        owners = [x for x in graph.leaves(self.model) if any(id(v) in lost for v in x.trainable_variables)]
        return Finding(
            "untrained-variables",
            "error",
            f"{nouns(len(owners), 'layer')} {graph.named(owners)}",
            f"In {steps} steps, {len(left)} of {of} matrices of weights have not changed at all, although their "
            "gradient is as large as that of the others: the training step does not update them.",
            step,
            {"variables": len(left)},
            keras="in your own train_step, pass all of model.trainable_variables to tape.gradient and to the apply "
            "method of the optimiser.",
        )

    def _after_evaluation(self, step: int, loss: float, accuracy: float) -> Iterator[Finding]:
        self._lowest_val = min(self._lowest_val, loss if np.isfinite(loss) else np.inf)
        yield from self._refuted(step, loss, accuracy)
        if len(self._recent) == 0:
            return
        recent = np.asarray(self._recent, np.float64)[-20:]
        trained, trained_accuracy = float(recent[:, 0].mean()), float(recent[:, 1].mean())
        if self._epochs:
            trained, trained_accuracy = self._epochs[-1].loss, self._epochs[-1].accuracy
        memorised = self._at_chance_in_validation(accuracy) and self._has_learned(trained)
        if self._suspicion is not None and self._streak("suspicion", memorised) and not self._lags(trained):
            yield from self._confirmed(step)
        worse = self._worse_than_chance(loss, accuracy, trained, trained_accuracy)
        again = self._streak("again", worse)  # one evaluation proves nothing, and the passes of `_lags` take time
        if again and (losses := self._lags(trained)):
            self._streak("worse", False)
            if self._streak("lag", True, LATE - 1) and not self._settles(step):
                yield self._lag_finding(step, *losses)
            return
        self._streak("lag", False)
        # If the training images are about as bad in evaluation, the cause is not that the validation images differ.
        unlike = worse and loss > 2 * (self._loss(training=False) or 0.0)
        if self._streak("worse", unlike):
            assert self.chance is not None
            yield Finding(
                "no-generalization",
                "warning",
                "validation",
                f"The loss is {trained:.3f} in training and {loss:,.3f} in validation"
                f"{_percent(trained_accuracy, accuracy)}; chance level is a loss of {self.chance.loss:.3f}.",
                step,
                {"train_loss": trained, "val_loss": loss},
            )
        assert self.limits.overfitting is not None
        luck = LUCK * np.sqrt(accuracy * (1 - accuracy) / self._val_images) if self._val_images else 0.0
        # The loss depends mostly on the wrong predictions; if they are few, it varies more.
        wrong = (1 - np.nan_to_num(accuracy)) * self._val_images
        loss_luck = LUCK / np.sqrt(max(1.0, wrong)) if self._val_images else 0.0
        rose = loss > self.limits.overfitting * (1 + loss_luck) * self._lowest_val and self._evaluations > LATE
        gap = trained_accuracy - accuracy > OVERFITTING_GAP + luck and loss > 3 * trained
        # If the training images are no better in evaluation, the difference is not due to memorisation.
        memorises = (rose or gap) and loss > 2 * max(trained, self._loss(training=False) or 0.0)
        if self._streak("overfitting", memorises, LATE):
            yield Finding(
                "overfitting",
                "note",
                "validation",
                f"The loss is {trained:.3f} in training and {loss:.3f} in validation (lowest {self._lowest_val:.3f})"
                f"{_percent(trained_accuracy, accuracy)}.",
                step,
                {"val_loss": loss, "lowest": self._lowest_val, "train_loss": trained},
            )

    def _confirmed(self, step: int) -> Iterator[Finding]:
        """The suspicion about labels as a warning, now that the run has made it likely."""
        if self._suspicion is not None:
            yield replace(self._suspicion, severity="warning", step=step)

    def _refuted(self, step: int, loss: float, accuracy: float) -> Iterator[Finding]:
        """Withdraw findings that validation refutes: it is more accurate than luck explains, with a low loss."""
        # If most labels are wrong, the few right ones can give a good accuracy, but not a low loss.
        if self.chance is not None and accuracy > self._above_luck and loss < REFUTING_LOSS * self.chance.loss:
            evidence = (
                f"The network predicts {accuracy:.1%} of the validation images correctly, with a loss of {loss:.3f}; "
                f"chance level is a loss of {self.chance.loss:.3f}."
            )
            self._suspicion = None
            for cause in REFUTED:
                yield Finding(cause, "note", "validation", evidence, step, withdrawn=True)

    def _at_chance_in_validation(self, accuracy: float) -> bool:
        """Whether validation is no more accurate than chance level, with a margin for the luck of few images."""
        return self.chance is not None and accuracy <= 1.25 * self.chance.accuracy + 0.02

    def _has_learned(self, trained: float) -> bool:
        """Whether the training loss is clearly below chance level."""
        return self.chance is not None and trained < 0.8 * self.chance.loss

    def _worse_than_chance(self, loss: float, accuracy: float, trained: float, trained_accuracy: float) -> bool:
        """Whether training has learned, but the validation loss is clearly above chance level."""
        if self.chance is None or not np.isfinite(loss):
            return False
        learned = self._has_learned(trained) and not trained_accuracy < 1.5 * self.chance.accuracy
        return learned and loss > 1.5 * self.chance.loss and not accuracy > 0.8 * trained_accuracy

    def _has_batch_norm(self) -> bool:
        return any(isinstance(x, keras.layers.BatchNormalization) for x in graph.leaves(self.model))

    def _lags(self, trained: float) -> tuple[float, float] | None:
        """The loss of training images in training mode and in evaluation, if the second is far worse; else None.

        Args:
            trained: the training loss, which mostly shows without a second pass that no moving average lags.
        """
        evaluated = self._loss(training=False) if self._has_batch_norm() else None
        if self.chance is None or evaluated is None or evaluated <= max(self.chance.loss, trained):
            return None
        same = self._loss(training=True)
        return (same, evaluated) if same is not None and evaluated > 2 * same else None

    def _loss(self, training: bool) -> float | None:
        """The mean loss of the images of the probe, in training mode or in inference mode."""
        if self.objective is None:
            return None
        outputs = passed(self.model, self.inputs, training).outputs
        return float(tf.reduce_mean(self.objective.losses(tf.constant(outputs), tf.constant(self.labels))))

    def _momentum(self) -> float:
        """The highest momentum of any batch norm; its moving averages settle last."""
        return max(x.momentum for x in graph.leaves(self.model) if isinstance(x, keras.layers.BatchNormalization))

    def _settles(self, step: int) -> bool:
        """Whether less than half of the run is done and the moving averages have not settled yet."""
        return self._whole is not None and step < self._whole / 2 and self._momentum() ** step >= SETTLED

    def _lag_finding(self, step: int, trained: float, evaluated: float) -> Finding:
        momentum = self._momentum()
        settled = momentum**step < SETTLED
        enough = f"; {step:,} steps are enough for averages with momentum {momentum:g}, so both should be about equal."
        few = f", after {step:,} steps with momentum {momentum:g}; both should be about equal."
        return Finding(
            "lagging-batch-norm",
            "warning",
            "batch norm",
            f"The same training images have a loss of {trained:.3g} in training mode and {evaluated:,.3g} in "
            f"evaluation{enough if settled else few}",
            step,
            {"training": trained, "evaluation": evaluated, "momentum": momentum},
            keras="larger batches, a lower learning rate, no Dropout before BatchNormalization, or GroupNormalization."
            if settled
            else "",
        )


def _percent(trained: float, validated: float) -> str:
    """A clause with both accuracies; empty if one is not measured."""
    if np.isnan(trained) or np.isnan(validated):
        return ""
    return f", and the accuracy is {trained:.1%} and {validated:.1%}"


def _sampled(variable: Any) -> np.ndarray:
    """The current values of a weight at evenly spaced positions, (values,)."""
    flat = tf.reshape(variable.value, [-1])
    return np.asarray(flat[:: max(1, int(flat.shape[0]) // MAX_SAMPLES)], np.float32)
