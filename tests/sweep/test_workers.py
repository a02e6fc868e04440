"""Workers of a sweep: which run each gets, and what happens if one dies or a signal arrives."""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from typing import ClassVar

import psutil
import pytest

from exprun import cli
from exprun.cli import main
from exprun.config.errors import ConfigError
from exprun.outputs import run_of_sweep
from exprun.run_folder import RunFolder
from exprun.signals import Killed
from exprun.sweep import workers as module
from exprun.sweep.folder import STOPPED
from exprun.sweep.launch import check_workers, has_launcher
from exprun.sweep.process import Ended, Said
from exprun.sweep.workers import Workers
from tiny import TINY, config


class Fake:
    """A worker process that answers at once, as `answers` says: by the number of the run, for each try."""

    answers: ClassVar[dict] = {}
    made: ClassVar[list] = []

    def __init__(self, share, deterministic, log, events, gpu):
        self.share, self.events, self.structure = share, events, None
        self.got, self.has_ended = [], False
        Fake.made.append(self)

    def send(self, message):
        self.got.append(message)
        if "stop" in message:
            self.events.put((self, Said("stopped")))
            self.events.put((self, Ended(0)))
        if "run" not in message:
            return
        answers = Fake.answers.get(message["run"], [])
        answer = answers.pop(0) if answers else {"state": "trained", "best": message["run"] / 10}
        for part in answer if isinstance(answer, list) else [answer]:
            if callable(part):
                part()
            else:
                self.events.put((self, part))

    @property
    def runs(self):
        return [message["run"] for message in self.got if "run" in message]

    def wait(self):
        self.has_ended = True

    kill = wait


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(module, "Process", Fake)
    monkeypatch.setattr(Fake, "answers", {})
    monkeypatch.setattr(Fake, "made", [])
    return Fake


def swept(tmp_path, jobs, *words, count=2):
    with Workers(count, config(*words), tmp_path) as workers:
        workers.begin(True, None, "config", [])
        return workers.run(jobs, 0)


def test_each_run_has_its_score_and_is_announced_with_its_number(fake, tmp_path, capsys):
    fake.answers[1] = [[Said("doctor: a finding"), Said("exprun: twice"), {"state": "kept", "best": 0.5}]]
    fake.answers[2] = [[Said("exprun: twice"), {"state": "failed", "best": None}]]
    scores = swept(tmp_path, [["seed=0"], ["seed=1"], ["seed=2"]], "progress=plain")
    assert [score.state for score in scores] == ["trained", "kept", "failed"]
    assert scores[:2] == [0.0, 0.5]
    assert math.isnan(scores[2])
    said = capsys.readouterr()
    assert "run 0 (seed=0): started\n" in said.out
    assert "best validation accuracy 0.0 %" in said.out
    assert "run 1: doctor: a finding\n" in said.out
    assert "run 1 (seed=1): kept\n" in said.out
    assert said.err == "exprun: twice\n"
    assert all(process.has_ended for process in fake.made)


def test_a_run_that_ends_early_says_why(fake, tmp_path, capsys):
    def end():
        folder = RunFolder(run_of_sweep(tmp_path, 0))
        folder.path.mkdir(parents=True)
        folder.write_result("FINISHED", "pruned after 1 epoch", {}, [])

    fake.answers[0] = [[end, {"state": "trained", "best": 0.5}]]
    swept(tmp_path, [["seed=0"], ["seed=1"]], "progress=plain")
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("validation ")[2] for line in lines if "trained" in line] == [
        "accuracy 50.0 %; pruned after 1 epoch",
        "accuracy 10.0 %",
    ]


def test_a_worker_gets_runs_of_the_structure_that_it_has_compiled(fake, tmp_path):
    jobs = [[norm, f"seed={seed}"] for norm in ("norm=none", "norm=batch") for seed in range(3)]
    swept(tmp_path, jobs)
    assert sorted(process.runs for process in fake.made) == [[0, 1, 2], [3, 4, 5]]


def test_no_more_workers_start_than_there_are_runs(fake, tmp_path):
    swept(tmp_path, [["seed=0"], ["seed=1"]], count=8)
    assert len(fake.made) == 2


def begun(tmp_path, number):
    folder = RunFolder(tmp_path / str(number))
    folder.path.mkdir()
    folder.write_config(config())
    return folder


def test_a_worker_that_dies_is_replaced_and_its_run_fails(fake, tmp_path, capsys, monkeypatch):
    uploaded = []
    monkeypatch.setattr("exprun.tracking.sync.upload_complete", lambda _, folder: uploaded.append(folder.path))
    folder = begun(tmp_path, 0)
    fake.answers[0] = [Ended(-signal.SIGKILL)]
    scores = swept(tmp_path, [["seed=0"], ["seed=1"], ["seed=2"]], "sweep.on_failure=stop")
    assert [score.state for score in scores] == ["failed", "trained", "trained"]
    assert folder.read_result().status == "FAILED"
    assert "ended by SIGKILL" in folder.read_result().reason
    assert uploaded == [folder.path]
    assert (tmp_path / STOPPED).exists()
    assert "run 0 (seed=0) failed: its worker process was ended by SIGKILL" in capsys.readouterr().err


def test_a_run_whose_worker_died_is_tried_again(fake, tmp_path):
    fake.answers[0] = [Ended(1), Ended(1)]
    scores = swept(tmp_path, [["seed=0"], ["seed=1"]], "sweep.retries=2")
    assert [score.state for score in scores] == ["trained", "trained"]
    assert not (tmp_path / STOPPED).exists()
    fake.answers[0] = [Ended(1), Ended(1)]
    assert swept(tmp_path, [["seed=0"], ["seed=1"]], "sweep.retries=1")[0].state == "failed"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_is_passed_on_once_and_ends_the_sweep(fake, tmp_path, name, capsys):
    fake.answers[1] = [[lambda: os.kill(os.getpid(), getattr(signal, name))]]
    with pytest.raises(Killed, match=name):
        swept(tmp_path, [["seed=0"], ["seed=1"], ["seed=2"]], "progress=plain")
    assert [message for process in fake.made for message in process.got if "stop" in message] == [{"stop": name}] * 2
    assert "stopped\n" in capsys.readouterr().out


def test_a_worker_that_is_stopped_alone_stops_the_sweep(fake, tmp_path):
    fake.answers[0] = [{"killed": "SIGINT"}]
    with pytest.raises(Killed, match="SIGINT"):
        swept(tmp_path, [["seed=0"], ["seed=1"]])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["sweep.workers=0"], "sweep.workers=0, but it must be auto, or a number between 1 and 1024."),
        (["sweep.workers=2", "trainer.strategy=multi_worker"], "excludes trainer.strategy=multi_worker"),
    ],
)
def test_workers_that_cannot_be_are_refused(words, sentence, capsys, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": ["a:1"]}, "task": {"index": 0}}))
    assert main(["-m", *TINY, "seed=0,1", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_workers_beside_a_launcher_are_refused():
    assert not has_launcher(["sweep.workers=2"])
    assert has_launcher(["sweep.workers=2", "hydra/launcher=joblib"])
    with pytest.raises(ConfigError, match=r"sweep.workers=2, but hydra/launcher=… starts the runs"):
        check_workers(config("sweep.workers=2"), None, has_launcher=True)


# Real workers


WORDS = [word for word in TINY if word != "progress=quiet"] + ["progress=plain", "trainer.max_steps=4"]


def folder_of_sweep(tmp_path):
    (folder,) = (path for path in (tmp_path / "outputs" / "sweeps").iterdir() if path.is_dir())
    return folder


def test_two_workers_train_the_runs_of_a_sweep(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["-m", *WORDS, "seed=0,1", "sweep.workers=2"]
    assert cli.main(words) == 0
    said = capfd.readouterr()
    assert "sweep: 2 runs: 2 trained." in said.out
    assert said.err == ""
    folder = folder_of_sweep(tmp_path)
    for number in (0, 1):
        run = RunFolder(folder / str(number))
        assert run.read_result().status == "FINISHED"
        assert f"run {number} (seed={number}): started" in said.out
        assert f"{number} seed={number}: " in run.log.read_text()
        assert run.read_environment()["command"].endswith(f"seed={number}")
    recorded = [RunFolder(folder / number).read_environment() for number in "01"]
    assert {run["cores"] for run in recorded} == {"1"}
    assert len({run["device"] for run in recorded}) == 1
    assert cli.main(["-m", *WORDS, "seed=0,1", "sweep.workers=1"]) == 0
    assert "sweep: 2 runs: 2 kept." in capfd.readouterr().out


LONG = ["trainer.epochs=500", "trainer.checkpoint=true", "data.limit=400"]


@pytest.fixture
def training(tmp_path):
    """A sweep of four long runs with two workers, in a process group of its own, once both train; and their numbers."""
    words = [*(word for word in WORDS if "max_steps" not in word), *LONG, "seed=0,1,2,3", "sweep.workers=2"]
    command = [sys.executable, "-m", "exprun", "-m", *words]
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True)
    while sum(bool(RunFolder(path).read_journal()) for path in tmp_path.glob("outputs/sweeps/*/[0-9]")) < 2:
        assert process.poll() is None, (tmp_path / "log").read_text()
        time.sleep(0.2)
    children = psutil.Process(process.pid).children()
    yield process, [child for child in children if "exprun.sweep.worker" in child.cmdline()]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def statuses(tmp_path):
    return [RunFolder(folder_of_sweep(tmp_path) / str(number)).status for number in range(4)]


@pytest.mark.slow
@pytest.mark.parametrize("to_group", [True, False])
def test_ctrl_c_stops_all_runs_and_records_them(training, tmp_path, to_group):
    process, workers = training
    (os.killpg if to_group else os.kill)(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    assert statuses(tmp_path) == ["KILLED", "KILLED", "", ""]
    assert "exprun: stopped by SIGINT." in (tmp_path / "log").read_text()
    assert not any(map(psutil.Process.is_running, workers))


@pytest.mark.slow
def test_workers_stop_when_the_process_of_the_sweep_is_killed(training, tmp_path):
    process, workers = training
    process.kill()
    psutil.wait_procs(workers, 60)
    assert not any(map(psutil.Process.is_running, workers))
    assert statuses(tmp_path) == ["KILLED", "KILLED", "", ""]


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_one_run(training, tmp_path):
    process, workers = training
    workers[0].kill()
    while not RunFolder(folder_of_sweep(tmp_path) / "2").read_journal():
        assert process.poll() is None
        time.sleep(0.2)
    process.terminate()
    assert process.wait(60) == 143
    assert sorted(statuses(tmp_path)) == ["", "FAILED", "KILLED", "KILLED"]
    assert "its worker process was ended by SIGKILL" in (tmp_path / "log").read_text()
