"""The rule that turns the curves of a range test into a learning rate; it needs nothing but NumPy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

MIN_STEPS = 30  # steps of a curve at least
GROWN = 4.0  # factor on the lowest smoothed loss at which a curve ends, as in fastai's and Lightning's range tests
START_SHARE = 0.2  # share of the steps, at learning rates that change hardly anything, whose loss is that of the start
CLEAR_SHARE, CLEAR_NOISE = 0.05, 3.0  # a clear fall, in chance levels and in standard deviations of the smoothed loss
CLEAR_ACCURACY = 4.0  # a clear accuracy, in standard deviations of the mean over a decade; there are many decades
MOST, RISEN = 0.7, 0.5  # shares of the fall: the part that counts as most of it, and by which the loss rises after it
BEGUN, HALF = 0.1, 0.5  # shares of the whole fall of the loss
# The place of the learning rate to take, in logarithms: between that of half the fall (0) and of the lowest loss (1).
PLACE = 0.7
# The factors on this learning rate that short trainings try: a network can take a learning rate to which the test has
# led it up slowly, but not from its initial weights on.
FACTORS = (1.0, 10**-0.5, 0.1)
DECADE_SHARE = 0.15  # time constant of the smoothing, in decades of the learning rate


@dataclass(frozen=True)
class Curve:
    """The loss against the learning rate, with one seed.

    Args:
        seed: the seed of the initial weights and of the order of images.
        rates: the learning rate of each step, rising, (steps,).
        losses: the loss of each step's batch before its update, (steps,).
        accuracies: the accuracy of each step's batch before its update, (steps,).
        ended: why the curve ended before the highest learning rate: `grown` or `not finite`; empty if it did not.
    """

    seed: int
    rates: np.ndarray
    losses: np.ndarray
    accuracies: np.ndarray
    ended: str


def per_decade(rates: np.ndarray) -> float:
    """The number of steps in which the learning rate grows to ten times; at least one."""
    decades = float(np.log10(rates[-1] / rates[0]))
    return max(1.0, (len(rates) - 1) / decades) if decades else 1.0


def smoothed(losses: np.ndarray, per_decade: float) -> np.ndarray:
    """The exponential moving average, corrected for its start (Kingma and Ba 2015, section 3).

    Args:
        losses: the loss of each step, (steps,).
        per_decade: the number of steps in which the learning rate grows to ten times.
    """
    weight = _weight(per_decade)
    found, total, rest = np.empty(len(losses)), 0.0, 1.0
    for place, loss in enumerate(losses):
        total = weight * total + (1 - weight) * float(loss)
        rest *= weight
        found[place] = total / (1 - rest)
    return found


def _weight(per_decade: float) -> float:
    """The weight of the past in the moving average."""
    constant = DECADE_SHARE * per_decade
    return constant / (1 + constant)


def enough(smooth: np.ndarray) -> int:
    """The number of steps until a smoothed loss has grown to `GROWN` times its lowest; 0 if it has not."""
    over = smooth > GROWN * np.minimum.accumulate(smooth)
    return int(over.argmax()) + 1 if over.any() else 0


@dataclass(frozen=True)
class Trial:
    """Short trainings with one learning rate.

    Args:
        rate: the learning rate.
        losses: the loss at the end of the training with each seed; infinite if it has grown or is not finite.
        steps: the number of steps of a training.
    """

    rate: float
    losses: tuple[float, ...]
    steps: int

    @property
    def loss(self) -> float:
        """The median of the losses."""
        return float(np.median(self.losses))


@dataclass(frozen=True)
class Chance:
    """The chance level of the batches.

    Args:
        loss: the loss of always predicting the class frequencies, with the regularisation of the initial weights.
        accuracy: the accuracy of always predicting the most frequent class.
        batch: the number of images in a batch.
        regularisation: the part of the loss that is the regularisation.
    """

    loss: float
    accuracy: float
    batch: int
    regularisation: float = 0.0


@dataclass(frozen=True)
class Range:
    """The learning rates at which a network learns, and the one to take.

    Args:
        low: the lowest learning rate at which the loss falls clearly.
        high: the learning rate at which the loss is lowest; it rises above.
        take: the learning rate to take.
    """

    low: float
    high: float
    take: float


def judge(curves: Sequence[Curve], chance: Chance, by_loss: bool = False) -> Range | None:
    """The medians over the seeds of the range that learns and of the learning rate to take.

    The median of the learning rates is that of their logarithms, as they are compared by their ratios.

    Args:
        curves: a curve for each seed.
        chance: the chance level.
        by_loss: whether the loss alone shows that a network learns, not the accuracy.

    Returns:
        The range, rounded to what can be told apart; None if most of the seeds learn at no learning rate.
    """
    accurate = not by_loss and _are_accurate(curves, chance)
    ranges = [found for curve in curves if (found := judge_curve(curve, chance, accurate)) is not None]
    if 2 * len(ranges) <= len(curves):
        return None
    low, high, take = (
        10 ** float(np.median(np.log10([getattr(found, end) for found in ranges]))) for end in ("low", "high", "take")
    )
    return Range(float(f"{low:.2g}"), float(f"{high:.2g}"), float(f"{take:.1g}"))


def candidates(take: float) -> list[float]:
    """The learning rates that short trainings try, from the highest, each rounded to one digit."""
    return [float(f"{take * factor:.1g}") for factor in FACTORS]


def decided(found: Range | None, trials: Sequence[Trial]) -> Range | None:
    """The range with the learning rate whose short trainings have the lowest loss; unchanged without trainings."""
    best = min(trials, key=lambda trial: trial.loss, default=None)
    if found is None or best is None or not np.isfinite(best.loss):
        return found
    return replace(found, take=best.rate)


def judge_curve(curve: Curve, chance: Chance, accurate: bool = False) -> Range | None:
    """The range that learns with one seed, and the learning rate to take; None if the network does not learn.

    The network learns if the smoothed loss falls clearly below its start and below the chance level: by 5 % of the
    chance level without regularisation, and by more than the noise of the batches. It also learns if its accuracy is
    clearly above the chance level, as the loss of networks that start far above the chance level is not below it after
    few steps. The rule is: on the logarithmic axis, `PLACE` of the way from the learning rate at which half of the fall
    is done to that at which the loss is lowest. This is measured: in the benchmark `scripts/bench rate_grid`, common
    rules (a tenth of the learning rate of the lowest loss, the steepest slope, fastai's valley) stay below the learning
    rates with the best result by 0.7 decades or more.

    Args:
        curve: the curve of the seed.
        chance: the chance level.
        accurate: whether the accuracy of all seeds together is clearly above the chance level.
    """
    if len(curve.losses) < 3:
        return None
    smooth = smoothed(curve.losses, per_decade(curve.rates))
    first = curve.losses[: max(3, int(START_SHARE * len(smooth)))]
    start = float(np.mean(first))
    weight = _weight(per_decade(curve.rates))
    noise = float(np.std(first)) * np.sqrt((1 - weight) / (1 + weight))
    lowest = int(smooth[: _first_valley(smooth, start)].argmin())
    clear = max(CLEAR_SHARE * (chance.loss - chance.regularisation), CLEAR_NOISE * noise)
    is_low = smooth[lowest] <= min(start, chance.loss) - clear
    if not is_low and not (accurate and smooth[lowest] < start - CLEAR_NOISE * noise):
        return None

    def fallen(share: float) -> float:
        """The learning rate from which on the loss has fallen by a share of its whole fall."""
        above = np.flatnonzero(smooth[:lowest] > start - share * (start - smooth[lowest]))
        return float(curve.rates[above[-1] + 1] if len(above) else curve.rates[0])

    high = float(curve.rates[lowest])
    return Range(fallen(BEGUN), high, fallen(HALF) ** (1 - PLACE) * high**PLACE)


def _first_valley(smooth: np.ndarray, start: float) -> int:
    """The number of steps until the smoothed loss, after most of its fall, has risen again by `RISEN` of this fall.

    The loss may fall once more after that, to the chance level, when too high a learning rate has ruined a network.
    """
    lowest = np.minimum.accumulate(smooth)
    fall = start - lowest
    ends = (fall > 0) & (fall >= MOST * (start - smooth.min())) & (smooth - lowest > RISEN * fall)
    return int(ends.argmax()) if ends.any() else len(smooth)


def _are_accurate(curves: Sequence[Curve], chance: Chance) -> bool:
    """Whether the accuracy over some decade of learning rates is above the chance level by more than its noise."""
    count = min(len(curve.accuracies) for curve in curves)
    means = np.mean([curve.accuracies[:count] for curve in curves], axis=0)
    window = min(count, int(per_decade(curves[0].rates)))
    deviation = np.sqrt(chance.accuracy * (1 - chance.accuracy) / (window * chance.batch * len(curves)))
    highest = float(np.convolve(means, np.full(window, 1 / window), "valid").max())
    return highest > chance.accuracy + CLEAR_ACCURACY * float(deviation)
