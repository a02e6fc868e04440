"""Contrasts of the means of arms: estimate, standard error, degrees of freedom, p-values and the seeds needed.

A contrast is a weighted sum of the means of arms, with weights that add up to 0. The variance over seeds may differ
between arms. All functions work on arrays with any number of leading axes, so that the benchmark `compare_simulation`,
which chose the method, calls the code that judges real runs.
"""

from dataclasses import dataclass

import numpy as np

POWER = 0.8  # probability that a comparison with the needed seeds detects the difference
MAX_SEEDS = 1000  # largest number of seeds that is ever called needed
# The degrees of freedom that are subtracted for each arm of a contrast whose standard error one arm determines. The
# benchmark `compare_simulation` shows that with it a family of contrasts invents a difference in at most 5 % of the
# comparisons, whatever the variances are.
CORRECTION = 0.4
# Seeds are blocks if all arms have at least `BLOCK_SEEDS` seeds, the same ones, and equal seeds have more similar
# metrics than chance explains at the level `BLOCK_LEVEL`. The benchmark chose both numbers.
BLOCK_SEEDS = 4
BLOCK_LEVEL = 0.01
NO_SPREAD = 1e-9  # standard deviations up to this share of the largest value are rounding errors


@dataclass(frozen=True)
class Estimates:
    """Estimates of contrasts; all arrays have the shape (..., contrasts).

    Args:
        estimate: the values of the contrasts.
        error: their standard errors over seeds; 0 if the runs of each arm have equal values or, with seeds as blocks,
            if every seed gives the contrast the same value.
        freedom: the degrees of freedom of Student's t, without the correction.
        correction: the degrees of freedom that are subtracted for a single contrast.
        lowest: the smallest number of degrees of freedom.
    """

    estimate: np.ndarray
    error: np.ndarray
    freedom: np.ndarray
    correction: np.ndarray
    lowest: np.ndarray

    def degrees(self, tests: int | np.ndarray = 1) -> np.ndarray:
        """The corrected degrees of freedom.

        Args:
            tests: the factor by which the p-value is multiplied. The correction is divided by it, since the contrasts
                of a family share arms, which leaves less to correct.
        """
        return np.maximum(self.lowest, self.freedom - self.correction / tests)

    def probability(self, margin: float = 0.0, tests: int | np.ndarray = 1) -> np.ndarray:
        """The p-values; NaN if the standard error is 0 or unknown.

        Args:
            margin: 0 for the two-sided test of a difference. If it is positive, the p-value is that of two one-sided
                tests of a difference of at least this size (Schuirmann 1987, doi:10.1007/BF01068419): a small one shows
                that the difference is smaller.
            tests: the factor by which the p-value is multiplied, as for `degrees`.
        """
        from scipy.special import stdtr  # type: ignore[import-untyped]  # takes half a second to import

        freedom = self.degrees(tests)
        with np.errstate(divide="ignore", invalid="ignore"):
            if margin:
                probability = stdtr(freedom, (np.abs(self.estimate) - margin) / self.error)
            else:
                probability = 2 * stdtr(freedom, -np.abs(self.estimate) / self.error)
        return np.where(self.error > 0, probability, np.nan)

    def half(self, confidence: float) -> np.ndarray:
        """Half the widths of the confidence intervals."""
        from scipy.special import stdtrit

        return np.asarray(stdtrit(self.degrees(), (1 + confidence) / 2) * self.error)


def by_arm(means: np.ndarray, variances: np.ndarray, counts: np.ndarray, weights: np.ndarray) -> Estimates:
    """Contrasts of independent arms, each with its own variance.

    The degrees of freedom are those of Satterthwaite 1946 (doi:10.2307/3002019) and Welch 1947
    (doi:10.1093/biomet/34.1-2.28). With few seeds and unequal variances they are too high, since they are computed from
    estimated variances. A part of `CORRECTION` for each arm of the contrast is subtracted: all of it if one arm
    determines the standard error, nothing if all arms have the same share. Each arm counts with the degrees of freedom
    of the arm with the fewest seeds; with its own, a wide arm with few seeds would be underestimated.

    Args:
        means: the mean of each arm, (..., arms).
        variances: the variance of each arm over its seeds, (..., arms).
        counts: the number of seeds of each arm, (arms,) or (..., arms); at least 2 for each arm with a weight.
        weights: the weights of the arms in each contrast, (contrasts, arms).
    """
    used = weights != 0
    arms = used.sum(1)
    lowest = np.where(used, (counts - 1)[..., None, :], np.inf).min(-1)  # the degrees of freedom of the smallest arm
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = variances / counts  # the squared standard errors of the means
        error = squared @ (weights**2).T
        freedom = lowest * error**2 / (squared**2 @ (weights**4).T)
        share = (arms * lowest - freedom) / ((arms - 1) * lowest)
    lowest = np.broadcast_to(lowest, error.shape)
    return Estimates(means @ weights.T, np.sqrt(error), freedom, CORRECTION * arms * share, lowest)


def by_seed(values: np.ndarray, weights: np.ndarray) -> Estimates:
    """Contrasts with seeds as blocks: each seed gives one value of the contrast, and these values are averaged.

    Args:
        values: the metric of each run, (..., arms, seeds).
        weights: the weights of the arms in each contrast, (contrasts, arms).
    """
    seeds = values.shape[-1]
    gains = weights @ values
    error = gains.std(-1, ddof=1) / np.sqrt(seeds)
    freedom = np.full(error.shape, float(seeds - 1))
    return Estimates(gains.mean(-1), error, freedom, np.zeros(error.shape), freedom)


def estimates(values: np.ndarray, weights: np.ndarray) -> Estimates:
    """Contrasts of arms that have the same seeds; `has_blocks` decides whether the seeds are blocks.

    Args:
        values: the metric of each run, (..., arms, seeds).
        weights: the weights of the arms in each contrast, (contrasts, arms).
    """
    seeds = values.shape[-1]
    counts = np.full(values.shape[-2], seeds)
    apart = by_arm(values.mean(-1), values.var(-1, ddof=1), counts, weights)
    if seeds < BLOCK_SEEDS:
        return apart
    blocks, together = has_blocks(values)[..., None], by_seed(values, weights)
    return Estimates(
        apart.estimate,
        np.where(blocks, together.error, apart.error),
        np.where(blocks, together.freedom, apart.freedom),
        np.where(blocks, together.correction, apart.correction),
        np.where(blocks, together.lowest, apart.lowest),
    )


def has_blocks(values: np.ndarray) -> np.ndarray:
    """Whether runs with the same seed are alike in all arms, so that the seeds should be blocks, (...,).

    The F test of a two-way analysis of variance without interaction, on values that are standardised within each arm.

    Args:
        values: the metric of each run, (..., arms, seeds); arms without a spread do not count.
    """
    from scipy.special import fdtrc

    seeds = values.shape[-1]
    if seeds < BLOCK_SEEDS:
        return np.zeros(values.shape[:-2], bool)
    spread = values.std(-1, ddof=1, keepdims=True)
    varies = spread > NO_SPREAD * np.abs(values).max((-2, -1), keepdims=True)
    scaled = np.where(varies, (values - values.mean(-1, keepdims=True)) / np.where(varies, spread, 1), 0)
    arms = varies.sum((-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = (scaled.sum(-2).var(-1, ddof=1) - arms) / (arms * (arms - 1))  # the mean over pairs of arms
        ratio = (1 + (arms - 1) * correlation) / np.maximum(1 - correlation, 1e-12)
        probability = fdtrc(seeds - 1, np.maximum(arms - 1, 1) * (seeds - 1), np.maximum(ratio, 0))
    return (arms > 1) & (probability < BLOCK_LEVEL)


def needed_seeds(
    difference: float, variances: np.ndarray, weights: np.ndarray, level: float, tests: int, blocks: bool
) -> int | None:
    """The number of seeds of each arm with which a contrast of this size is detected with a power of `POWER`.

    The power is that of the noncentral t distribution, with the degrees of freedom of the method that is used: those of
    `by_arm`, or of `by_seed` with blocks (Cohen 1988, Statistical Power Analysis, section 2.2).

    Args:
        difference: the contrast.
        variances: the variance of each arm over seeds, (arms,); with blocks, that of the contrast over seeds, (1,).
        weights: the weight of each arm, (arms,); with blocks, [1].
        level: the level of the family of two-sided tests.
        tests: the factor by which the p-value is multiplied.
        blocks: whether seeds are blocks.

    Returns:
        The number; None if the contrast is 0 or has no spread, or if more than `MAX_SEEDS` seeds are needed.
    """
    from scipy.special import nctdtr, stdtrit

    total = float(variances @ weights**2)
    if not difference or not total > 0 or not np.isfinite(total):
        return None
    counts = np.arange(2, MAX_SEEDS + 1)
    if blocks:
        freedom = counts - 1.0
    else:
        seeds = np.broadcast_to(counts[:, None], (len(counts), len(weights)))
        freedom = by_arm(np.zeros(seeds.shape), variances, seeds, weights[None]).degrees(tests)[:, 0]
    shift = abs(difference) / np.sqrt(total / counts)
    power = 1 - nctdtr(freedom, np.minimum(shift, 30), stdtrit(freedom, 1 - level / tests / 2))
    enough = np.flatnonzero(power >= POWER)
    return int(counts[enough[0]]) if len(enough) else None
