"""Statistics over the seeds of one setting: the mean, its interval by Student's t, and the standard deviation.

The unit of these statistics is a run, not an image: each seed gives one value.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95  # confidence level of intervals


@dataclass(frozen=True)
class Interval:
    """A mean over seeds, and half the width of its confidence interval; NaN with a single seed."""

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


def interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The mean of values and its confidence interval by Student's t; NaN without values.

    If a value is not finite, the mean is infinite.
    """
    if not values:
        return Interval(math.nan, math.nan)
    count = len(values)
    mean = math.fsum(values) / count if all(map(math.isfinite, values)) else math.inf
    if count < 2 or not math.isfinite(mean):
        return Interval(mean, math.nan)
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # takes half a second to import

    return Interval(mean, float(stdtrit(count - 1, (1 + confidence) / 2)) * math.sqrt(_variance(values) / count))


def deviation(values: Sequence[float]) -> float:
    """The standard deviation over seeds; NaN with fewer than two values."""
    return math.sqrt(_variance(values)) if len(values) > 1 else math.nan


def _variance(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
