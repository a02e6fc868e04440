"""Commands of exprun as processes that are forked from one that has imported the packages, which saves them seconds.

Each command has a process of its own, with its own arguments, folder, environment, streams, signals and exit code, and
the interpreter ends as usual. Tests of variables that are read while a package is imported start a new interpreter.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import random
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import exprun
from exprun import backend

LARGEST = 1 << 20  # bytes of a request
CLI = ("exprun.cli", "exprun.config.compose", "exprun.sweep.plan", "hydra._internal.hydra")
RUN = (*CLI, "tensorflow", "keras", "mlflow", "exprun.runner", "exprun.tracking.mlflow", "exprun.diagnose.observation")
HEAVY = ("tensorflow", "keras", "mlflow")
_NULL = subprocess.DEVNULL
_TERMINAL = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


class Process:
    """A command that is running; like `subprocess.Popen`, it can be waited for and sent signals.

    Args:
        report: the pipe that gives the number of the process and then its status.
        words: the command, for messages.
    """

    def __init__(self, report: int, words: Sequence[str]) -> None:
        self._report, self._words = report, words
        self.returncode: int | None = None
        (self.pid,) = struct.unpack("i", os.read(report, 4))

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end of the process; returns its exit code, or minus the number of the signal that killed it."""
        if self.returncode is None:
            if timeout is not None and not select.select([self._report], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self._words, timeout)
            (status,) = struct.unpack("i", os.read(self._report, 4))
            os.close(self._report)
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def poll(self) -> int | None:
        """The exit code, or None while the process runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the process."""
        self.send_signal(signal.SIGKILL)


class Server:
    """The process that commands are forked from.

    Args:
        modules: the modules that it imports first.
        refused: packages that commands cannot import; what they asked for is the last line of their output.
    """

    def __init__(self, modules: Sequence[str], refused: Sequence[str] = ()) -> None:
        self._channel, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, __file__, str(other.fileno()), ",".join(modules), ",".join(refused)]
        environment = {**os.environ, "PYTHONPATH": str(Path(exprun.__file__).parents[1])}
        self._process = subprocess.Popen(command, pass_fds=[other.fileno()], env=environment, stdin=_NULL, stdout=_NULL)
        other.close()

    def start(
        self,
        words: Sequence[str],
        stdout: int,
        stderr: int,
        cwd: Path | str = ".",
        env: Mapping[str, str] | None = None,
        new_session: bool = False,
        module: str = "exprun",
    ) -> Process:
        """Start `python -m exprun`, or another module, with these words.

        Args:
            words: the words after the module's name.
            stdout: the file descriptor for its output.
            stderr: the file descriptor for its error output.
            cwd: the folder in which it runs.
            env: its environment; None for that of this process.
            new_session: whether it leads a session and process group of its own.
            module: the module that is run.
        """
        environment = dict(os.environ if env is None else env)
        request = json.dumps([list(words), os.path.abspath(cwd), environment, new_session, module]).encode()
        report, status = os.pipe()
        try:
            with open(os.devnull) as stdin:
                socket.send_fds(self._channel, [request], [stdin.fileno(), stdout, stderr, status])
        finally:
            os.close(status)
        return Process(report, words)

    def run(self, *words: str, module: str = "exprun", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a module with these words to its end, with changes of the environment; returns its output."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = self.start(words, out.fileno(), err.fileno(), env={**os.environ, **environment}, module=module)
            code = process.wait()
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode())
        return subprocess.CompletedProcess(words, code, *texts)

    def close(self) -> None:
        """End the server; commands that still run go on."""
        self._channel.close()
        self._process.wait()


class _Refuse:
    """Refuses packages, and keeps the names of those that were asked for."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.asked: list[str] = []

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in self.names:
            self.asked.append(name)
            raise ImportError(name)


def _serve(channel: socket.socket) -> tuple[str, list[str]]:
    """Fork a process for each request; in that process, returns the module and the words of the command."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no process is left behind
    while True:
        message, files, _, _ = socket.recv_fds(channel, LARGEST, 4)
        if not message:
            os._exit(0)
        if os.fork():
            for file in files:
                os.close(file)
            continue
        channel.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            os.write(files[3], struct.pack("i", status))
            os._exit(0)
        words, folder, environment, new_session, module = json.loads(message)
        for number, file in enumerate(files[:3]):
            os.dup2(file, number)
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        os.chdir(folder)
        sys.path.insert(0, folder)  # as `python -m` does
        random.seed()
        for number in _TERMINAL:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        if new_session:
            os.setsid()
        os.write(files[3], struct.pack("i", os.getpid()))  # only now can signals be sent to it
        for file in files:
            os.close(file)
        return module, words


if __name__ == "__main__":
    sys.path.pop(0)  # the folder of the tests
    descriptor, modules, refused = int(sys.argv[1]), sys.argv[2].split(","), sys.argv[3].split(",")
    refuse = _Refuse(refused)
    sys.meta_path.insert(0, refuse)
    assert not sys.modules.keys() & set(refused)
    if sys.argv[3]:
        atexit.register(lambda: print("loaded:", refuse.asked))
    if "tensorflow" in modules:
        backend.own_process()
        backend.load()  # as a run does
    for module in modules:
        importlib.import_module(module)
    importlib.import_module("exprun.config.compose").Composer().config([])  # which no command reads again
    assert threading.active_count() == 1  # a fork has none of the other threads
    gc.freeze()  # so that a scan for garbage in a command copies no memory
    name, words = _serve(socket.socket(fileno=descriptor))
    sys.argv = [name, *words]
    runpy.run_module(name, run_name="__main__", alter_sys=True)
