"""Signals that ask a run to end: after the first one the run ends cleanly, the second one ends it at once."""

import os
import signal
import threading
from types import FrameType
from typing import Any

# SIGINT is Ctrl-C. Kubernetes, Slurm and `kill` send SIGTERM. Slurm can send SIGUSR1 before the time limit
# (`--signal=USR1@60`). SIGHUP is sent when the terminal closes.
SIGNALS = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP")


class Killed(KeyboardInterrupt):
    """A signal ended the run. The class is not an `Exception`, so that handlers of failures do not catch it.

    Args:
        name: the name of the signal, one of `SIGNALS`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    @property
    def exit_code(self) -> int:
        """The exit code of a process that the signal ended, as in a shell: 128 plus the number of the signal."""
        return 128 + signal.Signals[self.name]


_active: list["Signals"] = []  # those of this process that handle signals


def request(name: str) -> None:
    """Send a signal to this process, unless one has already asked its run to end: a second one would end it at once.

    Args:
        name: the name of the signal, one of `SIGNALS`.
    """
    if not any(signals.seen() for signals in _active):
        os.kill(os.getpid(), signal.Signals[name])


class Signals:
    """A context manager that handles the signals which ask a run to end.

    While `training` is true, a signal is only remembered, and the loop asks for it with `seen`. Otherwise a signal
    raises `Killed`. In a thread other than the main one, where Python does not allow signal handlers, the context
    manager does nothing.
    """

    def __init__(self) -> None:
        self.training = False
        self._seen: str | None = None
        self._handlers: dict[signal.Signals, Any] = {}  # the handlers to restore

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]  # Windows has only some
            if signal.getsignal(numbers[-1]) == signal.SIG_IGN:  # under `nohup` the run continues without a terminal
                del numbers[-1]
            self._handlers = {number: signal.signal(number, self._handle) for number in numbers}
            _active.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if self in _active:
            _active.remove(self)

    def seen(self) -> str | None:
        """The name of the signal that asked the run to end; None before one arrives."""
        return self._seen

    def _handle(self, number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self._seen is not None:
            os._exit(128 + number)
        self._seen = name
        if not self.training:
            raise Killed(name)
