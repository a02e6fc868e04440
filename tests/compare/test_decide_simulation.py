"""The benchmark that chose the rule of deciding sweeps, on few draws."""

from pathlib import Path

import numpy as np
import pytest

from exprun.compare import spending

BENCHMARKS = Path(__file__).parents[2] / "scripts" / "benchmarks"


@pytest.fixture
def simulation(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import decide_simulation

    return decide_simulation


def test_the_table_of_runs_saved(simulation, monkeypatch):
    monkeypatch.setattr(simulation, "EFFECTS", (0, 6))
    saved = []
    rows = list(simulation.of_savings(200, 0, saved))[2:]
    assert len(rows) == 9
    assert rows[1].startswith("| best of 2: 6 | 100.0 | 0.0 (")
    assert min(saved) > 0.5


@pytest.mark.slow
def test_candidates_are_told_apart(simulation):
    rows = dict(row.strip("| ").split(" | ", 1) for row in list(simulation.of_candidates(400, 0))[2:])
    assert set(rows) == {*simulation.CANDIDATES, simulation.E_VALUES}
    assert rows["decide"].startswith("0 of 8")
    assert rows["test after each seed"].startswith("8 of 8")


def test_e_values_are_rarely_large_without_a_difference(simulation):
    values, top = np.random.default_rng(0).normal(size=(2000, 2, 10)), np.ones(2, bool)
    assert simulation.e_values(values, top).wrong.mean() < 0.05
    far = simulation.e_values(values + np.array([[0], [9.0]]), np.array([False, True]))
    assert far.found.mean() > 0.99
    assert far.runs.mean() < 12


def test_the_errors_that_do_not_hold_are_marked(simulation, monkeypatch):
    monkeypatch.setattr(simulation, "NOISES", (simulation.Noise("normal"), simulation.Noise("skewed", 5)))
    monkeypatch.setattr(simulation, "ARMS", (2,))
    held = []
    normal, skewed = list(simulation.of_errors(1000, 0, held))[2:]
    assert held == [True] * 3
    assert "**" not in normal
    assert "**" in skewed
    rows = list(simulation.of_seeds(100, 0, held))[2:]
    assert len(rows) == 6
    assert len(held) == 3 + 30


def test_the_smallest_fixed_design(simulation):
    values, top = np.random.default_rng(1).normal(size=(500, 2, 10)), np.array([False, True])
    values[:, 1] += 4
    assert simulation._smallest(values, top, 0.8) in (3, 4)
    assert simulation._smallest(values - 4 * top[:, None], top, 0.8) == "more than 20"
    assert simulation.best(values, top, spending.looks(10)).found.mean() > 0.95
