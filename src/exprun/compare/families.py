"""The correction of p-values for the number of contrasts that a comparison tests together."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np


def pairs_alike(levels: int) -> frozenset[int]:
    """The numbers of pairs of levels that can be alike at the same time: 0, 1 or 3 of the pairs of three levels.

    Args:
        levels: the number of levels.
    """
    return _pairs_alike(levels)


@cache
def _pairs_alike(levels: int) -> frozenset[int]:
    if levels < 2:
        return frozenset({0})
    return frozenset(
        size * (size - 1) // 2 + others for size in range(1, levels + 1) for others in _pairs_alike(levels - size)
    )


def multipliers(groups: Iterable[frozenset[int]]) -> list[int]:
    """The factors of the sorted p-values of a family, the smallest p-value first.

    Each factor is the largest number of contrasts that can be 0 if one contrast fewer than its place is not 0, by the
    first procedure of Shaffer 1986 (doi:10.1080/01621459.1986.10478341). It is never larger than that of Holm 1979
    (doi:10.2307/4615733), and keeps the same family-wise error.

    Args:
        groups: for each group of contrasts that do not restrict other groups, the numbers of them that can be 0 at the
            same time, from `pairs_alike`, or {0, 1} for a contrast alone. The largest number is the size of the group.
    """
    possible = frozenset({0})
    for group in groups:
        possible = frozenset(a + b for a in possible for b in group)
    count = max(possible)
    return [max([1, *(number for number in possible if number <= count - place)]) for place in range(count)]


def corrected(probability: Callable[[int], np.ndarray], factors: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The corrected p-values of a family, and the factor by which each was multiplied, both (..., contrasts).

    At each place the smallest p-value of the contrasts that are left is multiplied by the factor of the place (the
    sequential rejection of Goeman and Solari 2010, doi:10.1214/10-AOS829). A corrected p-value is never smaller than
    that of a contrast that came earlier, or than the p-value of the contrast alone.

    Args:
        probability: the p-values without NaN, (..., contrasts), as a function of the factor.
        factors: the factors from `multipliers`, one for each contrast.
    """
    values = {factor: probability(factor) for factor in {1, *factors}}
    found = np.ones(values[1].shape)
    used = np.ones(values[1].shape, int)
    left = np.ones(values[1].shape, bool)
    highest = np.zeros((*values[1].shape[:-1], 1))
    for factor in factors:
        some = np.where(left, values[factor], np.inf)
        first = some.argmin(-1)[..., None]
        highest = np.maximum(highest, np.minimum(1, factor * np.take_along_axis(some, first, -1)))
        np.put_along_axis(found, first, highest, -1)
        np.put_along_axis(used, first, factor, -1)
        np.put_along_axis(left, first, False, -1)
    return np.maximum(found, values[1]), used
