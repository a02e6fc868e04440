"""`warm`: start, stop or show the server that runs commands without importing TensorFlow again."""

import argparse
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

from exprun import warm
from exprun.commands import Parser
from exprun.config.errors import ConfigError, RunError

MINUTES = 30.0
STOP_SECONDS = 5.0  # the longest that the end of a server is waited for


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun warm",
        description="Start a server that has imported TensorFlow, so that further commands start at once. It belongs "
        "to this user, this Python environment and this copy of exprun, and ends after some minutes without a command.",
    )
    found.add_argument("--minutes", type=float, default=MINUTES, help="minutes without a command (default: 30)")
    which = found.add_mutually_exclusive_group()
    which.add_argument("--stop", action="store_true", help="end the server; commands that it runs go on to their end")
    which.add_argument("--status", action="store_true", help="print whether a server runs; the exit code is 1 if not")
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    args = parser().parse_args(words)
    if not 0 < args.minutes < float("inf"):
        raise ConfigError(f"--minutes={args.minutes:g}, but it must be above 0, for example --minutes 30.")
    return args


def run(words: list[str]) -> int:
    """Start, stop or show the server; returns 1 if there is none to show."""
    args = parse(words)
    if not sys.platform.startswith("linux"):
        raise ConfigError("warm needs Linux; without it, each command imports TensorFlow itself.")
    server = _server()
    if args.status:
        print(f"warm: process {server} runs." if server else "warm: no server runs; python -m exprun warm starts one.")
        return 0 if server else 1
    if server:
        _end(server)
    if args.stop:
        print(f"warm: process {server} has ended." if server else "warm: no server runs.")
        return 0
    _make_folder(warm.socket_path())
    started = time.monotonic()
    process = _start(args.minutes)
    seconds = time.monotonic() - started
    print(
        f"warm: ready in {seconds:.1f} s (process {process}); it ends after {args.minutes:g} minutes without a "
        "command, or by python -m exprun warm --stop."
    )
    return 0


def _server() -> int | None:
    """The process of the server; None if none runs."""
    connection = warm.connected()
    if connection is None:
        return None
    with connection:
        return warm.peer(connection)[0]


def _end(server: int) -> None:
    os.kill(server, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while _server() is not None and time.monotonic() < end:
        time.sleep(0.02)
    warm.socket_path().unlink(missing_ok=True)


def _make_folder(path: Path) -> None:
    """Make the folder of the socket, which nobody else may enter.

    Raises:
        ConfigError: the folder belongs to another user, is open to others, or its path is too long for a socket.
    """
    folder = path.parent
    if len(os.fsencode(path)) > warm.LONGEST_PATH:
        raise ConfigError(f"{folder} is too long for the path of a socket: set XDG_RUNTIME_DIR to a shorter folder.")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be made ({error.strerror}): set XDG_RUNTIME_DIR to another folder."
        ) from None
    if not warm.is_own(folder, stat.S_ISDIR):
        raise ConfigError(
            f"{folder} does not belong to this user alone: remove it, or set XDG_RUNTIME_DIR to another folder."
        )


def _start(minutes: float) -> int:
    """Start the server, and wait until it is ready; returns its process.

    Raises:
        RunError: the server has ended instead.
    """
    command = [sys.executable, "-m", "exprun.warm_server", f"{minutes:g}"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
        text=True,
    )
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise RunError(f"the server did not start: {' '.join(command)} shows why.")
    return process.pid
