"""The correction of p-values for the number of contrasts that a comparison tests together."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, reduce
from operator import or_

import numpy as np


def pairs_alike(levels: int) -> frozenset[int]:
    """The numbers of pairs of levels that can be alike at the same time: 0, 1 or 3 of the pairs of three levels.

    Args:
        levels: the number of levels.
    """
    bits = _pairs_alike(levels)
    return frozenset(number for number in range(bits.bit_length()) if bits >> number & 1)


@cache
def _pairs_alike(levels: int) -> int:
    """The numbers of pairs as the bits of an integer, which are quick to combine."""
    found = [1]
    for last in range(1, levels + 1):
        bits = 0
        for size in range(1, last + 1):
            bits |= found[last - size] << size * (size - 1) // 2
        found.append(bits)
    return found[levels]


def multipliers(groups: Iterable[frozenset[int]]) -> list[int]:
    """The factors of the sorted p-values of a family, the smallest p-value first.

    Each factor is the largest number of contrasts that can be 0 if one contrast fewer than its place is not 0, by the
    first procedure of Shaffer 1986 (doi:10.1080/01621459.1986.10478341). It is never larger than that of Holm 1979
    (doi:10.2307/4615733), and keeps the same family-wise error.

    Args:
        groups: for each group of contrasts that do not restrict other groups, the numbers of them that can be 0 at the
            same time, from `pairs_alike`, or {0, 1} for a contrast alone. The largest number is the size of the group.
    """
    possible = 1  # bit n is set if n contrasts can be 0 at the same time
    for group in groups:
        possible = reduce(or_, (possible << number for number in group))
    count = possible.bit_length() - 1
    largest = [1] * (count + 1)  # the largest possible number up to each number of contrasts
    for number in range(2, count + 1):
        largest[number] = number if possible >> number & 1 else largest[number - 1]
    return [largest[count - place] for place in range(count)]


def corrected(probability: Callable[[int], np.ndarray], factors: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The corrected p-values of a family, and the factor by which each was multiplied, both (..., contrasts).

    At each place the smallest p-value of the contrasts that are left is multiplied by the factor of the place (the
    sequential rejection of Goeman and Solari 2010, doi:10.1214/10-AOS829). A corrected p-value is never smaller than
    that of a contrast that came earlier, or than the p-value of the contrast alone.

    Args:
        probability: the p-values without NaN, (..., contrasts), as a function of the factor.
        factors: the factors from `multipliers`, one for each contrast.
    """
    alone = probability(1)
    found = np.ones(alone.shape)
    used = np.ones(alone.shape, int)
    left = np.ones(alone.shape, bool)
    highest = np.zeros((*alone.shape[:-1], 1))
    values, last = alone, 1
    for factor in factors:
        if factor != last:  # equal factors follow each other
            values, last = probability(factor), factor
        some = np.where(left, values, np.inf)
        first = some.argmin(-1)[..., None]
        highest = np.maximum(highest, np.minimum(1, factor * np.take_along_axis(some, first, -1)))
        np.put_along_axis(found, first, highest, -1)
        np.put_along_axis(used, first, factor, -1)
        np.put_along_axis(left, first, False, -1)
    return np.maximum(found, alone), used
