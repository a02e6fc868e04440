"""Statistics over seeds: a mean and its interval, the difference between two settings, and whether it is noise.

A seed is a replicate: the figure of a run, not that of an image. Intervals and tests are Student's; with the few seeds
that people have, a test by permutation cannot reach a small probability (with three and three, 0.1 is the least).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
POWER = 0.8  # of a comparison of as many seeds as are needed
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Interval:
    """A mean over seeds, and half the width of its 95 % confidence interval; NaN with a single seed."""

    mean: float
    half: float

    @property
    def low(self) -> float:
        """Lower end."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """Upper end."""
        return self.mean + self.half


@dataclass(frozen=True)
class Difference:
    """How far apart two settings are.

    Args:
        interval: of the difference of their means.
        seeds: runs of the first and of the second.
        paired: whether runs of the same seed were subtracted from each other.
        probability: of a difference as large or larger from seed noise alone, two-sided; NaN with too few seeds.
    """

    interval: Interval
    seeds: tuple[int, int]
    paired: bool
    probability: float

    @property
    def needed(self) -> int | None:
        """About how many seeds of each would tell a difference of this size from noise four times in five.

        Cohen 1988, Statistical Power Analysis, section 2.4, with quantiles of Student's t; None where the difference is
        0 or unknown, or takes more than `MOST_SEEDS`.
        """
        count = min(self.seeds)
        if count < 2 or not self.interval.mean or not math.isfinite(self.interval.half):
            return None
        from scipy.special import stdtrit  # type: ignore[import-untyped]  # takes half a second to import

        samples = 1 if self.paired else 2
        freedom = samples * (count - 1)
        error = self.interval.half / float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * math.sqrt(count)
        for needed in range(2, MOST_SEEDS + 1):
            freedom = samples * (needed - 1)
            quantiles = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) + float(stdtrit(freedom, POWER))
            if abs(self.interval.mean) > quantiles * error / math.sqrt(needed):
                return needed
        return None


def interval(values: Sequence[float]) -> Interval:
    """The interval of Student's t distribution; NaN without values. One that is not finite makes the mean infinite."""
    if not values:
        return Interval(math.nan, math.nan)
    count = len(values)
    mean = math.fsum(values) / count if all(map(math.isfinite, values)) else math.inf
    if count < 2 or not math.isfinite(mean):
        return Interval(mean, math.nan)
    from scipy.special import stdtrit

    return Interval(mean, float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * math.sqrt(_variance(values) / count))


def difference(first: Mapping[int, float], second: Mapping[int, float]) -> Difference:
    """The second beyond the first, paired by seed where all seeds of both are the same, else by Welch's test.

    Pairs take away what a seed does to both alike (the order of the images, augmentation); Welch 1947 allows spreads
    that differ.

    Args:
        first: the figure of each seed; at least one.
        second: likewise.
    """
    if first.keys() == second.keys():
        gains = [second[seed] - first[seed] for seed in first]
        found = interval(gains)
        return Difference(found, (len(first), len(second)), True, _probability(found, len(gains) - 1))
    a, b = list(first.values()), list(second.values())
    mean = math.fsum(b) / len(b) - math.fsum(a) / len(a)
    if min(len(a), len(b)) < 2:
        return Difference(Interval(mean, math.nan), (len(a), len(b)), False, math.nan)
    parts = [_variance(values) / len(values) for values in (a, b)]
    error = math.sqrt(sum(parts))
    if error == 0:
        return Difference(Interval(mean, 0.0), (len(a), len(b)), False, 1.0 if mean == 0 else 0.0)
    # Welch and Satterthwaite.
    freedom = sum(parts) ** 2 / sum(part**2 / (len(values) - 1) for part, values in zip(parts, (a, b), strict=True))
    from scipy.special import stdtr, stdtrit

    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    return Difference(Interval(mean, half), (len(a), len(b)), False, float(2 * stdtr(freedom, -abs(mean) / error)))


def holm(probabilities: Sequence[float]) -> list[float]:
    """Probabilities corrected for their number, by Holm 1979, doi:10.2307/4615733; NaN stays and does not count."""
    order = sorted((p, number) for number, p in enumerate(probabilities) if not math.isnan(p))
    corrected = [math.nan] * len(probabilities)
    highest = 0.0
    for rank, (probability, number) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * probability))
        corrected[number] = highest
    return corrected


def deviation(values: Sequence[float]) -> float:
    """Standard deviation over seeds; NaN with fewer than two."""
    return math.sqrt(_variance(values)) if len(values) > 1 else math.nan


def _variance(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _probability(found: Interval, freedom: float) -> float:
    """Two-sided, of a mean as far from 0, given the interval of Student's t."""
    if freedom < 1 or not math.isfinite(found.half):
        return math.nan
    if found.half == 0:
        return 1.0 if found.mean == 0 else 0.0
    from scipy.special import stdtr, stdtrit

    ratio = abs(found.mean) * float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) / found.half
    return float(2 * stdtr(freedom, -ratio))
