"""Statistics over seeds, against SciPy and against simulated runs."""

import math

import numpy as np
import pytest
from scipy import stats

from exprun.seed_statistics import difference, holm, interval

SIMULATIONS = 2000


def test_the_interval_is_students():
    values = [0.3, 0.5, 0.9, 0.4]
    found = interval(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((low, high))


def test_one_value_has_no_interval():
    found = interval([0.5])
    assert found.mean == 0.5
    assert math.isnan(found.half)
    assert interval([0.5, math.inf]).mean == math.inf


def seeds(values, start=0):
    return dict(enumerate(map(float, values), start))


def test_equal_seeds_are_paired():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.8, 0.05, 5), rng.normal(0.85, 0.05, 5)
    found = difference(seeds(a), seeds(b))
    known = stats.ttest_rel(b, a)
    assert found.paired
    assert found.probability == pytest.approx(known.pvalue)
    low, high = known.confidence_interval(0.95)
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high))


def test_other_seeds_are_compared_by_welch():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.8, 0.01, 3), rng.normal(0.85, 0.05, 6)
    found = difference(seeds(a), seeds(b))
    known = stats.ttest_ind(b, a, equal_var=False)
    assert not found.paired
    assert found.probability == pytest.approx(known.pvalue)
    low, high = known.confidence_interval(0.95)
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high))


def test_one_seed_tells_nothing_and_equal_figures_are_no_difference():
    assert math.isnan(difference(seeds([0.5]), seeds([0.9])).probability)
    assert math.isnan(difference(seeds([0.5]), seeds([0.9, 0.8])).probability)
    assert difference(seeds([0.5, 0.6]), seeds([0.5, 0.6])).probability == 1.0
    assert difference(seeds([0.5, 0.5]), seeds([0.6, 0.6, 0.6])).probability == 0.0


def test_as_many_seeds_as_are_needed_tell_four_times_in_five():
    rng = np.random.default_rng(7)
    found = difference(seeds([0, 0, 0, 0]), seeds([0, 2, 0, 2]))  # gains of 1 on the mean, deviation 1.155
    assert found.needed == 13
    told = [
        difference(seeds(np.zeros(13)), seeds(rng.normal(1, 1.155, 13))).probability < 0.05 for _ in range(SIMULATIONS)
    ]
    assert 0.75 < np.mean(told) < 0.87
    assert difference(seeds([1, 2]), seeds([1, 2])).needed is None
    assert difference(seeds([1]), seeds([2])).needed is None


def test_holm_is_that_of_the_literature():
    assert holm([0.01, 0.04, 0.03, math.nan, 0.005])[:3] == pytest.approx([0.03, 0.06, 0.06])
    assert math.isnan(holm([0.01, math.nan])[1])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("count", [3, 10])
def test_intervals_cover_the_truth(paired, count):
    rng = np.random.default_rng(count)
    covered = 0
    for _ in range(SIMULATIONS):
        noise = rng.normal(0, 0.03, count)
        a = 0.80 + noise + rng.normal(0, 0.01, count)
        b = 0.83 + (noise if paired else rng.normal(0, 0.03, count)) + rng.normal(0, 0.01, count)
        found = difference(seeds(a), seeds(b, 0 if paired else count)).interval
        covered += found.low <= 0.03 <= found.high
    assert 0.93 <= covered / SIMULATIONS <= 0.97


def test_false_positives_after_correction():
    """Six settings that are all alike: fifteen comparisons, and hardly ever a difference."""
    rng = np.random.default_rng(4)
    wrong = 0
    for _ in range(SIMULATIONS):
        arms = [seeds(rng.normal(0.8, 0.02, 5)) for _ in range(6)]
        found = [difference(arms[i], arms[j]).probability for i in range(6) for j in range(i)]
        wrong += min(holm(found)) < 0.05
    assert wrong / (SIMULATIONS) <= 0.05
