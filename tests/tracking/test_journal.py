"""The run's record: windows of steps, no line twice, nothing lost behind a crash."""

import json

import numpy as np
import pytest

from exprun.journal_rows import read_journal_from
from exprun.tracking.journal import Journal
from exprun.trainer.events import EpochDone, Evaluated, StepsDone


def steps(first, last):
    """The event of steps `first` to `last`, whose loss is the step's number."""
    numbers = np.arange(first, last + 1, dtype=np.float32)
    return StepsDone(last, 0.0, numbers, numbers / 1000, numbers * 2, None)


def epoch(step, number=1):
    return EpochDone(step, number, 1.5, 0.5, 100.0, 2.0)


def figures(path):
    return [(row["step"], row["metrics"]) for row in read_journal_from(path, 0)[0]]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


@pytest.mark.parametrize("cuts", [[30], [1, 2, 30], [9, 10, 11, 19, 30], list(range(1, 31)), [25, 30]])
def test_a_window_is_the_mean_of_log_every_steps_wherever_calls_are_cut(path, cuts):
    journal = Journal(path, log_every=10)
    for first, last in zip([0, *cuts], cuts, strict=False):
        journal(steps(first + 1, last))
    assert [step for step, _ in figures(path)] == [10, 20, 30]
    assert [m["train/batch_loss"] for _, m in figures(path)] == pytest.approx([5.5, 15.5, 25.5])
    assert [m["train/batch_accuracy"] for _, m in figures(path)] == pytest.approx([0.0055, 0.0155, 0.0255])
    assert [m["optim/learning_rate"] for _, m in figures(path)] == [20, 40, 60]


def test_evaluations_and_epochs_are_lines_of_their_own(path):
    journal = Journal(path, log_every=10)
    journal(epoch(22))
    journal(Evaluated("val", 22, 1.0, 0.25, 0.75))
    journal(Evaluated("test", 22, 1.0, 0.5, 0.5))
    (_, ended), *evaluated = figures(path)
    assert (ended["epoch"], ended["train/loss"], ended["time/images_per_second"]) == (1, 1.5, 100)
    assert evaluated == [
        (22, {"val/loss": 0.25, "val/accuracy": 0.75}),
        (22, {"test/loss": 0.5, "test/accuracy": 0.5}),
    ]
    assert all(row["time"] > 1.6e12 for row in read_journal_from(path, 0)[0])


def test_a_resumed_run_writes_what_an_uninterrupted_one_does(path, tmp_path):
    events = [steps(1, 22), epoch(22), Evaluated("val", 22, 1.0, 0.2, 0.8), steps(23, 44), epoch(44, 2)]
    whole = Journal(path, log_every=10)
    for event in events:
        whole(event)
    other = tmp_path / "resumed.jsonl"
    killed = Journal(other, log_every=10)
    for event in [*events[:3], steps(23, 35)]:
        killed(event)
    resumed = Journal(other, log_every=10)
    for event in events[3:]:  # from the checkpoint at step 22: steps 23 to 35 come again
        resumed(event)
    assert figures(other) == figures(path)


def test_a_line_cut_short_is_left_out(path):
    journal = Journal(path, log_every=10)
    journal(steps(1, 20))
    path.write_text(path.read_text()[:-15])
    assert [step for step, _ in figures(path)] == [10]


def test_the_line_that_a_crash_cut_short_is_written_again_on_resume(path):
    Journal(path, log_every=10)(steps(1, 20))
    path.write_text(path.read_text()[:-15])
    resumed = Journal(path, log_every=10)
    resumed(steps(11, 30))
    assert [(step, m["train/batch_loss"]) for step, m in figures(path)] == [(10, 5.5), (20, 15.5), (30, 25.5)]


@pytest.mark.parametrize("line", ["[]", "3", "null", '{"step": 1}', '{"step": 1, "metrics": 3}', "nonsense"])
def test_a_strange_line_does_not_hide_the_others(path, line):
    good = json.dumps({"step": 1, "time": 0, "metrics": {"a": 1.0}})
    path.write_text(f"{good}\n{line}\n{good}\n")
    assert len(read_journal_from(path, 0)[0]) == 2


def test_a_journal_that_is_not_there_is_empty(path):
    assert read_journal_from(path, 0)[0] == []


def test_figures_that_are_not_finite_are_kept(path):
    Journal(path, log_every=1)(StepsDone(1, 0.0, np.array([np.nan]), np.array([0.5]), np.array([0.1]), None))
    assert np.isnan(read_journal_from(path, 0)[0][0]["metrics"]["train/batch_loss"])


def test_journals_of_older_versions_are_read_by_the_names_of_today_and_go_on(path):
    speed = {"epoch": 1, "time/images_per_second": 9.0, "time/seconds": 1.0}
    rows = [
        (10, {"train/loss": 5.5, "train/accuracy": 0.1, "optim/learning_rate": 0.01}),
        (15, {"train/epoch_loss": 8.0, "train/epoch_accuracy": 0.2, **speed}),
    ]
    path.write_text("".join(json.dumps({"step": step, "time": 0, "metrics": m}) + "\n" for step, m in rows))
    assert figures(path) == [
        (10, {"train/batch_loss": 5.5, "train/batch_accuracy": 0.1, "optim/learning_rate": 0.01}),
        (15, {"train/loss": 8.0, "train/accuracy": 0.2, **speed}),
    ]
    resumed = Journal(path, log_every=10)
    for event in (steps(1, 15), epoch(15), steps(16, 30), epoch(30, 2)):
        resumed(event)
    assert [step for step, _ in figures(path)] == [10, 15, 20, 30, 30]
