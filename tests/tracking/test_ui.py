"""`python -m exprun ui`: who can reach it, and what it says of that."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from exprun import cli
from faults.common import plain_signals
from servers import free_port


def reached(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


@pytest.fixture
def store(tmp_path):
    (tmp_path / "outputs").mkdir()
    sqlite3.connect(tmp_path / "outputs" / "mlflow.db").close()


@pytest.mark.parametrize(
    ("words", "host", "warned"), [([], "127.0.0.1", False), (["--host", "0.0.0.0"], "0.0.0.0", True)]
)
def test_it_is_for_this_machine_unless_told_otherwise_and_says_what_that_means(
    store, capsys, monkeypatch, words, host, warned
):
    started = []

    def ends_at_once(command, **_):
        started.append(command)
        return SimpleNamespace(wait=lambda: 0)

    monkeypatch.setattr(subprocess, "Popen", ends_at_once)
    assert cli.main(["ui", "--port", str(free_port()), *words]) == 1
    [command] = started
    assert command[command.index("--host") + 1] == host
    assert ("Whoever reaches" in capsys.readouterr().out) is warned


@pytest.mark.slow
@pytest.mark.parametrize("everywhere", [False, True])
def test_a_real_server_listens_where_it_says(store, tmp_path, everywhere):
    port = free_port()
    words = ["--host", "0.0.0.0"] if everywhere else []
    command = [sys.executable, "-m", "exprun", "ui", "--port", str(port), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=plain_signals)
    try:
        end = time.monotonic() + 120
        while not reached("127.0.0.1", port):
            assert process.poll() is None, Path("outputs/ui.log").read_text()
            assert time.monotonic() < end
            time.sleep(0.2)
        assert reached("127.0.0.2", port) is everywhere
    finally:
        os.kill(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    assert not reached("127.0.0.1", port)
