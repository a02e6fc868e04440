"""Statistics over seeds, against SciPy and against simulated runs."""

import math

import numpy as np
import pytest
from scipy import stats

from exprun.seed_statistics import deviation, interval

SIMULATIONS = 2000


def test_the_interval_is_students():
    values = [0.3, 0.5, 0.9, 0.4]
    found = interval(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert deviation(values) == pytest.approx(np.std(values, ddof=1))


def test_one_value_has_no_interval():
    found = interval([0.5])
    assert found.mean == 0.5
    assert math.isnan(found.half)
    assert math.isnan(deviation([0.5]))
    assert interval([0.5, math.inf]).mean == math.inf


@pytest.mark.parametrize("count", [3, 10])
def test_intervals_cover_the_truth(count):
    rng = np.random.default_rng(count)
    found = [interval(rng.normal(0.8, 0.03, count).tolist()) for _ in range(SIMULATIONS)]
    assert 0.93 <= np.mean([one.low <= 0.8 <= one.high for one in found]) <= 0.97
