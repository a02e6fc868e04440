"""The rule of a deciding sweep: which arms or contrasts are decided at a look, and which arms need further seeds.

A contrast that is not 0 is found if its repeated p-value (`spending`), multiplied by the number of contrasts that may
still be 0, is at most 5 %. The repeated p-values of a contrast hold at all looks together, whatever happens to other
arms, and the multiplication is that of Holm and Shaffer with repeated p-values (Maurer and Bretz 2013,
doi:10.1080/19466315.2013.807748). So the probability that anything false is found at any look is at most 5 %, wherever
the sweep stops. All functions work on any number of sweeps at once, so that the benchmark `decide_simulation`, which
chose the method, calls the code that decides real sweeps.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from itertools import combinations

import numpy as np

from exprun.compare import contrasts
from exprun.compare.contrasts import Estimates
from exprun.compare.spending import Looks
from exprun.seed_statistics import CONFIDENCE

ERROR = 1 - CONFIDENCE  # probability that a sweep finds anything false
MIN_VALUES = 2  # values of an arm that is judged


@dataclass(frozen=True)
class Best:
    """What is known of the best arm.

    Args:
        active: whether each arm may be the best, (sweeps, arms).
        better: the arm that an arm is shown to be worse than, by its place; -1 for all others, (sweeps, arms).
        probability: the corrected p-value of this difference; NaN for all others, (sweeps, arms).
        equivalent: whether all active arms are shown to differ by less than the margin, (sweeps,).
    """

    active: np.ndarray
    better: np.ndarray
    probability: np.ndarray
    equivalent: np.ndarray

    @property
    def needed(self) -> np.ndarray:
        """Whether an arm needs further seeds, (sweeps, arms)."""
        decided = self.equivalent | (self.active.sum(1) < 2)
        return self.active & ~decided[:, None]


@dataclass(frozen=True)
class Decided:
    """What is known of the contrasts of a design.

    Args:
        differs: whether each contrast is shown not to be 0, (sweeps, contrasts).
        equivalent: whether it is shown to be smaller than the margin, (sweeps, contrasts).
        uses: whether each contrast uses each arm, (contrasts, arms).
    """

    differs: np.ndarray
    equivalent: np.ndarray
    uses: np.ndarray

    @property
    def needed(self) -> np.ndarray:
        """Whether an arm needs further seeds, (sweeps, arms)."""
        return ~(self.differs | self.equivalent) @ self.uses


def any_best(sweeps: int, arms: int) -> Best:
    """The beginning, in which each arm may be the best."""
    shape = (sweeps, arms)
    return Best(np.ones(shape, bool), np.full(shape, -1), np.full(shape, np.nan), np.zeros(sweeps, bool))


def none_decided(sweeps: int, weights: np.ndarray) -> Decided:
    """The beginning, in which no contrast is decided.

    Args:
        sweeps: the number of sweeps.
        weights: the weights of the arms in each contrast, (contrasts, arms).
    """
    nothing = np.zeros((sweeps, len(weights)), bool)
    return Decided(nothing, nothing, weights != 0)


def estimates(values: np.ndarray, judged: np.ndarray, weights: np.ndarray) -> Estimates:
    """The contrasts at a look, (sweeps, contrasts); NaN for those that use an arm that is not judged.

    Args:
        values: the metric of each run up to the look; NaN for a run without a value, (sweeps, arms, seeds).
        judged: whether an arm has all its runs up to the look, with at least `MIN_VALUES` values, (sweeps, arms).
        weights: the weights of the arms in each contrast, (contrasts, arms).
    """
    arrays = [np.full((len(values), len(weights)), np.nan) for _ in range(5)]
    for pattern in np.unique(judged, axis=0):
        sweeps, arms = np.flatnonzero((judged == pattern).all(1)), np.flatnonzero(pattern)
        tested = np.flatnonzero((weights[:, ~pattern] == 0).all(1))
        if len(tested):
            found = _of_judged(values[np.ix_(sweeps, arms)], weights[np.ix_(tested, arms)])
            for array, part in zip(arrays, astuple(found), strict=True):
                array[np.ix_(sweeps, tested)] = part
    return Estimates(*arrays)


def _of_judged(values: np.ndarray, weights: np.ndarray) -> Estimates:
    missing = np.isnan(values)
    if missing.any():  # seeds are no blocks if an arm lacks one
        means, variances = np.nanmean(values, -1), np.nanvar(values, -1, ddof=1)
        found = contrasts.by_arm(means, variances, (~missing).sum(-1), weights)
    else:
        found = contrasts.estimates(values, weights)
    largest = np.nanmax(np.abs(values), (-2, -1))[:, None]
    return replace(found, error=np.where(found.error > contrasts.NO_SPREAD * largest, found.error, np.nan))


def repeated(
    found: Estimates, looks: Looks, seeds: int, margin: float | None = None, tests: int | np.ndarray = 1
) -> np.ndarray:
    """The repeated p-values of the contrasts at a look, (sweeps, contrasts); 1 where there is none.

    Args:
        found: the contrasts at the look.
        looks: the planned looks.
        seeds: the number of seeds at the look.
        margin: None for the test of a difference; otherwise the difference that does not matter, for the two one-sided
            tests that the contrast is smaller.
        tests: the factor by which the p-values will be multiplied, (sweeps, 1) or one for all.
    """
    if margin is None:
        return looks.repeated(found.probability(tests=tests), seeds)
    return np.asarray(looks.repeated(np.minimum(1, 2 * found.probability(margin, tests)), seeds) / 2)


def pairs(arms: int) -> np.ndarray:
    """The differences between all pairs of arms, the second less the first, (pairs, arms)."""
    weights = np.zeros((arms * (arms - 1) // 2, arms))
    for row, (first, second) in zip(weights, combinations(range(arms), 2), strict=True):
        row[[first, second]] = -1, 1
    return weights


def judged_at(values: np.ndarray, ended: np.ndarray) -> np.ndarray:
    """Whether an arm is judged at a look: all its runs have ended, and at least `MIN_VALUES` have a value.

    Args:
        values: the metric of each run up to the look; NaN for a run without a value, (..., arms, seeds).
        ended: whether each run has ended, (..., arms, seeds).
    """
    return np.asarray(ended.all(-1) & ((~np.isnan(values)).sum(-1) >= MIN_VALUES))


def look_for_best(
    before: Best,
    values: np.ndarray,
    judged: np.ndarray,
    looks: Looks,
    low_is_better: bool = False,
    margin: float | None = None,
) -> Best:
    """What is known of the best arm after a look: an arm is no longer active if it is worse than an active one.

    Args:
        before: what was known before the look.
        values: the metric of each run up to the look, (sweeps, arms, seeds).
        judged: whether an arm is judged, (sweeps, arms).
        looks: the planned looks.
        low_is_better: whether lower is better for the metric.
        margin: the difference that does not matter, in units of the metric; None without one.
    """
    seeds, weights = values.shape[-1], pairs(values.shape[1])
    found = estimates(values, judged & before.active, weights)
    active, better, probability = before.active.copy(), before.better.copy(), before.probability.copy()
    places = list(combinations(range(values.shape[1]), 2))
    while True:
        factor = np.maximum(1, active.sum(1) * (active.sum(1) - 1) // 2)[:, None]
        corrected = np.minimum(1, factor * repeated(found, looks, seeds, tests=factor))
        staying = active.copy()
        for pair in np.flatnonzero((corrected <= ERROR).any(0)):
            shown = (corrected[:, pair] <= ERROR) & active[:, places[pair]].all(1)
            first_worse = (found.estimate[:, pair] > 0) != low_is_better
            for worse, other, where in (
                (*places[pair], shown & first_worse),
                (*places[pair][::-1], shown & ~first_worse),
            ):
                clearest = where & ~(probability[:, worse] <= corrected[:, pair])
                staying[where, worse] = False
                better[clearest, worse] = other
                probability[clearest, worse] = corrected[clearest, pair]
        if (staying == active).all():
            break
        active = staying
    if margin is None:
        return Best(active, better, probability, before.equivalent)
    both = np.stack([active[:, place].all(1) for place in places], axis=1)
    factor = np.maximum(1, both.sum(1))[:, None]
    small = factor * repeated(found, looks, seeds, margin, factor) <= ERROR
    equivalent = before.equivalent | ((active.sum(1) > 1) & (small | ~both).all(1))
    return Best(active, better, probability, equivalent)


def look_at_contrasts(
    before: Decided,
    values: np.ndarray,
    judged: np.ndarray,
    looks: Looks,
    weights: np.ndarray,
    factors: Sequence[int],
    margin: float | None = None,
) -> Decided:
    """What is known of the contrasts of a design after a look.

    Args:
        before: what was known before the look.
        values: the metric of each run up to the look, (sweeps, arms, seeds).
        judged: whether an arm is judged, (sweeps, arms).
        looks: the planned looks.
        weights: the weights of the arms in each contrast, (contrasts, arms).
        factors: the factors of the sorted p-values, from `families.multipliers`.
        margin: the difference that does not matter, in units of the metric; None without one.
    """
    seeds, found, differs = values.shape[-1], estimates(values, judged, weights), before.differs
    by_count = np.array([*factors, 1])  # the factor once so many contrasts differ
    while True:
        factor = by_count[differs.sum(1)][:, None]
        corrected = factor * repeated(found, looks, seeds, tests=factor)
        more = differs | ((corrected <= ERROR) & ~before.equivalent)
        if (more == differs).all():
            break
        differs = more
    if margin is None:
        return replace(before, differs=differs)
    equivalent = before.equivalent
    while True:
        factor = np.maximum(1, len(weights) - equivalent.sum(1))[:, None]
        more = equivalent | ((factor * repeated(found, looks, seeds, margin, factor) <= ERROR) & ~differs)
        if (more == equivalent).all():
            return replace(before, differs=differs, equivalent=equivalent)
        equivalent = more
