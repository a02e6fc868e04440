"""Statistics over seeds: a mean and its interval, the difference between two settings, and whether it is noise.

The unit of these statistics is a run, not an image: each seed gives one value. Intervals and tests use Student's t
distribution, because a permutation test cannot reach a small p-value with few seeds (with three seeds each, at least
0.1).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95  # confidence level of intervals
POWER = 0.8  # probability that a comparison with `Difference.needed` seeds detects the difference
MAX_SEEDS = 1000  # largest number of seeds that `Difference.needed` returns


@dataclass(frozen=True)
class Interval:
    """A mean over seeds, and half the width of its 95 % confidence interval; NaN with a single seed."""

    mean: float
    half: float

    @property
    def low(self) -> float:
        """The lower end of the confidence interval."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """The upper end of the confidence interval."""
        return self.mean + self.half


@dataclass(frozen=True)
class Difference:
    """The difference between two settings.

    Args:
        interval: the difference of the means, with its confidence interval.
        seeds: the number of seeds of the first and of the second setting.
        paired: whether runs with the same seed were subtracted from each other.
        probability: the two-sided p-value: how likely seed noise alone makes a difference of this size or larger; NaN
            with too few seeds.
    """

    interval: Interval
    seeds: tuple[int, int]
    paired: bool
    probability: float

    @property
    def needed(self) -> int | None:
        """The approximate number of seeds per setting that detect a difference of this size with a power of 0.8.

        Cohen 1988, Statistical Power Analysis, section 2.4, with quantiles of Student's t. None if the difference is 0
        or unknown, or if more than `MAX_SEEDS` seeds are needed.
        """
        count = min(self.seeds)
        if count < 2 or not self.interval.mean or not math.isfinite(self.interval.half):
            return None
        from scipy.special import stdtrit  # type: ignore[import-untyped]  # takes half a second to import

        samples = 1 if self.paired else 2
        freedom = samples * (count - 1)
        error = self.interval.half / float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * math.sqrt(count)
        for needed in range(2, MAX_SEEDS + 1):
            freedom = samples * (needed - 1)
            quantiles = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) + float(stdtrit(freedom, POWER))
            if abs(self.interval.mean) > quantiles * error / math.sqrt(needed):
                return needed
        return None


def interval(values: Sequence[float]) -> Interval:
    """The mean of values and its confidence interval by Student's t; NaN without values.

    If a value is not finite, the mean is infinite.
    """
    if not values:
        return Interval(math.nan, math.nan)
    count = len(values)
    mean = math.fsum(values) / count if all(map(math.isfinite, values)) else math.inf
    if count < 2 or not math.isfinite(mean):
        return Interval(mean, math.nan)
    from scipy.special import stdtrit

    return Interval(mean, float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * math.sqrt(_variance(values) / count))


def difference(first: Mapping[int, float], second: Mapping[int, float]) -> Difference:
    """The difference of the second setting minus the first.

    If both settings have the same seeds, runs are paired by seed, which removes the effects that a seed has on both
    (the order of the images, augmentation). Otherwise Welch's test is used, which allows unequal variances (Welch
    1947).

    Args:
        first: the value of the metric for each seed of the first setting; at least one.
        second: the value of the metric for each seed of the second setting; at least one.
    """
    if first.keys() == second.keys():
        gains = [second[seed] - first[seed] for seed in first]
        mean_gain = interval(gains)
        return Difference(mean_gain, (len(first), len(second)), True, _probability(mean_gain, len(gains) - 1))
    a, b = list(first.values()), list(second.values())
    mean = math.fsum(b) / len(b) - math.fsum(a) / len(a)
    if min(len(a), len(b)) < 2:
        return Difference(Interval(mean, math.nan), (len(a), len(b)), False, math.nan)
    errors = [_variance(values) / len(values) for values in (a, b)]  # the squared standard errors of both means
    error = math.sqrt(sum(errors))
    if error == 0:
        return Difference(Interval(mean, 0.0), (len(a), len(b)), False, 1.0 if mean == 0 else 0.0)
    # The degrees of freedom by Welch and Satterthwaite.
    freedom = sum(errors) ** 2 / sum(e**2 / (len(values) - 1) for e, values in zip(errors, (a, b), strict=True))
    from scipy.special import stdtr, stdtrit

    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    return Difference(Interval(mean, half), (len(a), len(b)), False, float(2 * stdtr(freedom, -abs(mean) / error)))


def holm(probabilities: Sequence[float]) -> list[float]:
    """The p-values corrected for their number by Holm's method (Holm 1979, doi:10.2307/4615733).

    Args:
        probabilities: the p-values; NaN stays NaN and is not counted.
    """
    order = sorted((p, number) for number, p in enumerate(probabilities) if not math.isnan(p))
    corrected = [math.nan] * len(probabilities)
    highest = 0.0
    for rank, (probability, number) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * probability))
        corrected[number] = highest
    return corrected


def deviation(values: Sequence[float]) -> float:
    """The standard deviation over seeds; NaN with fewer than two values."""
    return math.sqrt(_variance(values)) if len(values) > 1 else math.nan


def _variance(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _probability(mean: Interval, freedom: float) -> float:
    """The two-sided p-value of a mean that differs from 0, from its confidence interval and degrees of freedom."""
    if freedom < 1 or not math.isfinite(mean.half):
        return math.nan
    if mean.half == 0:
        return 1.0 if mean.mean == 0 else 0.0
    from scipy.special import stdtr, stdtrit

    ratio = abs(mean.mean) * float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) / mean.half
    return float(2 * stdtr(freedom, -ratio))
