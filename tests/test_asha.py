"""Asynchronous successive halving: who goes on at which epoch."""

import pytest

from exprun import cli
from exprun.asha import AshaPruner
from tiny import TINY


def arrive(folder, figures, epoch=3, lower=False):
    """Which of the runs go on that arrive in this order."""
    return [not AshaPruner(folder / str(number), lower)(epoch, figure) for number, figure in enumerate(figures)]


def test_the_best_third_of_those_that_have_arrived_goes_on(tmp_path):
    assert arrive(tmp_path, [0.5, 0.6, 0.4, 0.55, 0.7, 0.65]) == [True, True, False, False, True, True]


def test_a_lower_loss_is_better(tmp_path):
    assert arrive(tmp_path, [0.5, 0.6, 0.4], lower=True) == [True, False, True]


@pytest.mark.parametrize(("epoch", "asked"), [(1, True), (2, False), (3, True), (6, False), (9, True), (12, False)])
def test_it_is_asked_after_powers_of_three(tmp_path, epoch, asked):
    assert arrive(tmp_path, [0.9, 0.1], epoch) == [True, not asked]


def test_the_reduction_factor_says_at_which_epochs_and_how_many(tmp_path):
    pruners = [AshaPruner(tmp_path / str(number), lower=False, reduction_factor=2) for number in range(4)]
    assert [not prune(6, 0.1) for prune in pruners] == [True] * 4
    said = [prune(4, metric) for prune, metric in zip(pruners, (0.4, 0.3, 0.2, 0.35), strict=True)]
    assert [not text for text in said] == [True, False, False, True]
    assert said[1] == "pruned after 4 epochs: 1 of 2 runs were better (sweep.prune=asha)"


def test_a_run_that_is_repeated_counts_once(tmp_path):
    assert arrive(tmp_path, [0.9]) == arrive(tmp_path, [0.9]) == [True]
    assert len(list((tmp_path / "rungs" / "3").glob("*.json"))) == 1


def test_pruned_runs_of_a_sweep_end_early_and_say_why(tmp_path, capsys):
    words = [*TINY, "sweep.prune=asha", "trainer.epochs=3", "optim.learning_rate=0.02,0.00001", "progress=plain"]
    given = [word for word in words if word not in ("trainer.epochs=2", "progress=quiet")]
    assert cli.main(["-m", *given]) == 0
    text = capsys.readouterr().out
    assert "pruned after 1 epoch: 1 of 2 runs were better (sweep.prune=asha)" in text
    assert "sweep: 2 runs: 2 trained." in text
