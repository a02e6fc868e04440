"""Which factors matter most, and which arms are not shown to be worse than the best."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from exprun.compare.arms import Arm
from exprun.compare.design import Grid
from exprun.compare.effects import blocked, estimate
from exprun.seed_statistics import CONFIDENCE


@dataclass(frozen=True)
class Importance:
    """The shares of the variance between the means of arms.

    Args:
        shares: the factors of each main effect or interaction with its share, the largest first; they add up to 1.
    """

    shares: list[tuple[tuple[str, ...], float]]


def importance(arms: Sequence[Arm], factors: Sequence[str]) -> Importance | None:
    """The shares of the variance between arms: main effects and interactions of all orders.

    On a complete grid the sums of squares of the cell means are exact (the functional analysis of variance of Hooker
    2007, doi:10.1198/106186007X237892, with each level weighted equally). From each, the part is subtracted that the
    variance over seeds causes on average: a sum of squares with d degrees of freedom gets d times the mean of the
    squared standard errors. Negative rests count as 0.

    Args:
        arms: the arms.
        factors: the keys of the factors.

    Returns:
        The shares; None with fewer than two factors, if the grid is not complete, if an arm has a single seed, or if
        the arms differ by no more than seed noise.
    """
    grid = Grid(arms, factors)
    if len(factors) < 2 or grid.missing or not grid.can_judge:
        return None
    levels = [grid.levels(index) for index in range(len(factors))]
    means, noise = np.empty([len(names) for names in levels]), []
    for arm in arms:
        if arm.values:
            means[tuple(names.index(level) for names, level in zip(levels, arm.levels, strict=True))] = arm.mean
            noise.append(arm.variance * arm.inflation / len(arm.values))
    squares = []
    parts: dict[tuple[int, ...], np.ndarray] = {(): means.mean(keepdims=True)}
    for order in range(1, len(factors) + 1):
        for term in combinations(range(len(factors)), order):
            others = tuple(axis for axis in range(len(factors)) if axis not in term)
            part = means.mean(axis=others, keepdims=True)
            for size in range(order):
                for smaller in combinations(term, size):
                    part = part - parts[smaller]
            parts[term] = part
            degrees = math.prod(len(levels[axis]) - 1 for axis in term)
            total = float((part**2).sum()) * means.size / part.size
            rest = max(0.0, total - degrees * float(np.mean(noise)))
            squares.append((tuple(factors[axis] for axis in term), rest))
    total = math.fsum(square for _, square in squares)
    if not total > 0:
        return None
    return Importance(sorted(((term, square / total) for term, square in squares), key=lambda share: -share[1]))


def not_worse(arms: Sequence[Arm], low_is_better: bool) -> list[Arm] | None:
    """The arms that are not shown to be worse than another one, in the order of the arms.

    Each arm is compared with each other one by a one-sided test at 5 % divided by the number of other arms, so that the
    arm with the best expectation is among them in 95 % of the comparisons, wherever it is (multiple comparisons with
    the best: Hsu 1984, Annals of Statistics 12, section 2).

    Args:
        arms: the arms.
        low_is_better: whether lower is better for the metric.

    Returns:
        The arms; None if there are fewer than two, or if an arm has a single seed.
    """
    present = [place for place, arm in enumerate(arms) if arm.values]
    if len(present) < 2 or any(len(arms[place].values) < 2 for place in present):
        return None
    level, blocks = (1 - CONFIDENCE) / (len(present) - 1), blocked(arms)
    worse = set()
    for first, second in combinations(present, 2):
        weights = np.zeros(len(arms))
        weights[[first, second]] = -1, 1
        found = estimate(arms, weights, blocks)
        if found.probability()[0] / 2 < level:
            worse.add(first if (found.estimate[0] > 0) != low_is_better else second)
    return [arms[place] for place in present if place not in worse]
