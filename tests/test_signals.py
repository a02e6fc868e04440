"""Signals on a real process."""

import contextlib
import json
import signal
import sqlite3
from pathlib import Path

import pytest

from exprun.run_folder import RunFolder
from exprun.signals import Signals, request
from reliability.common import until
from tiny import LAYERS

WORDS = [
    LAYERS,
    "trainer.epochs=500",
    "run_dir=out",
    "progress=plain",
    "data.limit=400",
    "doctor=none",
    "pictures=false",
]


def statuses(server) -> list[tuple[str]]:
    """Of the runs in MLflow; what has not arrived in the short time after a signal is delivered first, as promised."""
    if not RunFolder(Path("out")).read_tracking()["delivered"]:
        assert server.run("sync", "out").returncode == 0
    with contextlib.closing(sqlite3.connect("outputs/mlflow.db")) as store:
        return store.execute("select status from runs").fetchall()


def started(server):
    """A run behind its first epoch; its output goes to the file `out.txt`, and its errors to `err.txt`."""
    with open("out.txt", "w") as out, open("err.txt", "w") as err:
        process = server.start(WORDS, out.fileno(), err.fileno())
    assert until(process, lambda: "epoch 2/" in Path("out.txt").read_text()), Path("err.txt").read_text()
    return process


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
        pytest.param(signal.SIGUSR1, 138, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_a_run_well_and_it_can_be_resumed(number, code, run_server, empty_store):
    Path("outputs").mkdir()
    empty_store(f"sqlite:///{Path('outputs/mlflow.db').absolute()}")
    process = started(run_server)
    process.send_signal(number)
    returned, err = process.wait(), Path("err.txt").read_text()
    assert returned == code, err
    assert err.strip().splitlines()[-1] == f"exprun: stopped by {number.name}."
    assert "Traceback" not in err
    result = json.loads(Path("out/result.json").read_text())
    assert result["status"] == "KILLED"
    assert statuses(run_server) == [("KILLED",)]
    done = len(result["history"])
    words = [*WORDS, f"trainer.epochs={done + 2}", "trainer.resume=true"]
    again = run_server.run(*words)
    assert again.returncode == 0, again.stderr
    assert f"epoch {done + 2}/{done + 2}" in again.stdout
    assert "epoch 1/" not in again.stdout
    assert statuses(run_server) == [("FINISHED",)]


def test_a_request_is_no_second_signal():
    with Signals() as signals:
        signals.training = True
        request("SIGUSR1")
        assert signals.seen() == "SIGUSR1"
        request("SIGTERM")  # a second signal would end this process
        assert signals.seen() == "SIGUSR1"
