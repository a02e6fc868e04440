"""The benchmark that chose the method of `compare`, on few draws."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

BENCHMARKS = Path(__file__).parents[2] / "scripts" / "benchmarks"


@pytest.fixture
def simulation(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import compare_simulation

    return compare_simulation


def test_a_cell_of_the_grid(simulation):
    two_by_two = next(design for design in simulation.DESIGNS if design.name == "2x2")
    rng = np.random.default_rng(0)
    results = simulation.measure(two_by_two, 3, simulation.Noise("normal"), 1000, rng)
    assert set(results) == {*simulation.METHODS, simulation.WINNER, simulation.PERMUTATION}
    assert results[simulation.WINNER].holds
    assert results[simulation.WINNER].power > 0.95
    assert 0.45 < results["paired t (before)"].power < 0.65
    wide = simulation.measure(two_by_two, 3, simulation.Noise("normal", 20), 1000, rng)
    assert wide[simulation.WINNER].holds
    assert not wide["one variance"].holds


def test_the_noise_has_the_mean_and_the_spread_that_it_names(simulation):
    rng = np.random.default_rng(1)
    skewed = simulation.Noise("skewed", 5).draw(rng, 20_000, np.zeros(3), 4)
    assert skewed.mean((0, 2)) == pytest.approx(simulation.HIGH_MEAN, abs=2e-4)
    assert skewed.std((0, 2)) == pytest.approx([0.01, 0.002, 0.002], rel=0.05)
    normal = simulation.Noise("normal", 5, 0.8).draw(rng, 20_000, np.array([0, 0, 2.0]), 4)
    assert normal.std((0, 2)) == pytest.approx(simulation.NORMAL_SPREAD * np.array([5, 1, 1]), rel=0.05)
    assert np.corrcoef(normal[:, 0, 0], normal[:, 1, 0])[0, 1] == pytest.approx(0.8, abs=0.02)
    assert normal[:, 2].mean() - normal[:, 1].mean() == pytest.approx(2 * simulation.NORMAL_SPREAD, rel=0.05)
    one = simulation.Noise("diverged").draw(rng, 100, np.zeros(4), 3)
    assert ((one == simulation.CHANCE).sum((1, 2)) == 1).all()


def test_the_interval_of_clopper_and_pearson(simulation):
    assert simulation.Result([0], 100).interval == pytest.approx((0, 1 - 0.005 ** (1 / 100)))
    low, high = simulation.Result([50], 1000).interval
    assert stats.binom.sf(49, 1000, low) == pytest.approx(0.005)
    assert stats.binom.cdf(50, 1000, high) == pytest.approx(0.005)
    assert simulation.Result([50], 1000).holds
    assert not simulation.Result([80], 1000).holds


def test_the_brackets_leave_out_compare_and_the_permutation_test(simulation):
    wrong = {"Welch": 70, "HC3": 60, simulation.WINNER: 50, simulation.PERMUTATION: 0}
    found = {name: simulation.Result([count], 1000) for name, count in wrong.items()}
    grid = product(simulation.DESIGNS, simulation.SEEDS, simulation.NOISES)
    cells = [(design, seeds, noise, found) for design, seeds, noise in grid]
    title, _, *lines = simulation.of_region(cells)
    assert title.endswith("and in brackets the lowest of the other methods except the permutation test:")
    assert lines[2].startswith("| 2 levels, 2 seeds | 5.0 (")
    assert lines[2].count("[6.0]") == 3


def test_a_bad_number_of_draws_is_refused(simulation, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["compare_simulation", "--draws", "3"])
    with pytest.raises(SystemExit) as stop:
        simulation.main()
    assert stop.value.code == 2
    assert "--draws 3: it must be at least 50" in capsys.readouterr().err
