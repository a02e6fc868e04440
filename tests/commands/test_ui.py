"""`python -m exprun ui`: who can reach it, what it says of that, and that nothing of it is left, however it ends."""

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import termios
import time
import webbrowser
from pathlib import Path
from types import SimpleNamespace

import pytest

from exprun import backend, cli, guard
from exprun.commands import ui
from reliability.common import plain_signals
from servers import free_port, mlflow_server

MARK = "EXPRUN_TEST_MARK"  # variable by which all that a test started is found
# Stands for MLflow: a process that serves, below one that waits for it.
FAKE = """
import signal, socket, subprocess, sys

port = sys.argv[sys.argv.index("--port") + 1]
if sys.argv[1] == "server":
    sys.exit(subprocess.call([sys.executable, __file__, "work", "--port", port]))
with socket.create_server(("127.0.0.1", int(port))) as listener:
    while True:
        listener.accept()[0].close()
"""
CHROMIUM = shutil.which("chromium")
CODES = {"SIGTERM": 143, "SIGINT": 130, "SIGHUP": 129, "SIGQUIT": -3, "SIGKILL": -9}


def reached(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def marked(mark: str) -> dict[str, str]:
    """The command lines of the processes that have the mark, by their numbers."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            command = (place / "cmdline").read_text().replace("\0", " ")
            if command and f"{MARK}={mark}" in (place / "environ").read_text(errors="replace").split("\0"):
                found[place.name] = command
    return found


def until(holds, process: subprocess.Popen | None = None) -> None:
    while not holds():
        assert process is None or process.poll() is None, Path("outputs/ui.log").read_text()
        time.sleep(0.05)


@pytest.fixture
def store(tmp_path):
    (tmp_path / "outputs").mkdir()
    sqlite3.connect(tmp_path / "outputs" / "mlflow.db").close()


@pytest.fixture
def mark(tmp_path, monkeypatch):
    """What a test has started is ended with it."""
    monkeypatch.setenv(MARK, tmp_path.name)
    yield tmp_path.name
    for number in marked(tmp_path.name).keys() - {str(os.getpid())}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(number), signal.SIGKILL)


def put(tmp_path: Path, program: str) -> None:
    """Put a program in the place of MLflow, in this folder."""
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "__init__.py").touch()
    (tmp_path / "mlflow" / "__main__.py").write_text(program)


@pytest.fixture
def fake(tmp_path, store):
    put(tmp_path, FAKE)


def serving(port: int, *words: str, **how) -> subprocess.Popen:
    """The pages, when they answer."""
    command = [sys.executable, "-m", "exprun", "ui", "--port", str(port), *words]
    process = subprocess.Popen(command, text=True, **{"preexec_fn": plain_signals} | how)
    until(lambda: reached("127.0.0.1", port), process)
    return process


def nothing_is_left(mark: str, port: int) -> None:
    until(lambda: not marked(mark))
    with socket.socket() as probe:  # without SO_REUSEADDR where nobody was connected
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        probe.listen()


@pytest.mark.parametrize(
    ("words", "host", "warned"), [([], "127.0.0.1", False), (["--host", "0.0.0.0"], "0.0.0.0", True)]
)
def test_it_is_for_this_machine_unless_told_otherwise_and_says_what_that_means(
    store, capsys, monkeypatch, words, host, warned
):
    started = []

    def ends_at_once(command, **_):
        started.append(command)
        return SimpleNamespace(wait=lambda: 0, stdin=io.BytesIO())

    monkeypatch.setattr(subprocess, "Popen", ends_at_once)
    assert cli.main(["ui", "--port", str(free_port()), *words]) == 1
    [command] = started
    assert command[command.index("--host") + 1] == host
    assert ("everyone who can reach this machine" in capsys.readouterr().out) is warned


@pytest.fixture
def sweep(tmp_path):
    """A sweep that was logged to the store of this folder."""
    folder = tmp_path / "outputs" / "sweeps" / "one"
    (folder / "0").mkdir(parents=True)
    (folder / "0" / "config.yaml").touch()
    (folder / "sweep.json").write_text("{}")
    store = f"sqlite:///{tmp_path}/outputs/mlflow.db"
    record = {"uri": store, "inside": True, "experiment": "1", "run_id": "a" * 32, "has_charts": True}
    (folder / "tracking.json").write_text(json.dumps(record))


def browsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in which a browser notes what it opens, on a machine with a display."""
    noted, browser = tmp_path / "opened", tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\necho $1 > {noted}.part && mv {noted}.part {noted}\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    monkeypatch.setenv("DISPLAY", ":9")
    return noted


def test_a_browser_opens_the_charts_of_the_last_sweep(fake, sweep, mark, tmp_path, monkeypatch):
    noted, port = browsed(tmp_path, monkeypatch), free_port()
    process = serving(port, stdout=subprocess.PIPE)
    until(noted.exists, process)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate()
    address = noted.read_text().strip()
    assert address.startswith(f"http://127.0.0.1:{port}/#/experiments/1/runs?workflowType=machine_learning")
    assert f"charts of the last sweep: {address}\n" in said


@pytest.mark.parametrize(("words", "display"), [(["--no-open"], ":9"), ([], "")])
def test_no_browser_opens_without_a_display_or_unasked(store, sweep, capsys, monkeypatch, words, display):
    opened = []
    monkeypatch.setattr(ui, "_open", lambda *page: opened.append(page))
    monkeypatch.setattr(ui, "serve", lambda *_: 0)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert cli.main(["ui", "--port", str(free_port()), *words]) == 1
    assert "viewStateShareKey" in capsys.readouterr().out
    assert opened == []


def test_a_store_on_a_server_is_opened_and_not_served(capsys, monkeypatch):
    opened = []
    monkeypatch.setenv("DISPLAY", ":9")
    monkeypatch.setattr(webbrowser, "open", opened.append)
    words = ["ui", "--uri", "https://ann:secret@mlflow.example.org"]
    assert cli.main(words) == 0
    assert opened == ["https://mlflow.example.org"]
    assert "secret" not in capsys.readouterr().out
    assert cli.main([*words, "--port", "5001"]) == 2
    assert "is a server." in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", CODES)
def test_a_signal_ends_all_of_it(fake, mark, name):
    port = free_port()
    process = serving(port, stderr=subprocess.PIPE)
    assert len(marked(mark)) == 4  # itself, its guard, and two of the server
    process.send_signal(signal.Signals[name])
    _, said = process.communicate()
    assert process.returncode == CODES[name]
    assert said == (f"exprun: stopped by {name}.\n" if CODES[name] > 0 else "")
    nothing_is_left(mark, port)


def test_a_terminal_that_is_closed_ends_all_of_it(fake, mark):
    ours, its = pty.openpty()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), its)

    def begin():
        plain_signals()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    port = free_port()
    process = serving(port, preexec_fn=begin, start_new_session=True, **streams)
    os.close(its)
    os.close(ours)
    process.wait()
    nothing_is_left(mark, port)


def test_a_server_that_ends_by_itself_is_told(store, tmp_path, capsys):
    put(tmp_path, "import sys; sys.exit(7)")
    assert cli.main(["ui", "--port", str(free_port())]) == 1
    assert "MLflow's server ended with code 7; its log is outputs/ui.log." in capsys.readouterr().err


def test_what_does_not_listen_to_a_signal_is_killed(mark, tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "GRACE_SECONDS", 0.3)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('ready', 'w'); time.sleep(1000)"
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        until(Path("ready").exists)
        os._exit(0)  # and with it goes its end of the pipe
    os.close(write)
    assert guard.guard([sys.executable, "-c", deaf], read) == -signal.SIGKILL
    os.waitpid(child, 0)
    os.close(read)
    assert str(os.getpid()) not in marked(mark)  # whose environment is that of its start
    until(lambda: not marked(mark))


def test_the_server_gets_no_runners_of_jobs_and_reports_to_nobody(store, monkeypatch):
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    monkeypatch.delenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", raising=False)
    started = []

    def ends_at_once(_, env, **__):
        started.append(env)
        return SimpleNamespace(wait=lambda: 0, stdin=io.BytesIO())

    monkeypatch.setattr(subprocess, "Popen", ends_at_once)
    cli.main(["ui", "--port", str(free_port())])
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "true")
    cli.main(["ui", "--port", str(free_port())])
    assert [env["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] for env in started] == ["false", "true"]
    assert [env["MLFLOW_DISABLE_TELEMETRY"] for env in started] == ["true", "true"]


def test_mlflow_reports_to_nobody(monkeypatch):
    from mlflow.telemetry.utils import is_telemetry_disabled

    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("mlflow.telemetry.utils._IS_IN_CI_ENV_OR_TESTING", False)
    assert not is_telemetry_disabled()
    backend.prepare()
    assert is_telemetry_disabled()


@pytest.mark.slow
@pytest.mark.parametrize("everywhere", [False, True])
def test_a_real_server_listens_where_it_says(store, mark, everywhere):
    port = free_port()
    process = serving(port, *(["--host", "0.0.0.0"] if everywhere else []), stdout=subprocess.PIPE)
    assert reached("127.0.0.2", port) is everywhere
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    nothing_is_left(mark, port)


@pytest.mark.slow
@pytest.mark.parametrize("name", CODES)
def test_a_signal_ends_all_of_a_real_server(store, mark, name):
    port = free_port()
    process = serving(port, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert len(marked(mark)) == 4, marked(mark)
    process.send_signal(signal.Signals[name])
    assert process.wait() == CODES[name]
    nothing_is_left(mark, port)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("remote", [False, True])
def test_the_printed_link_shows_the_charts_of_a_sweep_grouped_by_factor(mark, tmp_path, capsys, remote, monkeypatch):
    """No click is needed: the page of the link, in a browser that has never seen it, draws a line for each option."""
    sweep = ["-m", "experiment=smoke", "norm=none,batch", "optim=sgd_momentum,adam", "seed=0,1", "progress=plain"]
    with contextlib.ExitStack() as stack:
        if remote:
            (tmp_path / "server").mkdir()
            uri, _ = stack.enter_context(mlflow_server(tmp_path / "server"))
            monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert cli.main(sweep) == 0
        told = re.search(r"charts   (.+)", capsys.readouterr().out)[1]
        if not remote:
            assert told == "python -m exprun ui"
            port = free_port()
            process = serving(port, stdout=subprocess.PIPE)
            stack.callback(process.communicate)
            stack.callback(process.send_signal, signal.SIGINT)
            told = next(line for line in process.stdout if "charts of the last sweep" in line).split(": ", 1)[1].strip()
        command = [
            CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1600,1100",
            f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=120000", "--dump-dom", told,
        ]  # fmt: skip
        page = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    groups = set(re.findall(r"Group: (norm=\w+ optim=\w+)", page))
    assert groups == {f"norm={norm} optim={optim}" for norm in ("none", "batch") for optim in ("sgd_momentum", "adam")}
    assert page.count("js-plotly-plot") >= 3  # the charts that are in sight
