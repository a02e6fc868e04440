"""The warm server: a command in it does what it does cold."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import exprun
from exprun import cli, warm
from exprun.commands import warm as command
from exprun.config.errors import ConfigError

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the server needs Linux")
TINY = ["model=cnn", "data.limit=100", "data.size=8", "trainer.batch_size=20", "tracking=none", "pictures=false"]
RUN = [*TINY, "trainer.epochs=1", "progress=plain", "doctor=none"]
ENVIRONMENT = {"PYTHONPATH": str(Path(exprun.__file__).parents[1])}
TRIES = "import sys; from exprun import warm; print(warm.run(['exprun', *sys.argv[1:]]), flush=True)"


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """The environment of the commands, with a running server."""
    folder = tmp_path_factory.mktemp("runtime")
    environment = {**os.environ, **ENVIRONMENT, "XDG_RUNTIME_DIR": str(folder)}
    exprun_ = lambda *words: subprocess.run(  # noqa: E731
        [sys.executable, "-m", "exprun", *words], env=environment, capture_output=True, text=True, cwd=folder
    )
    assert exprun_("warm", "--status").returncode == 1
    started = exprun_("warm", "--minutes", "5")
    assert "ready in" in started.stdout, started.stderr
    assert exprun_("warm", "--status").stdout.endswith("runs.\n")
    yield environment
    assert exprun_("warm", "--stop").returncode == 0


def tried(runtime, *words, **variables):
    """The output of a command that only the server may run, and what it returned: the exit code, or None."""
    command_line = [sys.executable, "-c", TRIES, *words]
    done = subprocess.run(command_line, env={**runtime, **variables}, capture_output=True, text=True)
    *lines, returned = done.stdout.splitlines()
    return "\n".join(lines), done.stderr, json.loads(returned.replace("None", "null"))


def comparable(text):
    return re.sub(r"\d+\.\d s|[\d,]+ images/s|\S*/(warm|cold)\b|\d+ of \d+ cores|page: \S+", "…", text).strip()


@pytest.mark.parametrize(
    "words", [["optim=nope"], pytest.param(["check", *TINY, "fault=shuffled_labels"], marks=pytest.mark.slow), RUN]
)
def test_a_command_prints_and_returns_what_it_does_cold(runtime, words, capfd):
    out, err, returned = tried(runtime, *words, *(["run_dir=warm"] if words is RUN else []))
    code = cli.main([*words, *(["run_dir=cold"] if words is RUN else [])])
    cold = capfd.readouterr()
    assert (returned, comparable(out), comparable(err)) == (code, comparable(cold.out), comparable(cold.err))
    if words is RUN:
        metrics = [json.loads(Path(f, "result.json").read_text())["metrics"] for f in ("warm", "cold")]
        plain = [{k: v for k, v in found.items() if not k.startswith("time/")} for found in metrics]
        assert plain[0].keys() == plain[1].keys()
        assert plain[0]["test/loss"] == pytest.approx(plain[1]["test/loss"], rel=0.05)


@pytest.fixture
def training(runtime, request):
    """A command that trains until it is stopped, after its first line about a step.

    With the parameter `background`, SIGINT is ignored, as shells do for a command in the background of a script.
    """
    ignored = getattr(request, "param", "") == "background"
    words = [*TINY, "trainer.epochs=100000", "progress=plain", "doctor=none", "run_dir=run"]
    process = subprocess.Popen(
        [sys.executable, "-m", "exprun", *words],
        env=runtime,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler),
    )
    assert any("step" in line for line in process.stdout)
    yield process
    process.kill()
    process.communicate()


def children_of(server):
    try:
        return Path(f"/proc/{server}/task/{server}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return []


def process_of(runtime):
    done = subprocess.run(
        [sys.executable, "-m", "exprun", "warm", "--status"], env=runtime, capture_output=True, text=True, check=True
    )
    return int(re.search(r"process (\d+)", done.stdout)[1])


@pytest.mark.parametrize(
    ("training", "number", "code"),
    [
        ("", signal.SIGINT, 130),
        ("background", signal.SIGINT, 130),
        pytest.param("", signal.SIGTERM, 143, marks=pytest.mark.slow),
    ],
    indirect=["training"],
)
def test_signals_end_the_command(training, number, code):
    training.send_signal(number)
    assert training.wait(60) == code
    assert json.loads(Path("run/result.json").read_text())["status"] == "KILLED"


def test_a_command_ends_with_its_client(runtime, training):
    # The server has a process for each connection, and that of the command has the command as its child.
    (child,) = [child for waiting in children_of(process_of(runtime)) for child in children_of(waiting)]
    training.kill()
    training.wait()
    end = time.monotonic() + 60
    while Path(f"/proc/{child}").exists():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (["optim=nope"], {"TF_NUM_INTRAOP_THREADS": "1"}),
        (["optim=nope"], {"TF_ENABLE_ONEDNN_OPTS": "0"}),
        (["optim=nope"], {"XDG_RUNTIME_DIR": "/nowhere"}),
        (["diagnose", "script.py"], {}),
        (["-m", "seed=0,1"], {}),
    ],
)
def test_what_does_not_fit_runs_cold(runtime, words, variables):
    assert tried(runtime, *words, **variables) == ("", "", None)


def test_changed_code_runs_cold_and_ends_the_server(runtime):
    program = TRIES.replace("print(", "warm.code = lambda: 0; print(")
    done = subprocess.run([sys.executable, "-c", program, "optim=nope"], env=runtime, capture_output=True, text=True)
    assert done.stdout == "None\n"
    status = [sys.executable, "-m", "exprun", "warm", "--status"]
    assert subprocess.run(status, env=runtime, capture_output=True).returncode == 1


@pytest.fixture
def path(tmp_path, monkeypatch):
    """The path of a socket without a server."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    found = warm.socket_path()
    command._make_folder(found)
    return found


def bound(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o600)
    return listener


def test_a_socket_that_a_dead_server_left_is_not_used(path):
    bound(path).close()
    assert warm.connected() is None
    assert command._server() is None


def test_sockets_of_others_are_not_used(path, monkeypatch):
    with contextlib.closing(bound(path)) as listener:
        listener.listen()
        with warm.connected():
            pass
        path.parent.chmod(0o755)
        assert warm.connected() is None
        with pytest.raises(ConfigError, match="does not belong to this user alone"):
            command._make_folder(path)
        path.parent.chmod(0o700)
        uid = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: uid + 1)
        assert warm.connected() is None


@pytest.mark.parametrize("minutes", ["0", "-1", "inf", "nan"])
def test_minutes_are_above_zero(minutes):
    with pytest.raises(ConfigError, match="must be above 0"):
        command.parse(["--minutes", minutes])
