"""What was measured while a network trains."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from exprun.doctor.cause import Finding
from exprun.doctor.instruments.at_hand import Drawn
from exprun.doctor.instruments.chance import ChanceLevel
from exprun.doctor.instruments.passing import Jump, Passed, jump_of
from exprun.doctor.instruments.stopping import Stopping
from exprun.doctor.instruments.weights import Moves, moves_between
from exprun.doctor.probes import Probes

MIN_STEPS = 20  # steps that are averaged, at least
LATEST = 20  # steps whose mean is the training loss at an evaluation, if no epoch has ended yet
WAITS = 20  # calls over which the share of waiting for images is averaged
SUSPICION = "shuffled-labels"  # the cause that the run later confirms or refutes
LEAKED = "leaked-validation"  # after this finding, validation refutes nothing
MIN_EFFECTIVE_CLASSES = 1.8  # exp(entropy of the labels); two balanced classes have 2.0
MAX_IMBALANCE = 1.2  # share of the most frequent class, in units of 1 / effective classes
CHANCE_ERRORS = 3.0  # standard errors by which an accuracy at chance level may be higher
LUCK = 3.1  # standard deviations that luck alone exceeds in 1 of 1,000 cases
REFUTING_LOSS = 0.5  # validation loss below which findings are refuted, in units of the loss of chance level
LEARNED = 0.8  # training loss below which the network has learned, in units of the loss of chance level
FALLING = 0.02  # share by which a loss that still falls is lower in the second half of the averaged steps
UNCERTAIN = 2.0  # standard errors within which a loss of numbers may differ from its mean, or from chance level
CLEAR = 0.1  # share of the loss of chance level that two such errors must not exceed
FITTED = 0.25  # training loss far below chance level, in units of the loss of chance level
ACCURATE = 0.8  # share of the way from chance level to an accuracy of 1 from which a loss may be twice as high
RISEN = 3.0  # how many times the first loss a loss of numbers is that has diverged; a first batch may be lucky


@dataclass(frozen=True)
class Epoch:
    """The metrics of a training epoch.

    Args:
        step: the number of steps done at the end of the epoch.
        loss: the mean loss over the steps of the epoch.
        accuracy: the mean accuracy over the steps of the epoch; NaN if it is not measured.
        rate: the learning rate of the last step; NaN if unknown.
        noise: the standard error of the loss, estimated from the losses of the steps.
    """

    step: int
    loss: float
    accuracy: float
    rate: float
    noise: float = 0.0


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a validation pass, and those of training at that time.

    Args:
        loss: the validation loss.
        accuracy: the validation accuracy; NaN if it is not measured.
        trained: the training loss: of the last epoch, or of the latest steps; NaN before the first step.
        trained_accuracy: the training accuracy; NaN if it is not measured.
    """

    loss: float
    accuracy: float
    trained: float
    trained_accuracy: float

    @property
    def accuracies(self) -> str:
        """A clause with both accuracies; empty if one is not measured."""
        if np.isnan(self.trained_accuracy) or np.isnan(self.accuracy):
            return ""
        return f", and the accuracy is {self.trained_accuracy:.1%} and {self.accuracy:.1%}"


class History:
    """The losses, metrics and weights of one run while it trains.

    Args:
        chance: the chance level of the training labels; None if the labels are not classes, or too few are known yet.
        total_steps: the number of steps of the whole run; None if unknown.
        batch: the number of images in a step.
        weighted: whether the loss has class weights.
        penalised: whether regularisers add to the loss.
        averaged: the number of steps that are averaged; fewer in a short run.
        margin: the share of the loss of chance level by which a lower loss counts as better.
    """

    def __init__(
        self,
        chance: ChanceLevel | None,
        total_steps: int | None = None,
        batch: int = 1,
        weighted: bool = False,
        penalised: bool = False,
        averaged: int = 100,
        margin: float = 0.02,
    ) -> None:
        self.chance, self.total_steps, self.batch = chance, total_steps, batch
        self.weighted, self.penalised, self.margin = weighted, penalised, margin
        self._window = min(averaged, max(MIN_STEPS, total_steps // 2)) if total_steps else averaged
        self.recent: deque[tuple[float, float]] = deque(maxlen=self._window)  # loss and accuracy of the latest steps
        self.first_loss: float | None = None
        self.lowest_loss = np.inf
        self.epochs: list[Epoch] = []
        self.passed: list[Passed] = []  # the scales of the inputs of each epoch
        self.drawn = Drawn()  # the batches that were drawn, if the data set can be seen
        self.drawn_once: list[str] = []  # random operations whose results the input pipeline caches
        self.follows = False  # whether an earlier fit has trained the same network
        self.stopping: Stopping | None = None  # the early stopping of the run; None before its end, or without one
        self.evaluations: list[Evaluation] = []
        self.lowest_val_loss = np.inf
        self.worse_evaluations = 0  # evaluations in a row that are worse than chance level while training learns
        self.memory: list[float] = []  # losses of a few images before each step on these alone; empty if not tested
        self.waits: deque[float] = deque(maxlen=WAITS)  # share of each of the latest calls that waited for images
        self.first_probe_loss: float | None = None
        self.probes = Probes()  # what the probes have measured of each layer
        self.moves: Moves | None = None  # how far the weights moved between the last two probes; None if unknown
        self.suspicion: Finding | None = None  # a finding about labels that the run confirms or refutes
        self.val_images = 0  # number of validation images; 0 if unknown
        self.val_chance: ChanceLevel | None = None  # the chance level of validation targets that are numbers
        self._above_luck = np.inf  # validation accuracy above which luck is no explanation
        self._weights: tuple[int, list[np.ndarray]] | None = None  # step of the last probe, and the weights then
        self._streaks: dict[str, int] = {}

    def go_on(self, averaged: int) -> None:
        """Expect steps after what was to be the end of the run: their number is unknown.

        Args:
            averaged: the number of steps that are averaged in a run of unknown length.
        """
        self.total_steps, self._window = None, averaged
        self.recent = deque(self.recent, maxlen=averaged)

    def streak(self, name: str, holds: bool) -> int:
        """How often in a row something has held, this time included; 0 if it does not hold now.

        Args:
            name: what holds, the same at each call.
            holds: whether it holds now.
        """
        self._streaks[name] = self._streaks.get(name, 0) + 1 if holds else 0
        return self._streaks[name]

    def suspect(self, findings: Iterable[Finding], val_counts: np.ndarray | None = None) -> None:
        """Keep the finding about labels, which the run later confirms or refutes.

        Args:
            findings: the findings about the data.
            val_counts: how often each class occurs in validation, (classes,), which decides which accuracy is above
                luck; None if unknown.
        """
        by_cause = {finding.cause: finding for finding in findings}
        self.suspicion = by_cause.get(SUSPICION)
        if val_counts is None:
            return
        self.val_images = int(val_counts.sum())
        if self.chance is not None and self.val_images and LEAKED not in by_cause:
            chance = max(self.chance.accuracy, float(val_counts.max() / self.val_images))
            self._above_luck = chance + LUCK * np.sqrt(chance * (1 - chance) / self.val_images)

    def record_steps(self, losses: np.ndarray, accuracies: np.ndarray) -> None:
        """Record training steps.

        Args:
            losses: the loss of each step, (steps,).
            accuracies: the accuracy on the batch of each step, (steps,); NaN if it is not measured.
        """
        for loss, accuracy in zip(losses, accuracies, strict=True):
            if self.first_loss is None:
                self.first_loss = float(loss)
            self.recent.append((float(loss), float(accuracy)))
            self.lowest_loss = min(self.lowest_loss, float(loss))

    def record_probe(self, step: int, matrices: list[np.ndarray], loss: float | None) -> None:
        """Record a probe.

        Args:
            step: the number of steps done.
            matrices: some values of each matrix of weights, (values,), the same ones in each probe.
            loss: the mean loss of the images of the probe; None without a loss.
        """
        if self.first_probe_loss is None:
            self.first_probe_loss = loss
        last, self._weights = self._weights, (step, matrices)
        self.moves = None if last is None else moves_between(last[1], matrices, step - last[0])

    def record_epoch(self, epoch: Epoch) -> None:
        """Record a training epoch, whose noise is estimated here."""
        count = max(1, epoch.step - (self.epochs[-1].step if self.epochs else 0))
        losses = [loss for loss, _ in list(self.recent)[-count:]]
        noise = float(np.std(losses)) / float(np.sqrt(count)) if losses else 0.0
        self.epochs.append(replace(epoch, noise=noise))

    def record_evaluation(self, loss: float, accuracy: float) -> None:
        """Record a validation pass, and forget a suspicion that it refutes."""
        self.lowest_val_loss = min(self.lowest_val_loss, loss if np.isfinite(loss) else np.inf)
        trained = trained_accuracy = np.nan
        if self.recent:
            trained, trained_accuracy = np.asarray(self.recent, np.float64)[-LATEST:].mean(0).tolist()
            if self.epochs:
                trained, trained_accuracy = self.epochs[-1].loss, self.epochs[-1].accuracy
        self.evaluations.append(Evaluation(loss, accuracy, trained, trained_accuracy))
        self.worse_evaluations = self.worse_evaluations + 1 if self._is_worse_than_chance() else 0
        if self.is_refuted:
            self.suspicion = None

    @property
    def jump(self) -> Jump | None:
        """The change of the inputs' scale between the last two epochs; None without one."""
        return jump_of(self.passed)

    @property
    def mean_loss(self) -> float:
        """The mean loss of the steps that are averaged; NaN before the first step."""
        return float(np.mean([loss for loss, _ in self.recent])) if self.recent else np.nan

    @property
    def mean_accuracy(self) -> float:
        """The mean accuracy of the steps that are averaged; NaN if it is not measured."""
        return float(np.mean([accuracy for _, accuracy in self.recent])) if self.recent else np.nan

    @property
    def is_finite(self) -> bool:
        """Whether the latest training loss is finite."""
        return bool(self.recent) and bool(np.isfinite(self.recent[-1][0]))

    @property
    def is_no_better_than_chance(self) -> bool:
        """Whether the averaged steps together are no more accurate than chance level, whatever their loss is.

        If no accuracy belongs to the loss, the loss alone decides.
        """
        if self.chance is None or len(self.recent) < self._window or not self.is_finite:
            return False
        comparable = not self.weighted and not self.penalised
        if np.isnan(self.chance.accuracy):
            return comparable and self._has_a_loss_of_chance(self.chance)
        share, count = self.chance.accuracy, len(self.recent) * self.batch
        if self.weighted and (
            share > MAX_IMBALANCE * np.exp(-self.chance.loss) or np.exp(self.chance.loss) < MIN_EFFECTIVE_CLASSES
        ):
            return False  # with class weights for rare classes, loss and accuracy cannot be compared with chance level
        latest = float(np.mean([loss for loss, _ in list(self.recent)[-max(5, len(self.recent) // 4) :]]))
        if not self.weighted and latest < (1 - self.margin) * self.chance.loss:
            return False
        accuracy, deviation = self.mean_accuracy, float(np.sqrt(share * (1 - share) / count))
        return comparable if np.isnan(accuracy) else accuracy <= share + CHANCE_ERRORS * deviation

    def _has_a_loss_of_chance(self, chance: ChanceLevel) -> bool:
        """Whether the losses of the averaged steps are at or above chance level, and certain enough to tell."""
        losses = np.array([loss for loss, _ in self.recent])
        latest = losses[-max(5, len(losses) // 4) :]
        if min(losses.mean(), latest.mean()) < (1 - self.margin) * chance.loss + UNCERTAIN * chance.error:
            return False
        epochs = bool(self.epochs) and len(losses) >= self.epochs[0].step  # all rows are among them
        deviation = 0.0 if epochs else float(losses.std() / np.sqrt(len(losses)))
        return losses.mean() - UNCERTAIN * deviation > (1 - CLEAR) * chance.loss

    @property
    def still_falls(self) -> bool:
        """Whether the loss is clearly lower in the second half of the averaged steps than in the first."""
        losses = np.array([loss for loss, _ in self.recent])
        if len(losses) < 2:
            return False
        halves = np.array_split(losses, 2)
        noise = float(np.hypot(*(half.std() / np.sqrt(len(half)) for half in halves)))
        fall = float(halves[0].mean() - halves[1].mean())
        return fall > FALLING * halves[0].mean() and fall > UNCERTAIN * noise

    @property
    def has_ended(self) -> bool:
        """Whether the last epoch of the run is over; False if its length is unknown."""
        return self.total_steps is not None and bool(self.epochs) and self.epochs[-1].step >= self.total_steps

    @property
    def has_diverged(self) -> bool:
        """Whether the averaged steps have a loss far above the first one and the lowest one."""
        if len(self.recent) < self._window or not self.is_finite:
            return False
        mean, lowest = self.mean_loss, self.lowest_loss
        first = self.first_loss or mean
        if lowest < 0:  # a loss of one's own, which chance level says nothing about
            pass
        elif self.chance is not None and self.chance.of_numbers:
            if (
                mean > 2 * (self.chance.loss + UNCERTAIN * self.chance.error)
                and mean > RISEN * first
                and not self.still_falls
            ):
                return True
        elif self.chance is not None and self.is_no_better_than_chance:
            return mean > 2 * self.chance.loss and mean > 1.2 * first
        return mean > 10 * max(abs(first), abs(lowest))

    @property
    def is_at_chance(self) -> bool:
        """Whether the averaged steps are at chance level and have not diverged.

        The loss of numbers may begin far above chance level; as long as it falls, it is on its way.
        """
        if not self.is_no_better_than_chance or self.has_diverged:
            return False
        return not (self.chance is not None and np.isnan(self.chance.accuracy) and self.still_falls)

    @property
    def is_worse_again(self) -> bool:
        """Whether the last two validation passes are worse than chance level while training learns.

        One pass proves nothing, and to find out whether moving averages are to blame takes time.
        """
        return self.worse_evaluations > 1

    @property
    def is_refuted(self) -> bool:
        """Whether the last validation pass is more accurate than luck explains, with a low loss.

        If most labels are wrong, the few right ones can give a good accuracy, but not a low loss.
        """
        if self.chance is None or not self.evaluations:
            return False
        last = self.evaluations[-1]
        if self.chance.of_numbers:
            return self.val_chance is not None and last.loss < REFUTING_LOSS * self.val_chance.loss
        is_accurate = self.suspicion is not None if np.isnan(self.chance.accuracy) else last.accuracy > self._above_luck
        return is_accurate and last.loss < REFUTING_LOSS * self.chance.loss

    @property
    def has_fitted(self) -> bool:
        """Whether the loss of the last training epoch is far below chance level."""
        if self.chance is None or self.weighted or not self.epochs:
            return False
        last, share = self.epochs[-1], self.chance.accuracy
        accurate = last.accuracy > share + ACCURATE * (1 - share)  # false if one of them is not known
        return last.loss < self.chance.at(FITTED * (2 if accurate else 1))

    @property
    def is_below_chance(self) -> bool:
        """Whether the loss of the last training epoch is clearly below chance level."""
        if self.chance is None or self.weighted or not self.epochs:
            return False
        return self.epochs[-1].loss + UNCERTAIN * self.chance.error < self.chance.at(LEARNED)

    @property
    def training_learns(self) -> bool:
        """Whether, at the last validation pass, the training loss was clearly below chance level."""
        return self.chance is not None and self.evaluations[-1].trained < self.chance.at(LEARNED)

    def _is_worse_than_chance(self) -> bool:
        """Whether training has learned, but the validation loss is clearly above chance level."""
        last = self.evaluations[-1]
        if self.chance is None or not np.isfinite(last.loss):
            return False
        if self.chance.of_numbers:
            level = None if self.val_chance is None else max(self.chance.loss, self.val_chance.loss)
            return level is not None and self.training_learns and last.loss > 1.5 * level
        learned = self.training_learns and not last.trained_accuracy < 1.5 * self.chance.accuracy
        return learned and last.loss > 1.5 * self.chance.loss and not last.accuracy > 0.8 * last.trained_accuracy
