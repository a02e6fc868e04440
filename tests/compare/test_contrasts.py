"""Contrasts of arms: against SciPy, textbooks and simulated runs."""

import math
import weakref

import numpy as np
import pytest
from scipy import stats

from exprun.compare import contrasts, families

TWO_BY_TWO = np.array([[-0.5, -0.5, 0.5, 0.5], [-0.5, 0.5, -0.5, 0.5], [1.0, -1.0, -1.0, 1.0]])
FREE = frozenset({0, 1})


def by_arm(groups, weights):
    """The estimates of contrasts of lists of values."""
    means, variances = np.array([np.mean(g) for g in groups]), np.array([np.var(g, ddof=1) for g in groups])
    return contrasts.by_arm(means, variances, np.array([len(g) for g in groups]), np.array([weights], float))


def test_without_the_correction_two_arms_are_compared_as_by_scipy(monkeypatch):
    monkeypatch.setattr(contrasts, "CORRECTION", 0.0)
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.8, 0.01, 5), rng.normal(0.85, 0.05, 5)
    found, known = by_arm([a, b], [-1, 1]), stats.ttest_ind(b, a, equal_var=False)
    assert found.probability()[0] == pytest.approx(known.pvalue, abs=1e-12)
    assert found.freedom[0] == pytest.approx(known.df)
    low, high = known.confidence_interval(0.95)
    assert found.estimate[0] + found.half(0.95)[0] * np.array([-1, 1]) == pytest.approx([low, high])


def test_equal_variances_get_all_degrees_of_freedom_and_a_single_wide_arm_gets_its_own():
    assert by_arm([[1, 2, 3], [4, 5, 6]], [-1, 1]).degrees()[0] == pytest.approx(4)
    assert by_arm([[1, 2, 3], [400, 500, 600]], [-1, 1]).degrees()[0] == pytest.approx(2, abs=1e-3)


def test_the_correction_is_divided_by_the_number_of_tests():
    found = by_arm([[1, 2, 3], [4, 5, 9], [1, 1, 2], [3, 5, 6]], [-0.5, -0.5, 0.5, 0.5])
    plain, single, three = found.freedom[0], found.degrees()[0], found.degrees(3)[0]
    assert 2 <= single < three < plain
    assert plain - three == pytest.approx((plain - single) / 3)


def test_an_arm_with_few_seeds_limits_the_degrees_of_freedom():
    rng = np.random.default_rng(2)
    found = by_arm([rng.normal(size=2), rng.normal(size=10)], [-1, 1])
    assert 1 <= found.degrees()[0] <= 2


def test_blocks_are_the_paired_test_of_scipy():
    rng = np.random.default_rng(0)
    values = rng.normal(0.8, 0.05, (2, 5))
    found, known = contrasts.by_seed(values, np.array([[-1.0, 1.0]])), stats.ttest_rel(values[1], values[0])
    assert found.probability()[0] == pytest.approx(known.pvalue)
    low, high = known.confidence_interval(0.95)
    assert found.estimate[0] + found.half(0.95)[0] * np.array([-1, 1]) == pytest.approx([low, high])


def test_the_interaction_of_a_known_table():
    values = np.array([[10.0, 12, 14], [11, 13, 15], [20, 22, 24], [31, 33, 35]])
    found = contrasts.estimates(values, TWO_BY_TWO)
    assert found.estimate == pytest.approx([15, 6, 10])
    # each arm has a variance of 4: 4 / 3 for a main effect, 16 / 3 for the interaction, with 8 degrees of freedom
    assert found.error == pytest.approx(np.sqrt([4 / 3, 4 / 3, 16 / 3]))
    assert found.degrees() == pytest.approx(8)
    assert found.probability() == pytest.approx(2 * stats.t.sf(found.estimate / found.error, 8))


def test_two_one_sided_tests():
    found = by_arm([[1.0, 1.2, 1.1], [1.1, 1.3, 1.2]], [-1, 1])
    error, freedom = found.error[0], found.degrees()[0]
    expected = max(stats.t.sf((0.5 + 0.1) / error, freedom), stats.t.cdf((0.1 - 0.5) / error, freedom))
    assert found.probability(margin=0.5)[0] == pytest.approx(expected)
    assert found.probability(margin=0.05)[0] > 0.5


def test_arms_without_spread_have_no_p_value():
    assert math.isnan(by_arm([[1, 1], [2, 2]], [-1, 1]).probability()[0])
    assert by_arm([[1, 1, 1], [2, 2, 3]], [-1, 1]).degrees()[0] == pytest.approx(2)


@pytest.mark.parametrize(("correlation", "expected"), [(0.0, (0.0, 0.03)), (0.9, (0.9, 1.0))])
def test_seeds_are_blocks_if_they_are_alike(correlation, expected):
    rng = np.random.default_rng(3)
    values = math.sqrt(correlation) * rng.normal(size=(1000, 1, 6)) + math.sqrt(1 - correlation) * rng.normal(
        size=(1000, 4, 6)
    )
    values *= np.array([1, 5, 20, 1])[:, None]
    found = contrasts.has_blocks(values)
    assert expected[0] <= found.mean() <= expected[1]
    assert not contrasts.has_blocks(values[:, :, :3]).any()


def test_arms_without_spread_do_not_count_as_blocks():
    assert not contrasts.has_blocks(np.array([[1.0, 2, 3, 4], [0.1, 0.1, 0.1, 0.1]]))
    assert not contrasts.has_blocks(np.full((3, 5), 0.1))
    assert contrasts.has_blocks(np.array([[1.0, 2, 3, 4], [0.1, 0.1, 0.1, 0.1], [2, 4, 6, 8]]))


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("tests", [1, 3])
def test_the_needed_seeds_detect_four_times_in_five(blocks, tests):
    rng = np.random.default_rng(7)
    if blocks:
        weights, deviations = np.ones(1), np.array([1.0])
    else:
        weights, deviations = np.array([-0.5, -0.5, 0.5, 0.5]), np.array([1, 1, 2, 0.5])
    needed = contrasts.needed_seeds(1.0, deviations**2, weights, 0.05, tests, blocks)
    values = rng.normal(size=(4000, len(weights), needed)) * deviations[:, None] + np.sign(weights)[:, None] / 2
    if blocks:
        found = contrasts.by_seed(values + 0.5, weights[None])
    else:
        counts = np.full(len(weights), needed)
        found = contrasts.by_arm(values.mean(2), values.var(2, ddof=1), counts, weights[None])
    assert 0.77 < np.mean(found.probability(tests=tests) * tests < 0.05) < 0.88


def test_no_number_of_seeds_detects_nothing():
    one, weights = np.ones(2), np.array([-1.0, 1.0])
    assert contrasts.needed_seeds(0.0, one, weights, 0.05, 1, False) is None
    assert contrasts.needed_seeds(1.0, 0 * one, weights, 0.05, 1, False) is None
    assert contrasts.needed_seeds(0.001, one, weights, 0.05, 1, False) is None


def test_factors_of_the_literature():
    assert families.multipliers([FREE] * 3) == [3, 2, 1]  # Holm
    # Shaffer 1986, table 1: the pairs of three, four and five means
    assert families.multipliers([families.pairs_alike(3)]) == [3, 1, 1]
    assert families.multipliers([families.pairs_alike(4)]) == [6, 3, 3, 3, 2, 1]
    assert families.multipliers([families.pairs_alike(5)]) == [10, 6, 6, 6, 6, 4, 4, 3, 2, 1]
    assert families.multipliers([FREE, families.pairs_alike(3)]) == [4, 3, 2, 1]
    assert families.multipliers([]) == []


def test_few_p_values_are_kept_at_a_time():
    alive = []

    def probability(factor):
        found = np.linspace(0.1, 1, 100)
        alive.append(weakref.ref(found))
        assert sum(reference() is not None for reference in alive) <= 4
        return found

    families.corrected(probability, families.multipliers([FREE] * 100))


def test_holm_is_that_of_the_literature():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    found, factors = families.corrected(lambda factor: p, [4, 3, 2, 1])
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert list(factors) == [3, 1, 2, 4]
    assert families.corrected(lambda factor: np.array([0.9, 0.8]), [2, 1])[0] == pytest.approx([1, 1])


@pytest.mark.parametrize("wide", [1, 5, 20])
@pytest.mark.parametrize(
    ("seeds", "weights", "groups"),
    [
        (3, np.array([[-1.0, 1.0]]), [FREE]),
        (3, TWO_BY_TWO, [FREE] * 3),
        (5, np.array([[-1.0, 1, 0], [-1, 0, 1], [0, -1, 1]]), [families.pairs_alike(3)]),
    ],
)
def test_families_without_a_difference_hardly_ever_have_one(wide, seeds, weights, groups):
    """With 4,000 families, an error of 5 % is measured as 6.2 % or more once in a thousand times."""
    rng = np.random.default_rng([wide, seeds])
    values = rng.normal(size=(4000, weights.shape[1], seeds))
    values[:, 0] *= wide
    found = contrasts.estimates(values, weights)
    corrected, _ = families.corrected(lambda factor: found.probability(tests=factor), families.multipliers(groups))
    assert (corrected < 0.05).any(1).mean() < 0.062


@pytest.mark.parametrize("wide", [0.05, 0.5, 1, 2, 5, 20])
@pytest.mark.parametrize("counts", [(2, 10), (3, 10), (2, 3, 3, 3), (3, 3, 5, 10)])
def test_unequal_numbers_of_seeds_invent_no_difference(wide, counts):
    """With 10,000 draws, an error of 5 % is measured as 5.7 % or more once in a thousand times."""
    rng = np.random.default_rng([int(100 * wide), *counts])
    seeds, spread = np.array(counts), np.ones(len(counts))
    spread[0] = wide  # of the arm with the fewest seeds
    means = spread / np.sqrt(seeds) * rng.normal(size=(10_000, len(seeds)))
    variances = spread**2 * rng.chisquare(seeds - 1, size=means.shape) / (seeds - 1)
    weights = np.array([[-1.0, 1.0]] if len(counts) == 2 else [[-0.5, -0.5, 0.5, 0.5]])
    assert (contrasts.by_arm(means, variances, seeds, weights).probability() < 0.05).mean() < 0.057


def test_a_difference_of_four_deviations_is_found_with_three_seeds():
    values = np.random.default_rng(5).normal(size=(1000, 4, 3))
    values[:, 2:] += 4
    found = contrasts.estimates(values, TWO_BY_TWO)
    corrected, _ = families.corrected(lambda factor: found.probability(tests=factor), [3, 2, 1])
    paired = contrasts.by_seed(values, TWO_BY_TWO)
    before, _ = families.corrected(lambda factor: paired.probability(), [3, 2, 1])
    assert (corrected[:, 0] < 0.05).mean() > 0.95
    assert (before[:, 0] < 0.05).mean() < 0.65


def test_differences_beyond_the_margin_are_hardly_ever_called_equivalent():
    values = np.random.default_rng(6).normal(size=(4000, 2, 5))
    values[:, 1] += 3.0  # as large as the margin
    found = contrasts.estimates(values, np.array([[-1.0, 1.0]]))
    assert 0.03 < (found.probability(margin=3.0) < 0.05).mean() < 0.062
    values[:, 1] -= 3.0
    assert (contrasts.estimates(values, np.array([[-1.0, 1.0]])).probability(margin=3.0) < 0.05).mean() > 0.8
