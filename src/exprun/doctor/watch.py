"""What can be said while a network trains: from its losses, its evaluations, and a probe every so many steps."""

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
SAMPLE = 4096  # values of a weight that are followed
OVERFITTED = 0.25  # between the accuracy of training and that of validation
LEAST_STEPS = 20  # that are looked at together
SUSPICION = "shuffled-labels"  # what the run is to confirm or to refute
LEAKED = "leaked-validation"  # with it, validation refutes nothing
REFUTED = (SUSPICION, "loss-at-chance", "collapsed-predictions")  # where validation is right after all
ARRIVED = 0.05  # share of a moving average that is still its first value
EVEN_TWO = 1.8  # classes that guessing costs as much as, where there are two and both are about as frequent
UNEVEN = 1.2  # by how much the most frequent class may lie above one of as many even ones
TWICE = 2  # probes or evaluations in a row before what may pass is a finding
LATE = 3  # evaluations in a row before lagging averages are more than the usual start
EAGER = 2.0  # times as long as in training, an image in a probe
ALIKE, MOVES = 0.1, 1e-5  # gradient beside those of weights that move by so much of their size in a step
FREE = 1.0  # seconds that probes may take whatever their share
LUCKY = 3.1  # standard deviations that luck alone exceeds in 1 of 1,000 cases
REFUTES = 0.5  # of the loss of guessing, in validation
WAITS = 20  # calls over which the waiting for images is averaged


class Watch:
    """Follows one run.

    Args:
        subject: what is trained.
        guess: what guessing costs; None where labels are no classes, or too few of them are known yet.
        steps: of the whole run; None where unknown.
        limits: the thresholds.
    """

    def __init__(self, subject: Subject, guess: ChanceLevel | None, steps: int | None, limits: Doctor) -> None:
        self.model, self.objective = subject.model, subject.objective
        self.inputs, self.labels = subject.train.inputs[: limits.images], subject.labels[: limits.images]
        self.pace, self.classes = subject.pace, subject.classes
        self.batch = self.pace.batch if self.pace is not None else 1
        self.guess, self.limits, self.weighted = guess, limits, subject.weighted
        assert limits.chance_steps is not None
        assert limits.every is not None
        # A short run is judged by less.
        self._recent: deque[tuple[float, float]] = deque(
            maxlen=min(limits.chance_steps, max(LEAST_STEPS, steps // 2)) if steps else limits.chance_steps
        )
        self._whole = steps
        self._every = min(limits.every, max(1, steps // 10)) if steps else limits.every
        self._first_loss: float | None = None
        self._first_probe: float | None = None
        self._lowest = np.inf
        self._weights: tuple[int, list[np.ndarray]] | None = None  # as they were, and at which step
        self._streaks: dict[str, int] = {}
        self._evaluations = 0
        self._lowest_val = np.inf
        self._seconds, self._started = 0.0, time.perf_counter()
        self._last: float | None = None  # seconds of the last probe
        self._next = self._every
        self._suspicion: Finding | None = None
        self._answers = 0  # images of validation, as far as known
        self._above_luck = np.inf  # accuracy of validation that luck hardly has
        self._epochs: list[Epoch] = []
        self._waits: deque[float] = deque(maxlen=WAITS)

    def due(self, step: int) -> bool:
        """Whether it is time for a probe: every so many steps, as long as probes keep to their share of the time."""
        assert self.limits.share is not None
        passed_by = time.perf_counter() - self._started
        # Before the first, from the time of an image in training; a probe is not compiled.
        an_image = passed_by / max(1, step * self.batch)
        expected = self._last if self._last is not None else EAGER * len(self.inputs) * an_image
        spent = self._seconds + expected
        return step >= self._next and (spent <= self.limits.share * passed_by or spent < FREE)

    def suspect(self, findings: Iterable[Finding], val: Images | None = None) -> None:
        """Keep what was found about labels, for the run to confirm or to refute.

        Args:
            findings: about the data.
            val: validation images, whose number says which accuracy is above luck; None where there are none.
        """
        found = {finding.cause: finding for finding in findings}
        self._suspicion = found.get(SUSPICION)
        if val is None or val.counts is None:
            return
        self._answers = int(val.counts.sum())
        if self.guess is not None and self._answers and LEAKED not in found:
            chance = max(self.guess.accuracy, float(val.counts.max() / self._answers))
            self._above_luck = chance + LUCKY * np.sqrt(chance * (1 - chance) / self._answers)

    def steps(self, step: int, losses: np.ndarray, accuracies: np.ndarray) -> list[Finding]:
        """Take figures of steps.

        Args:
            step: behind them.
            losses: of each, (steps,).
            accuracies: share of the batch that was right, (steps,); NaN where it is not measured.
        """
        for loss, accuracy in zip(losses, accuracies, strict=True):
            if self._first_loss is None:
                self._first_loss = float(loss)
            self._recent.append((float(loss), float(accuracy)))
            self._lowest = min(self._lowest, float(loss))
        return self._safely(lambda: self._after_steps(step))

    def probe(self, step: int) -> list[Finding]:
        """Send the probe's images through the network and back."""
        started = time.perf_counter()
        found = self._safely(lambda: self._probe(step))
        self._last = time.perf_counter() - started
        self._seconds += self._last
        self._next = step + self._every
        return found

    def waited(self, step: int, share: float) -> list[Finding]:
        """Take the share of the time of the last call, or batch, that was spent waiting for images."""
        self._waits.append(share)
        return self._safely(lambda: self._slow_input(step))

    def epoch(self, epoch: Epoch) -> list[Finding]:
        """Take the figures of an epoch of training."""
        self._epochs.append(replace(epoch, noise=self._noise(epoch.step)))
        return self._safely(self._after_epoch)

    def evaluated(self, step: int, loss: float, accuracy: float) -> list[Finding]:
        """Take the figures of an evaluation; accuracy is NaN where it is not measured."""
        self._evaluations += 1
        return self._safely(lambda: self._after_evaluation(step, loss, accuracy))

    def _safely(self, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
        try:
            return list(check())
        except Exception:  # the doctor never ends a run by a mistake of its own
            log.exception("A check failed")
            return []

    def _streak(self, name: str, holds: bool, needed: int = TWICE) -> bool:
        """Whether something holds for the so-manieth time in a row."""
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
                f"Training has waited for images {share:.0%} of the time lately.",
                step,
                {"share": share},
            )

    def _noise(self, step: int) -> float:
        """Standard error of the loss of an epoch that ends here."""
        count = max(1, step - (self._epochs[-1].step if self._epochs else 0))
        losses = [loss for loss, _ in list(self._recent)[-count:]]
        return float(np.std(losses)) / float(np.sqrt(count)) if losses else 0.0

    def _after_epoch(self) -> Iterator[Finding]:
        comparable = self.guess is not None and not self.weighted and not self.model.losses
        chance = self.guess if comparable else None
        yield from check_oscillation(self._epochs, chance, self.limits)
        yield from check_fallen(self._epochs, self._whole)
        if chance is not None:
            yield from check_slow(self._epochs, chance, self._whole, self.limits)
            yield from check_plateau(self._epochs, chance, self._whole, self.limits)

    def _mean(self) -> tuple[float, float]:
        rows = np.asarray(self._recent, np.float64)
        return float(rows[:, 0].mean()), float(rows[:, 1].mean())

    def _at_chance(self) -> bool:
        """Whether the recent steps, all together, are right no more often than guessing (three deviations)."""
        if self.guess is None or len(self._recent) < (self._recent.maxlen or 1):
            return False
        assert self.limits.chance_margin is not None
        share, count = self.guess.accuracy, len(self._recent) * self.batch
        if self.weighted and (share > UNEVEN * np.exp(-self.guess.loss) or np.exp(self.guess.loss) < EVEN_TWO):
            return False  # weights that make up for rare classes: loss and accuracy then mean something else
        accuracy = self._mean()[1]
        latest = float(np.mean([loss for loss, _ in list(self._recent)[-max(5, len(self._recent) // 4) :]]))
        if not self.weighted and latest < (1 - self.limits.chance_margin) * self.guess.loss:
            return False
        return np.isnan(accuracy) or accuracy <= share + 3 * float(np.sqrt(share * (1 - share) / count))

    def _after_steps(self, step: int) -> Iterator[Finding]:
        loss, accuracy = self._recent[-1]
        if not np.isfinite(loss):
            before = [value for value, _ in self._recent if np.isfinite(value)]
            rose = self._first_loss is not None and bool(before) and before[-1] > 3 * max(self._lowest, 1e-6)
            unclipped = graph.unclipped_recurrence(self.model)
            at_once = self._first_loss is not None and not np.isfinite(self._first_loss)
            at_once = at_once and not (unclipped and step > 1)  # several steps may have one figure in Keras
            late = "exploding-gradient" if unclipped else "learning-rate-high" if rose else "not-finite"
            in_float16 = getattr(self.model, "compute_dtype", "") == "float16"
            first = ("trainer.precision=float32",) if in_float16 else ()  # no step has spoilt it
            yield Finding(
                "not-finite" if at_once else late,
                "error",
                "loss",
                f"The loss is {loss}"
                + (" and has not been finite since the first that was seen" if at_once else "")
                + (f"; before, it had risen from {self._lowest:.3g} to {before[-1]:.3g}." if rose else ".")
                + ("" if at_once else unclipped),
                step,
                remedies=first if at_once else None,
                keras="test images and labels by np.isfinite; look for log(0), sqrt(0) and division by 0 in losses and "
                "layers of your own."
                if at_once
                else "",
            )
            return
        if len(self._recent) < (self._recent.maxlen or 1):
            return
        mean, accuracy = self._mean()
        if self.guess is not None and self._at_chance():
            yield from self._confirmed(step)
            if mean > 2 * self.guess.loss and mean > 1.2 * (self._first_loss or mean):
                yield self._high_rate(step, mean)
                return
            right = "" if np.isnan(accuracy) else f" and the accuracy {accuracy:.1%}"
            yield Finding(
                "loss-at-chance",
                "error" if self._whole is not None and step >= self._whole / 2 else "warning",
                "training",
                f"Over the last {len(self._recent)} steps the loss is {mean:.3f}{right}; guessing by the classes' "
                f"frequencies costs {self.guess.loss:.3f} and has an accuracy of about {self.guess.accuracy:.1%}.",
                step,
                {"loss": mean, "guessing": self.guess.loss},
            )
            yield from graph.check_dropout_depth(self.model, step)
            if self.pace is not None:
                yield from check_low(self.pace, self.limits, step, mean, self.guess.loss)
        elif mean > 10 * max(self._first_loss or mean, self._lowest) and mean > 10 * self._lowest:
            yield self._high_rate(step, mean)

    def _high_rate(self, step: int, mean: float) -> Finding:
        unclipped = graph.unclipped_recurrence(self.model)
        return Finding(
            "exploding-gradient" if unclipped else "learning-rate-high",
            "error",
            "training",
            f"Over the last {len(self._recent)} steps the loss is {mean:,.3g}; it began at {self._first_loss:,.3g}, "
            f"and its lowest was {self._lowest:,.3g}.{unclipped}",
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
                f"{len(broken)} of {len(variables)} variables hold NaN or infinity, {broken[0]} first of all; the loss "
                "may stay finite, as a ReLU can turn NaN into 0.",
                step,
                {"variables": len(broken)},
            )
            return
        found = self._pass()
        loss = None if found.losses is None else float(found.losses.mean())
        guess = None if self.guess is None else self.guess.loss
        if self._first_probe is None:
            self._first_probe = loss
        # Without classes, what counts is that the loss falls.
        enough = 0.9 * guess if guess is not None else 0.5 * (self._first_probe or 0.0)
        learned = loss is not None and loss < enough
        classes = None if self.guess is None else self.guess.classes
        dead = list(signal.check_dead(found, loss, guess, step, self.limits))
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
        answers = np.unique(found.outputs.argmax(1))
        wanted = len(np.unique(self.labels.reshape(len(self.labels), -1), axis=0))
        one = len(answers) == 1 and wanted > 2 and not learned and step >= LEAST_STEPS  # many networks start so
        if self._streak("collapsed-predictions", one, TWICE + 1):
            yield Finding(
                "collapsed-predictions",
                "warning",
                "output",
                f"All {len(found.outputs)} images of the probe are taken for class "
                f"{class_name(answers[0], self.classes)}; they are of {wanted} classes.",
                step,
                {"classes": wanted},
            )

    def _updates(
        self, step: int, found: Pass, now: list[np.ndarray], learned: bool, dead: bool, vanished: bool
    ) -> Iterator[Finding]:
        """How far weights have moved since the last probe, beside their size.

        Args:
            step: of the optimiser.
            found: what the probe shows.
            now: some values of each matrix of weights.
            learned: whether the loss is below that of guessing.
            dead: whether units are, so that nothing can move.
            vanished: whether the gradient has.
        """
        assert self.limits.small_update is not None
        assert self.limits.large_update is not None
        before, self._weights = self._weights, (step, now)
        if before is None or len(before[1]) != len(now) or before[0] == step or not now:
            return
        steps = step - before[0]
        moved = [
            float(np.linalg.norm(new - old) / max(float(np.linalg.norm(old)), 1e-12)) / steps
            for old, new in zip(before[1], now, strict=True)
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
                f"In {steps} steps the weights have moved by {typical * steps:.1e} of their size ({typical:.1e} a "
                "step; about 1e-3 is normal).",
                step,
                {"moved": typical},
            )
        far = typical * steps > self.limits.large_update and steps >= LEAST_STEPS and self.guess is not None
        if self._streak("far", far and not learned and not (dead or vanished)):
            yield Finding(
                "learning-rate-high",
                "warning",
                "weights",
                f"In {steps} steps the weights have moved by {typical * steps:,.2g} times their size, and nothing is "
                f"learned; less than {self.limits.large_update:g} times is normal.",
                step,
                {"moved": typical * steps},
            )

    def _left_out(self, found: Pass, moved: list[float]) -> list[Any]:
        """Weights that have not moved at all, though their gradient is as large as that of others that have."""
        variables = self.model.trainable_variables
        if len(found.gradients) != len(variables):
            return []
        both = [(v, g) for v, g in zip(variables, found.gradients, strict=True) if len(v.shape) > 1]
        sizes = [
            0.0 if g is None else float(np.linalg.norm(g) / max(float(np.linalg.norm(np.asarray(v))), 1e-12))
            for v, g in both
        ]
        going = [size for size, move in zip(sizes, moved, strict=True) if move > MOVES]
        if not going:
            return []
        least = ALIKE * float(np.median(going))
        return [
            v
            for (v, _), size, move in zip(both, sizes, moved, strict=True)
            if move == 0 and size > least and v.name != "embeddings"  # whose rare rows wait for their turn
        ]

    def _left_out_finding(self, step: int, steps: int, left: list[Any], of: int) -> Finding:
        lost = {id(v) for v in left}
        owners = [x for x in graph.leaves(self.model) if any(id(v) in lost for v in x.trainable_variables)]
        return Finding(
            "untrained-variables",
            "error",
            f"{nouns(len(owners), 'layer')} {graph.named(owners)}",
            f"In {steps} steps {len(left)} of {of} matrices of weights have not moved at all, though they have a "
            "gradient as the others have: the step does not update them.",
            step,
            {"variables": len(left)},
            keras="in a train_step of your own, hand all of model.trainable_variables to tape.gradient and to the "
            "optimiser's apply.",
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
        memorised = self._says_nothing(accuracy) and self._has_learned(trained)
        if self._suspicion is not None and self._streak("suspicion", memorised) and not self._lags(trained):
            yield from self._confirmed(step)
        worse = self._worse_than_guessing(loss, accuracy, trained, trained_accuracy)
        again = self._streak("again", worse)  # once says nothing yet, and a look takes time
        if again and (losses := self._lags(trained)):
            self._streak("worse", False)
            if self._streak("lag", True, LATE - 1) and not self._settles(step):
                yield self._lag_finding(step, *losses)
            return
        self._streak("lag", False)
        # Where evaluation of its own images is about as bad, it is not that these images are others.
        unlike = worse and loss > 2 * (self._loss(training=False) or 0.0)
        if self._streak("worse", unlike):
            assert self.guess is not None
            yield Finding(
                "no-generalization",
                "warning",
                "validation",
                f"The loss is {trained:.3f} in training and {loss:,.3f} in validation"
                f"{_percent(trained_accuracy, accuracy)}; guessing costs {self.guess.loss:.3f}.",
                step,
                {"train_loss": trained, "val_loss": loss},
            )
        assert self.limits.overfitting is not None
        luck = LUCKY * np.sqrt(accuracy * (1 - accuracy) / self._answers) if self._answers else 0.0
        few = (
            LUCKY / np.sqrt(max(1.0, (1 - np.nan_to_num(accuracy)) * self._answers)) if self._answers else 0.0
        )  # that are wrong
        rose = loss > self.limits.overfitting * (1 + few) * self._lowest_val and self._evaluations > LATE
        gap = trained_accuracy - accuracy > OVERFITTED + luck and loss > 3 * trained
        # As evaluation sees them, its own images may be no better: then it is no memory that makes the difference.
        memory = (rose or gap) and loss > 2 * max(trained, self._loss(training=False) or 0.0)
        if self._streak("overfitting", memory, LATE):
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
        """A suspicion about labels that the run makes likely."""
        if self._suspicion is not None:
            yield replace(self._suspicion, severity="warning", step=step)

    def _refuted(self, step: int, loss: float, accuracy: float) -> Iterator[Finding]:
        """What is withdrawn, where it was told: validation is right more often than by luck, and sure of it."""
        # Few right labels among wrong ones are enough for a good accuracy, but not for a low loss.
        if self.guess is not None and accuracy > self._above_luck and loss < REFUTES * self.guess.loss:
            evidence = (
                f"The network is right on {accuracy:.1%} of the validation images, at a loss of {loss:.3f}; guessing "
                f"costs {self.guess.loss:.3f}."
            )
            self._suspicion = None
            for cause in REFUTED:
                yield Finding(cause, "note", "validation", evidence, step, withdrawn=True)

    def _says_nothing(self, accuracy: float) -> bool:
        """Whether validation is right no more often than guessing, with some room for the luck of few images."""
        return self.guess is not None and accuracy <= 1.25 * self.guess.accuracy + 0.02

    def _has_learned(self, trained: float) -> bool:
        """Whether the loss of training is clearly below that of guessing."""
        return self.guess is not None and trained < 0.8 * self.guess.loss

    def _worse_than_guessing(self, loss: float, accuracy: float, trained: float, trained_accuracy: float) -> bool:
        """Whether training has learned, and validation is no better than looking at no image."""
        if self.guess is None or not np.isfinite(loss):
            return False
        learned = self._has_learned(trained) and not trained_accuracy < 1.5 * self.guess.accuracy
        return learned and loss > 1.5 * self.guess.loss and not accuracy > 0.8 * trained_accuracy

    def _has_batch_norm(self) -> bool:
        return any(isinstance(x, keras.layers.BatchNormalization) for x in graph.leaves(self.model))

    def _lags(self, trained: float) -> tuple[float, float] | None:
        """The loss of training images in training mode and in evaluation, where the latter is far worse.

        Args:
            trained: loss of training, which tells mostly without a second pass that nothing lags.
        """
        evaluated = self._loss(training=False) if self._has_batch_norm() else None
        if self.guess is None or evaluated is None or evaluated <= max(self.guess.loss, trained):
            return None
        same = self._loss(training=True)
        return (same, evaluated) if same is not None and evaluated > 2 * same else None

    def _loss(self, training: bool) -> float | None:
        """Mean loss of the probe's images in a mode."""
        if self.objective is None:
            return None
        outputs = passed(self.model, self.inputs, training).outputs
        return float(tf.reduce_mean(self.objective.losses(tf.constant(outputs), tf.constant(self.labels))))

    def _momentum(self) -> float:
        """The slowest of the moving averages."""
        return max(x.momentum for x in graph.leaves(self.model) if isinstance(x, keras.layers.BatchNormalization))

    def _settles(self, step: int) -> bool:
        """Whether moving averages have had too few steps yet, and the run goes on for longer than it has gone."""
        return self._whole is not None and step < self._whole / 2 and self._momentum() ** step >= ARRIVED

    def _lag_finding(self, step: int, trained: float, evaluated: float) -> Finding:
        momentum = self._momentum()
        arrived = momentum**step < ARRIVED
        enough = f"; {step:,} steps are enough for averages with momentum {momentum:g}, so they should be about equal."
        few = f", after {step:,} steps with momentum {momentum:g}; they should be about equal."
        return Finding(
            "lagging-batch-norm",
            "warning",
            "batch norm",
            f"The same training images have a loss of {trained:.3g} in training mode and {evaluated:,.3g} in "
            f"evaluation{enough if arrived else few}",
            step,
            {"training": trained, "evaluation": evaluated, "momentum": momentum},
            keras="larger batches, a lower learning rate, no Dropout before BatchNormalization, or GroupNormalization."
            if arrived
            else "",
        )


def _percent(trained: float, validated: float) -> str:
    """Both accuracies as a clause, where they are measured."""
    if np.isnan(trained) or np.isnan(validated):
        return ""
    return f", the accuracy {trained:.1%} and {validated:.1%}"


def _sampled(variable: Any) -> np.ndarray:
    """Some values of a weight, evenly spread, as they are now."""
    flat = tf.reshape(variable.value, [-1])
    return np.asarray(flat[:: max(1, int(flat.shape[0]) // SAMPLE)], np.float32)
