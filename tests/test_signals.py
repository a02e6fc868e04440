"""Signals on a real process."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from exprun.run_folder import RunFolder
from reliability.common import plain_signals

WORDS = [sys.executable, "-m", "exprun", "trainer.epochs=500", "run_dir=out", "progress=plain", "data.limit=400"]


def statuses() -> list[tuple[str]]:
    """Of the runs in MLflow; what has not arrived in the short time after a signal is delivered first, as promised."""
    if not RunFolder(Path("out")).read_tracking()["delivered"]:
        subprocess.run([sys.executable, "-m", "exprun", "sync", "out"], check=True)
    with contextlib.closing(sqlite3.connect("outputs/mlflow.db")) as store:
        return store.execute("select status from runs").fetchall()


def started() -> subprocess.Popen[str]:
    """A run behind its first epoch."""
    process = subprocess.Popen(
        WORDS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ), preexec_fn=plain_signals
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 2/"):
            return process
    raise AssertionError(process.stderr.read() if process.stderr else "")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
        pytest.param(signal.SIGUSR1, 138, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_a_run_well_and_it_can_be_resumed(number, code):
    process = started()
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == code, err
    assert err.strip().splitlines()[-1] == f"exprun: stopped by {number.name}."
    assert "Traceback" not in err
    result = json.loads(Path("out/result.json").read_text())
    assert result["status"] == "KILLED"
    assert statuses() == [("KILLED",)]
    done = len(result["history"])
    words = [*WORDS, f"trainer.epochs={done + 2}", "trainer.resume=true"]
    again = subprocess.run(words, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert f"epoch {done + 2}/{done + 2}" in again.stdout
    assert "epoch 1/" not in again.stdout
    assert statuses() == [("FINISHED",)]
