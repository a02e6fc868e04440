"""Looks at the same comparison again and again: spent errors, and the rule of deciding sweeps."""

import numpy as np
import pytest

from exprun.compare import families, sequential, spending

DRAWS = 4000
PAIRS = sequential.pairs(3)


def swept(values, margin=None, low=False, looks=None):
    """Sweeps for the best arm with all their seeds: what is known in the end, and the seeds of each arm."""
    looks = looks or spending.looks(values.shape[2])
    known, used = sequential.any_best(*values.shape[:2]), np.zeros(values.shape[:2], int)
    for seeds in looks.seeds:
        used = np.where(known.needed, seeds, used)
        known = sequential.look_for_best(known, values[..., :seeds], known.needed, looks, low, margin)
    return known, used


def one(*rows):
    """One sweep with the given values of each arm."""
    return np.array([rows], float)


def test_the_levels_spend_the_error_of_pococks_type():
    seeds, error = np.arange(3, 11), 0.05
    (levels,) = spending.levels(seeds, np.array([error]))
    sums = np.random.default_rng(0).normal(size=(200_000, 10)).cumsum(1)[:, 2:] / np.sqrt(seeds)
    from scipy.special import ndtr

    crossed = np.logical_or.accumulate(2 * ndtr(-np.abs(sums)) <= levels, axis=1).mean(0)
    assert crossed == pytest.approx(error * np.log1p((np.e - 1) * seeds / 10), abs=0.0015)


def test_a_single_look_has_the_whole_error():
    assert spending.looks(3).level(3, 0.05) == pytest.approx(spending.SPENT * 0.05, rel=0.01)


def test_repeated_p_values_are_the_errors_of_their_levels():
    looks = spending.looks(10)
    for seeds in looks.seeds:
        levels = np.array([looks.level(seeds, error) for error in (1e-6, 0.01, 0.05, 0.3)])
        assert looks.repeated(levels, seeds) == pytest.approx([1e-6, 0.01, 0.05, 0.3])
        assert (looks.repeated(levels, seeds) > levels).all()
    none, one, zero = looks.repeated(np.array([np.nan, 1.0, 0.0]), 5)
    assert (none, one) == (1, 1)
    assert 0 < zero < 1e-10


@pytest.mark.parametrize(
    ("arms", "ratio", "correlation"),
    [*(pytest.param(2, *one, marks=pytest.mark.slow) for one in ((1, 0), (5, 0), (1, 0.8))), (4, 20, 0.4)],
)
def test_of_arms_that_are_alike_one_in_twenty_sweeps_drops_one(arms, ratio, correlation):
    rng = np.random.default_rng(arms + ratio)
    values = rng.normal(size=(DRAWS, arms, 10)) * np.sqrt(1 - correlation)
    values += np.sqrt(correlation) * rng.normal(size=(DRAWS, 1, 10))
    values[:, 0] *= ratio
    known, _ = swept(values)
    assert (~known.active).any(1).mean() < 0.062  # 5 % and the Monte Carlo error
    naive, _ = swept(values, looks=spending.Looks(10, np.repeat(spending.LEVELS[:, None], 8, axis=1)))
    assert (~naive.active).any(1).mean() > 0.062, "looking without spending would be found out"


def test_an_arm_that_is_far_better_is_found_with_few_seeds():
    values = np.random.default_rng(1).normal(size=(500, 4, 10))
    values[:, 2] += 6
    known, used = swept(values)
    assert (known.active == [False, False, True, False]).all(1).mean() > 0.99
    assert used.sum(1).mean() < 0.5 * 40
    assert (known.better[~known.active] == 2).mean() > 0.95
    assert (known.probability[~known.active] <= 0.05).all()
    low, _ = swept(-values, low=True)
    assert np.array_equal(low.active, known.active)


def test_arms_that_were_dropped_are_not_tested_again():
    first = one([0, 0.1, 0.2, 9, 9], [5, 5.1, 5.2, 5.1, 5], [5.1, 5.2, 5, 5.1, 5.2])
    known, used = swept(first)
    assert known.active[0].tolist() == [False, True, True]
    assert used[0].tolist() == [3, 5, 5]


def test_differences_below_the_margin_end_a_sweep():
    values = np.random.default_rng(2).normal(size=(500, 2, 10))
    known, used = swept(values, margin=5.0)
    assert known.equivalent.mean() > 0.95
    assert used.mean() < 5
    assert not swept(values, margin=0.1)[0].equivalent.any()
    far, _ = swept(values + np.array([[0], [5.0]]), margin=5.0)
    assert far.equivalent.mean() < 0.05


def test_runs_without_a_value_and_equal_values_are_no_evidence():
    looks = spending.looks(10)
    values = one([0, 0.1, np.nan, 0.2], [5, 5.1, 5.2, np.nan], [np.nan, np.nan, 5.1, np.nan])
    judged = sequential.judged_at(values, np.ones(values.shape, bool))
    assert judged.tolist() == [[True, True, False]]
    found = sequential.estimates(values, judged, PAIRS)
    assert found.estimate[0] == pytest.approx([5, np.nan, np.nan], nan_ok=True)
    assert found.freedom[0, 0] >= 2
    known = sequential.look_for_best(sequential.any_best(1, 3), values, judged, looks)
    assert known.active[0].tolist() == [False, True, True]
    same = sequential.estimates(one([1, 1, 1], [2, 2, 2]), np.ones((1, 2), bool), sequential.pairs(2))
    assert sequential.repeated(same, looks, 3).tolist() == [[1.0]]


def test_a_run_that_has_not_ended_keeps_its_arm_out_of_the_look():
    values, ended = one([1, 2, 3], [4, 5, 6]), np.ones((1, 2, 3), bool)
    ended[0, 1, 2] = False
    assert sequential.judged_at(values, ended).tolist() == [[True, False]]


def test_contrasts_that_are_decided_need_no_seeds():
    looks, factors = spending.looks(10), families.multipliers([families.pairs_alike(3)])
    known, rng = sequential.none_decided(200, PAIRS), np.random.default_rng(3)
    values = rng.normal(size=(200, 3, 10)) + np.array([[0], [0], [9.0]])
    used = np.zeros((200, 3), int)
    for seeds in looks.seeds:
        needed = known.needed
        used = np.where(needed, seeds, used)
        known = sequential.look_at_contrasts(known, values[..., :seeds], needed, looks, PAIRS, factors)
    assert known.differs[:, 1:].mean() > 0.99
    assert known.differs[:, 0].mean() < 0.06
    assert used[:, 2].mean() < 6
    assert used[:, :2].mean() > 9
    small = sequential.look_at_contrasts(
        sequential.none_decided(200, PAIRS), values, np.ones((200, 3), bool), looks, PAIRS, factors, margin=5.0
    )
    assert small.equivalent[:, 0].mean() > 0.95
    assert not (small.equivalent & small.differs).any()
    assert not small.needed[small.equivalent[:, 0] & small.differs[:, 1:].all(1)].any()
