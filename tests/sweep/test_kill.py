"""A sweep that is killed without a warning, and goes on."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from exprun.run_folder import RunFolder

KILLS = 5
WORDS = [
    "-m",
    "experiment=smoke",
    "norm=none,batch",
    "optim=sgd_momentum,rmsprop",
    "seed=0,1,2",
    "trainer.deterministic=true",
    "progress=plain",
]


def start(folder):
    command = [sys.executable, "-m", "exprun", *WORDS]
    with open(folder / "log", "a") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)


def weights(folder):
    with np.load(folder / "checkpoints" / "best.npz") as file:
        return {key: file[key] for key in file.files if key != "state"}


def figures(folder):
    return [
        (row["step"], {k: v for k, v in row["metrics"].items() if not k.startswith("time/")})
        for row in RunFolder(folder).read_journal()
    ]


@pytest.mark.slow
def test_a_sweep_killed_at_any_moment_ends_as_if_it_had_not_been(tmp_path):
    import mlflow

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    began = time.monotonic()
    assert start(whole).wait() == 0
    seconds = time.monotonic() - began
    rng = random.Random(0)
    for _ in range(KILLS):
        process = start(killed)
        time.sleep(rng.uniform(0, seconds / 2))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert start(killed).wait() == 0
    for place in (whole, killed):  # what a busy machine has not delivered in time
        subprocess.run([sys.executable, "-m", "exprun", "sync"], cwd=place, check=True)
    (a,), (b,) = ([p for p in (place / "outputs" / "sweeps").iterdir() if p.is_dir()] for place in (whole, killed))
    for number in range(12):
        one, other = a / str(number), b / str(number)
        assert RunFolder(one).status == RunFolder(other).status == "FINISHED"
        first, second = weights(one), weights(other)
        assert first.keys() == second.keys()
        assert all(np.array_equal(first[key], second[key]) for key in first), number
        assert figures(one) == figures(other)
    client = mlflow.MlflowClient(f"sqlite:///{killed}/outputs/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("exprun").experiment_id])
    parents = [run for run in runs if "exprun.factors" in run.data.tags]
    assert len(parents) == 1
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id]
    assert len(children) == len(runs) - 1 == 12
    assert {run.info.status for run in runs} == {"FINISHED"}
    for run in children:
        place = b / run.data.tags["exprun.run_dir"].rsplit("/", 1)[-1]
        wanted = [
            (row["step"], row["metrics"]["val/loss"])
            for row in RunFolder(place).read_journal()
            if "val/loss" in row["metrics"]
        ]
        assert [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "val/loss")] == wanted
