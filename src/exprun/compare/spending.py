"""Repeated looks at the same comparison: p-values that are valid at any look, whenever a sweep stops.

A p-value of a fixed number of seeds is too small if more seeds were added until it was small. The error that a
comparison may make is therefore spent over the looks (Lan and DeMets 1983, doi:10.1093/biomet/70.3.659), with the
function of Pocock's type: of an error `e`, the part `e · ln(1 + (exp(1) - 1) · share)` is spent once a share of the
planned seeds is there. The level of each look follows from the joint distribution of the looks, which is computed
recursively (Armitage, McPherson and Rowe 1969, doi:10.2307/2343787) for a normal metric. Quantiles of Student's t then
have the same levels (Jennison and Turnbull 2000, Group Sequential Methods with Applications to Clinical Trials, chapter
4). With few seeds this spends a little more than planned, which `SPENT` makes up for.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

FIRST_LOOK = 3  # seeds at the first look; with two, no test has enough degrees of freedom to decide anything
MAX_SEEDS = 50  # seeds at the last look, at most
# The part of the error that is planned to be spent. The benchmark `decide_simulation` shows that with it the error of a
# whole sweep is at most 5 % within its Monte Carlo interval, whatever the variances are, for normal metrics.
SPENT = 0.75
LEVELS = np.geomspace(1e-12, 1.0, 49)  # errors for which the levels of the looks are tabulated
NODES = 64  # points of the numerical integration between the limits of a look
FARTHEST, HALVINGS = 12.0, 50  # the search for a limit: the highest one in standard deviations, and its steps


@dataclass(frozen=True)
class Looks:
    """The planned looks at a comparison, one after each seed from `FIRST_LOOK`.

    Args:
        max_seeds: the number of seeds at the last look.
        table: the level of each look for each of `LEVELS`, (levels, looks).
    """

    max_seeds: int
    table: np.ndarray

    @property
    def seeds(self) -> range:
        """The numbers of seeds at which the looks take place."""
        return range(FIRST_LOOK, self.max_seeds + 1)

    def level(self, seeds: int, error: float) -> float:
        """The level of a look: a p-value up to it is significant.

        Args:
            seeds: the number of seeds at the look.
            error: the probability that a true hypothesis is rejected at any look.
        """
        column = self.table[:, seeds - FIRST_LOOK]
        return float(np.exp(np.interp(np.log(error), np.log(LEVELS), np.log(column))))

    def repeated(self, probability: np.ndarray, seeds: int) -> np.ndarray:
        """The repeated p-values of a look: the smallest errors at which it is significant.

        A repeated p-value of a true hypothesis is below any number at any of the looks with at most this probability,
        so that the smallest one of all looks so far is a p-value.

        Args:
            probability: the two-sided p-values of the look; NaN where there is none.
            seeds: the number of seeds at the look.

        Returns:
            The repeated p-values; 1 where there is none.
        """
        column = self.table[:, seeds - FIRST_LOOK]
        some = np.clip(np.nan_to_num(probability, nan=1.0), LEVELS[0], 1.0)
        found = np.exp(np.interp(np.log(some), np.log(column), np.log(LEVELS)))
        return np.where(some > column[-1], 1.0, found)


@cache
def looks(max_seeds: int) -> Looks:
    """The planned looks at a comparison.

    Args:
        max_seeds: the number of seeds at the last look, at least `FIRST_LOOK`.
    """
    return Looks(max_seeds, levels(np.arange(FIRST_LOOK, max_seeds + 1), SPENT * LEVELS))


def levels(seeds: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """The levels of the looks at the sum of normal differences with mean 0 and variance 1, (errors, looks).

    Args:
        seeds: the number of differences at each look, (looks,).
        errors: the errors that are spent over all looks, below 1, (errors,).
    """
    from scipy.special import ndtr, ndtri  # type: ignore[import-untyped]  # takes half a second to import

    spent = errors[:, None] * np.log1p((np.e - 1) * seeds / seeds[-1])
    limit = -ndtri(spent[:, 0] / 2) * np.sqrt(seeds[0])  # the size of the sum that is significant at the look
    found = [spent[:, 0]]
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    at = nodes * limit[:, None]
    density = np.exp(-(at**2) / 2 / seeds[0]) / np.sqrt(2 * np.pi * seeds[0])
    for before, now, wanted in zip(seeds[:-1], seeds[1:], np.diff(spent).T, strict=True):
        step, mass = np.sqrt(now - before), weights * limit[:, None] * density  # without significance so far
        low, high = np.zeros(len(errors)), np.full(len(errors), FARTHEST * np.sqrt(now))
        for _ in range(HALVINGS):
            limit = (low + high) / 2
            beyond = ndtr((at - limit[:, None]) / step) + ndtr((-limit[:, None] - at) / step)
            too_low = (mass * beyond).sum(1) > wanted
            low, high = np.where(too_low, limit, low), np.where(too_low, high, limit)
        found.append(2 * ndtr(-limit / np.sqrt(now)))
        then = nodes * limit[:, None]
        gaps = (then[:, :, None] - at[:, None]) / step
        at, density = then, (np.exp(-(gaps**2) / 2) @ mass[..., None])[..., 0] / (step * np.sqrt(2 * np.pi))
    return np.stack(found, axis=1)
