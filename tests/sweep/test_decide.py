"""Deciding sweeps: rounds of seeds, what they decide, and how they go on after they were stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from compare.fake_runs import write_run
from exprun import cli
from exprun.compare.deciding import Rule
from exprun.config.budget import Budget
from exprun.config.errors import RunError
from exprun.outputs import runs_of_sweep
from exprun.records import read_run
from exprun.run_folder import NOT_FINITE, RunFolder
from exprun.sweep import decide
from exprun.sweep.job import Score
from tiny import TINY, leave_out_pages

ARMS = ("a", "b", "c")
MEANS = {"a": 0.7, "b": 0.71, "c": 0.95}


def scored(state):
    score = Score(0.5)
    score.state = state
    return score


@dataclass
class Runs:
    """Stands for the launcher: writes the runs of each job without training them.

    Args:
        folder: the folder of the sweep.
        means: the mean accuracy of each arm.
        spread: the standard deviation over seeds.
        failing: arms whose runs fail.
        diverging: arms whose runs diverge.
        launched: the jobs of each round, with the number of the first one.
    """

    folder: Path
    means: dict = field(default_factory=lambda: dict(MEANS))
    spread: float = 0.01
    failing: tuple = ()
    diverging: tuple = ()
    launched: list = field(default_factory=list)

    def __call__(self, jobs, first):
        self.launched.append((jobs, first))
        return [self.run(number, *job) for number, job in enumerate(jobs, first)]

    def run(self, number, arm, seed):
        place = self.folder / str(number)
        if (place / "result.json").exists():
            return scored("kept")
        name, seed = arm.split("=")[1], int(seed.split("=")[1])
        noise = np.random.default_rng([ARMS.index(name), seed]).normal()
        ended = {"status": "FINISHED"}
        if name in self.failing or name in self.diverging:
            ended = {"status": "FAILED", "reason": f"{NOT_FINITE}: loss" if name in self.diverging else "no file"}
        write_run(place, self.means[name] + self.spread * noise, norm__name=name, seed=seed, **ended)
        return scored("failed" if name in self.failing else "trained")


def sweep(goal="best", budget=Budget(), seeds=10, margin=None, metric="val/accuracy"):  # noqa: B008
    rule = Rule(goal, metric, seeds, margin)
    return decide.Deciding([[f"norm={arm}"] for arm in ARMS], [f"seed={seed}" for seed in range(seeds)], rule, budget)


def decided(runs, wanted=None):
    """What was printed, and the scores."""
    lines = []
    scores = decide.decide(wanted or sweep(), runs.folder, runs, lines.append)
    return lines, scores


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path)


def new(folder):
    folder.mkdir()
    return folder


def test_it_ends_when_one_arm_is_left(runs):
    lines, scores = decided(runs)
    assert len(scores) == 9
    assert lines == [
        "decide: 3 seeds, 9 runs: norm=a is worse than norm=c (p = 0.00026); norm=b is worse than norm=c (p = 0.005); "
        "no arm goes on.",
        "decided: norm=c is the best, all 2 other arms are shown to be worse (9 runs, 70 % fewer than all 30).",
    ]
    assert decide.verdict_of(runs.folder) == lines[-1]


def test_only_arms_that_may_be_the_best_get_seeds(runs):
    runs.means = {"a": 0.5, "b": 0.9, "c": 0.9}
    lines, _ = decided(runs)
    assert [len(jobs) for jobs, _ in runs.launched] == [9, *[2] * 7]
    assert [first for _, first in runs.launched] == [0, *range(9, 23, 2)]
    assert runs.launched[1][0] == [["norm=b", "seed=3"], ["norm=c", "seed=3"]]
    assert "2 arms go on." in lines[0]
    assert "nothing new is decided; 2 arms go on." in lines[1]
    assert lines[-1].startswith("decided: nothing further after 10 seeds: norm=")
    assert "may each be the best (23 runs, 23 % fewer than all 30)." in lines[-1]


def test_a_margin_ends_it(runs):
    runs.means = {"a": 0.5, "b": 0.9, "c": 0.9}
    lines, scores = decided(runs, sweep(margin=5.0))
    assert len(scores) < 15
    assert "are the best, with no difference above 5 points" in lines[-1]


def test_an_arm_without_a_result_does_not_keep_a_margin_from_ending_it(runs):
    runs.means, runs.failing = {"a": 0.5, "b": 0.9, "c": 0.9}, ("a",)
    lines, scores = decided(runs, sweep(margin=5.0))
    assert len(scores) < 15
    assert "worse" not in lines[0]
    assert "are the best, with no difference above 5 points; 1 arm without a result is not judged" in lines[-1]


def test_effects_are_decided(runs):
    runs.means = {"a": 0.7, "b": 0.7, "c": 0.95}
    lines, scores = decided(runs, sweep("effects"))
    assert len(scores) == 9 + 2 * 7
    assert "norm=c against norm=a differs; norm=c against norm=b differs; 2 arms go on." in lines[0]
    assert "decided: 2 of 3 contrasts; not decided after 10 seeds: norm=b against norm=a" in lines[-1]
    lines, _ = decided(Runs(new(runs.folder / "margin"), runs.means), sweep("effects", margin=5.0))
    assert any("norm=b against norm=a is below the margin" in line for line in lines)
    assert "decided: all of 3 contrasts" in lines[-1]


def test_a_sweep_that_was_stopped_makes_the_same_runs(runs, tmp_path):
    runs.means = {"a": 0.88, "b": 0.9, "c": 0.905}
    whole, _ = decided(runs)
    copy = Runs(new(tmp_path / "copy"), runs.means)
    for number in range(12):  # the first round and a part of the second
        shutil.copytree(runs.folder / str(number), copy.folder / str(number))
    record = json.loads((runs.folder / decide.RECORD).read_text())
    (copy.folder / decide.RECORD).write_text(json.dumps(record | {"rounds": record["rounds"][:2], "verdict": ""}))
    again, scores = decided(copy)
    assert again == whole
    assert [score.state for score in scores[:12]] == ["kept"] * 12
    assert len(scores) == len(runs_of_sweep(runs.folder)) == len(runs_of_sweep(copy.folder))


def test_a_round_that_another_process_has_started_keeps_its_arms(runs):
    arms, rounds = [f"norm={arm}" for arm in ARMS], [[0, 1, 2], [0, 2]]
    (runs.folder / decide.RECORD).write_text(json.dumps({"arms": arms, "rounds": rounds}))
    decided(runs)
    assert runs.launched[1] == ([["norm=a", "seed=3"], ["norm=c", "seed=3"]], 9)
    assert len(runs.launched) == 2
    other = Runs(new(runs.folder / "other"))
    (other.folder / decide.RECORD).write_text(json.dumps({"arms": arms[:2], "rounds": [[0, 1], [0, 1]]}))
    decided(other)
    assert [len(jobs) for jobs, _ in other.launched] == [9]


def test_it_ends_at_its_budget_and_goes_on_with_a_larger_one(runs):
    runs.means = dict.fromkeys(ARMS, 0.9)
    lines, scores = decided(runs, sweep(budget=Budget(runs=14, text="14 runs")))
    assert len(scores) == 12
    assert "decided: nothing further within the budget of 14 runs: " in lines[-1]
    _, scores = decided(runs, sweep(budget=Budget(seconds=161.0, text="161s")))  # each run takes 10 s
    assert len(scores) == 15
    assert [score.state for score in scores] == ["kept"] * 12 + ["trained"] * 3


def test_arms_whose_runs_fail_hold_nothing_up(runs):
    runs.failing = ("b",)
    lines, scores = decided(runs)
    assert [score.state for score in scores].count("failed") == 3
    assert lines[-1].startswith(
        "decided: norm=c is the best, the other arm is shown to be worse; 1 arm without a result is not judged"
    )
    only = Runs(new(runs.folder / "only"), failing=("a", "b"))
    lines, scores = decided(only)
    assert len(scores) == 9
    assert lines[-1].startswith("decided: nothing, as too few runs have a result")
    none = Runs(new(runs.folder / "none"), failing=ARMS)
    with pytest.raises(RunError, match=r"cannot decide by sweep.metric=val/accuracy: no run has"):
        decided(none)
    with pytest.raises(RunError, match=r"sweep.metric=test/f1: no run has it; the metrics are time/seconds, "):
        decided(Runs(new(runs.folder / "other")), sweep(metric="test/f1"))


def test_a_run_that_diverged_counts_as_the_chance_level(runs):
    runs.diverging = ("b",)
    lines, scores = decided(runs)
    assert [score.state for score in scores] == ["trained"] * 9
    assert "norm=b is worse than norm=c" in lines[0]


def test_a_run_that_stops_the_sweep_ends_the_rounds(runs):
    lines = []
    scores = decide.decide(sweep(), runs.folder, lambda jobs, first: [scored("stopped")] * len(jobs), lines.append)
    assert len(scores) == 9
    assert not lines


WORDS = [
    *(word for word in TINY if "tracking" not in word and "progress" not in word),
    "sweep=decide",
    "optim.learning_rate=0.00001,0.01",
    "trainer.epochs=2",
    "sweep.max_seeds=5",
    "progress=plain",
    "tracking=none",
]


def test_a_real_sweep_that_ends_early_and_resumes(tmp_path, capsys, monkeypatch):
    leave_out_pages(monkeypatch)
    assert cli.main(["-m", *WORDS]) == 0
    text = capsys.readouterr().out
    assert "decide: 3 seeds, 6 runs: optim.learning_rate=1e-05 is worse than optim.learning_rate=0.01" in text
    assert "decided: optim.learning_rate=0.01 is the best, the other arm is shown to be worse (6 runs, 40 %" in text
    assert "sweep: 6 runs: 6 trained." in text
    (folder,) = (path for path in (tmp_path / "outputs" / "sweeps").iterdir() if path.is_dir())
    (folder / "4" / "result.json").unlink()  # as if it had been killed
    assert RunFolder(folder / "4").status == "STARTED"
    assert cli.main(["-m", *WORDS, "sweep.budget=6"]) == 0
    assert "sweep: 6 runs: 1 trained, 5 kept." in capsys.readouterr().out
    assert cli.main(["compare", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sequential"]["looks"] == [3, 4, 5]
    assert found["effects"][0]["p_corrected"] < 0.05
    assert not any("same seeds" in warning for warning in found["warnings"])


WHOLE = [sys.executable, "-m", "exprun", "-m", *WORDS, "trainer.deterministic=true", "doctor=none"]


def start(folder, *words):
    return subprocess.Popen(
        [*WHOLE, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def ended(folder):
    """The verdict of the only sweep in a folder, and the numbers and seeds of its runs."""
    (place,) = (path for path in (folder / "outputs" / "sweeps").iterdir() if path.is_dir())
    runs = {run.name: read_run(run) for run in runs_of_sweep(place)}
    assert {run.status for run in runs.values()} == {"FINISHED"}
    return decide.verdict_of(place), {
        name: (run.setting("optim.learning_rate"), run.seed) for name, run in runs.items()
    }


@pytest.mark.slow
def test_two_processes_and_one_that_was_killed_make_the_same_runs(tmp_path):
    alone, shared, killed = (new(tmp_path / name) for name in ("alone", "shared", "killed"))
    text, _ = start(alone).communicate()
    whole = ended(alone)
    assert whole[0] in text
    both = [start(shared) for _ in range(2)]
    texts = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], texts
    assert ended(shared) == whole
    assert all(whole[0] in text for text in texts)
    process = start(killed)
    while not list(killed.glob("outputs/sweeps/*/2/config.yaml")):
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert whole[0] in start(killed).communicate()[0]
    assert ended(killed) == whole


@pytest.mark.slow
def test_rounds_run_in_the_processes_of_a_launcher(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    text, _ = start(tmp_path, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2").communicate()
    verdict, runs = ended(tmp_path)
    assert verdict in text
    assert len(runs) == 6
