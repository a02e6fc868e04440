"""The warm server: it has imported TensorFlow, Keras, MLflow and exprun, and forks a process for each command.

`python -m exprun warm` starts it. No operation of TensorFlow has been run when a process is forked, so that TensorFlow
has no threads yet, which a fork would lose; NumPy and pyarrow restart theirs. For each command there are two processes:
one that runs it, and one that waits for its end and passes signals on to it. Both end if the client ends.
"""

import contextlib
import gc
import importlib
import io
import json
import os
import random
import select
import signal
import socket
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

from exprun import backend, warm

# What commands import; each imports further modules.
MODULES = (
    "mlflow", "mlflow.store.tracking.sqlalchemy_store", "scipy.optimize", "exprun.cli", "exprun.attempt",
    "exprun.runner", "exprun.check", "exprun.check_page", "exprun.run_doctor", "exprun.preview.page", "exprun.predict",
    "exprun.evaluate", "exprun.export", "exprun.range_test.report", "exprun.range_test.measure",
    "exprun.compare.report", "exprun.sweep.plan", "exprun.model.build", "exprun.optim", "exprun.tracking.mlflow",
    "exprun.tracking.system", "exprun.tracking.model", "exprun.trainer.loop", "exprun.trainer.step",
    "exprun.trainer.checkpoint", "exprun.run_end", "exprun.run_page.page", "exprun.console", "hydra._internal.hydra",
    "hydra.core.utils", "jinja2", "PIL.JpegImagePlugin", "PIL.PngImagePlugin", "alembic.config",
    "exprun.commands.check", "exprun.commands.evaluate", "exprun.commands.predict", "exprun.commands.show",
    "exprun.data.shape", "exprun.doctor.instruments.metrics", "exprun.doctor.instruments.recording",
    "exprun.tracking.follower", "exprun.tracking.predictions", "hydra._internal.core_plugins.basic_launcher",
    "hydra._internal.core_plugins.basic_sweeper", "hydra._internal.core_plugins.file_config_source",
    "sqlalchemy.dialects.sqlite",
)  # fmt: skip
POLL_SECONDS = 5.0  # time between two looks at the clock and at the commands that have ended


def main() -> None:
    """Serve until the idle minutes are over; returns only in the process of a command, after it has become that one."""
    minutes = float(sys.argv[1])
    code, surroundings = warm.code(), warm.surroundings()
    backend.prepare()
    backend.own_process()
    backend.load()
    for module in MODULES:
        importlib.import_module(module)
    assert threading.active_count() == 1  # a fork has none of the other threads
    gc.collect()
    gc.freeze()  # so that a scan for garbage in a command copies no memory
    path = warm.socket_path()
    listener = _listening(path)
    own = path.stat().st_ino
    print("ready", flush=True)
    with open(os.devnull, "r+b") as null:
        for number in (0, 1, 2):
            os.dup2(null.fileno(), number)
    commands: set[int] = set()
    last = time.monotonic()
    while commands or time.monotonic() - last < 60 * minutes:
        ready = select.select([listener], [], [], POLL_SECONDS)[0]
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                commands.discard(ended)
                last = time.monotonic()
        if _inode(path) != own:  # another server has taken the path
            os._exit(0)
        if not ready:
            continue
        connection, _ = listener.accept()
        if warm.peer(connection)[1] != os.getuid():
            connection.close()
            continue
        child = os.fork()
        if child:
            commands.add(child)
            connection.close()
            continue
        listener.close()
        if _supervised(connection, code, surroundings):
            return
    path.unlink(missing_ok=True)
    os._exit(0)


def _inode(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_ino
    return -1


def _listening(path: Path) -> socket.socket:
    """A socket at a path in a folder of this user, which replaces a socket that is there."""
    listener = socket.socket(socket.AF_UNIX)
    part = path.with_name(f"{path.name}-{os.getpid()}")
    umask = os.umask(0o077)
    try:
        listener.bind(str(part))
    finally:
        os.umask(umask)
    listener.listen()
    os.replace(part, path)
    return listener


def _supervised(connection: socket.socket, code: int, surroundings: dict[str, Any]) -> bool:
    """Read a request and fork its command; returns true in the process of the command, and never in this one.

    Args:
        connection: the connection to the client.
        code: the code of the server, as from `warm.code`.
        surroundings: the surroundings of the server, as from `warm.surroundings`.
    """
    server = os.getppid()
    connection.settimeout(warm.SECONDS)
    try:
        request, files = _received(connection)
        if request["code"] != code or code != warm.code():  # the modules of the server are old
            warm.socket_path().unlink(missing_ok=True)
            os.kill(server, signal.SIGTERM)
        elif request["surroundings"] == json.loads(json.dumps(surroundings)):
            connection.sendall(b"started\n")
            return _forked(connection, request, files)
        connection.sendall(b"\n")
    except (OSError, ValueError):  # a client that has ended, or that only asked whether the server runs
        pass
    os._exit(0)


def _forked(connection: socket.socket, request: dict[str, Any], files: list[int]) -> bool:
    """Fork the process of a command and wait for its end; returns true in that process, and never in this one."""
    blocked = {getattr(signal, name) for name in warm.FORWARDED}
    signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    child = os.fork()
    if not child:
        connection.close()
        _become(request, files)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked)
        return True
    for file in files:
        os.close(file)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)  # as the child does; one of the two is first
    status = _waited(connection, child)
    with contextlib.suppress(OSError):
        connection.sendall(b"%d\n" % status)
    os._exit(0)


def _received(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """A request and the file descriptors of its standard streams."""
    message, files, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    if len(files) != 3 or len(message) < 4:
        raise ConnectionError
    (size,) = struct.unpack("!I", message[:4])
    while len(message) < 4 + size:
        if not (more := connection.recv(1 << 16)):
            raise ConnectionError
        message += more
    return json.loads(message[4:]), list(files)


def _waited(connection: socket.socket, child: int) -> int:
    """Pass signals on to a command until it has ended; returns its status. It is killed if the client ends.

    Args:
        connection: the connection to the client.
        child: the process of the command, which leads a group of processes.
    """
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    connection.setblocking(False)
    received = b""
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        watched: list[Any] = [connection, wake]
        ready = select.select(watched, [], [])[0]
        if wake in ready:
            os.read(wake, 64)
        if connection not in ready:
            continue
        try:
            more = connection.recv(1 << 10)
        except OSError:
            more = b""
        if not more:
            _signal(child, signal.SIGKILL, is_group=True)
            return os.waitpid(child, 0)[1]
        *lines, received = (received + more).split(b"\n")
        for line in lines:
            number = int(line)
            # Without a terminal, SIGTSTP is ignored. `kill` sends a signal to one process, a terminal to all.
            used = signal.SIGSTOP if number == signal.SIGTSTP else number
            _signal(child, used, is_group=number not in (signal.SIGTERM, signal.SIGUSR1))


def _signal(child: int, number: int, is_group: bool) -> None:
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if is_group else os.kill)(child, number)


def _become(request: dict[str, Any], files: list[int]) -> None:
    """Take over the streams, folder, environment, search path and signals of the client."""
    os.setpgid(0, 0)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.umask(request["umask"])
    os.chdir(request["cwd"])
    sys.path[:] = request["path"]
    importlib.invalidate_caches()
    sys.stdin, sys.stdout, sys.stderr = _stream(0, sys.stdin), _stream(1, sys.stdout), _stream(2, sys.stderr)
    random.seed()
    import numpy as np

    np.random.seed()
    for name in warm.FORWARDED:
        default = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
        signal.signal(getattr(signal, name), signal.SIG_IGN if name in request["ignored"] else default)
    sys.argv[:] = request["argv"]


def _stream(number: int, old: Any) -> TextIO:
    """A standard stream as Python makes it: lines are written at once to a terminal, and errors always."""
    mode, unbuffered = "wb" if number else "rb", number > 0 and old.write_through  # as with PYTHONUNBUFFERED
    return io.TextIOWrapper(
        open(number, mode, 0 if unbuffered else -1, closefd=False),
        encoding=old.encoding,
        errors=old.errors,
        line_buffering=number == 2 or os.isatty(number),
        write_through=unbuffered,
    )


if __name__ == "__main__":
    main()
    from exprun.cli import main as run_command

    sys.exit(run_command())
