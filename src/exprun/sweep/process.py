"""A worker process of a sweep, as the process of the sweep sees it.

Both exchange messages, one line of JSON each, over the standard input and output of the worker. What the libraries and
the runs of a worker print arrives on its standard error.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from exprun.sweep.gpus import VISIBLE
from exprun.trainer import cores

END_SECONDS = 60.0  # the longest that the end of a sweep waits for the end of an idle worker
# Environment variables with the number of threads of TensorFlow and of the libraries of linear algebra.
THREADS = ("TF_NUM_INTRAOP_THREADS", *(LINEAR_ALGEBRA := ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")))


@dataclass(frozen=True)
class Said:
    """A line that a worker has printed.

    Args:
        text: the line.
    """

    text: str


@dataclass(frozen=True)
class Ended:
    """A worker has ended.

    Args:
        code: its exit code, or minus the number of the signal that ended it.
    """

    code: int

    @property
    def why(self) -> str:
        """A clause that says how the worker ended."""
        if self.code >= 0:
            return f"its worker process ended with exit code {self.code}"
        name = signal.Signals(-self.code).name
        memory = ", as happens if memory runs out" if name == "SIGKILL" else ""
        return f"its worker process was ended by {name}{memory}"


Message = dict[str, Any] | Said | Ended
Events = queue.Queue[tuple["Process", Message]]


class Process:
    """A worker process, which is started at once and pinned to its share of the cores.

    If the container of the sweep has fewer cores by its quota than the system shows, the worker is not pinned, but its
    threads are limited.

    Args:
        share: the numbers of the worker's cores.
        deterministic: whether the runs are deterministic: then the number of threads does not depend on the share.
        log: the path of the log file for what libraries print before the first run.
        events: the queue that gets each message of the worker.
        gpu: the GPU of the worker, as CUDA_VISIBLE_DEVICES names it; None for those of this process.
    """

    def __init__(
        self, share: Sequence[int], deterministic: bool, log: Path, events: Events, gpu: str | None = None
    ) -> None:
        self.structure: tuple[str, ...] | None = None  # the structure of the network that it has compiled
        self.events = events
        whole, everything = cores.usable(), cores.allowed()
        environment = dict(os.environ) | ({VISIBLE: gpu} if gpu else {})
        pinned = list(share) if hasattr(os, "sched_setaffinity") and whole == len(everything) else []
        if deterministic:
            for name in LINEAR_ALGEBRA:
                environment.setdefault(name, str(len(everything)))
        elif not pinned:
            for name in THREADS:
                environment.setdefault(name, str(len(share)))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "exprun.sweep.worker"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        self.send({"cores": pinned, "whole": whole, "deterministic": deterministic, "log": str(log)})
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._printing = threading.Thread(target=self._read_lines, args=(self._process.stderr,), daemon=True)
        self._printing.start()
        threading.Thread(target=self._read_messages, args=(self._process.stdout,), daemon=True).start()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; a worker that has ended does not get it."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def wait(self) -> None:
        """Wait for the end of a worker that has been told to end; kill it if it takes long."""
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill the worker, and wait for its end."""
        self._process.kill()
        self._process.wait()

    def _read_lines(self, stream: IO[str]) -> None:
        for line in stream:
            self.events.put((self, Said(line.rstrip("\n"))))

    def _read_messages(self, stream: IO[str]) -> None:
        for line in stream:
            self.events.put((self, json.loads(line)))
        self._printing.join()  # what the worker printed last comes before its end
        self.events.put((self, Ended(self._process.wait())))
