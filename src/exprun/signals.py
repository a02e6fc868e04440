"""Signals that ask a run to end: the first is given time to end well, the second ends it at once."""

import os
import signal
import threading
from types import FrameType
from typing import Any

# Ctrl-C; what Kubernetes, Slurm and `kill` send; what Slurm sends ahead of time (`--signal=USR1@60`); a lost terminal.
SIGNALS = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP")


class Killed(KeyboardInterrupt):
    """A signal ended the run; not an Exception, so that nothing takes it for a failure.

    Args:
        name: of the signal: one of `SIGNALS`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    @property
    def exit_code(self) -> int:
        """128 and the number of the signal, as a shell reports it."""
        return 128 + signal.Signals[self.name]


class Signals:
    """While it is entered: a signal is noted while `training`, and raises `Killed` otherwise.

    In a thread other than the main one, where Python allows no handlers, it does nothing.
    """

    def __init__(self) -> None:
        self.training = False
        self._seen: str | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]  # Windows has some of them
            if signal.getsignal(numbers[-1]) == signal.SIG_IGN:  # `nohup` says that the terminal may go
                del numbers[-1]
            self._before = {number: signal.signal(number, self._handle) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def seen(self) -> str | None:
        """The signal that asked to end, or None."""
        return self._seen

    def _handle(self, number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self._seen is not None:
            os._exit(128 + number)
        self._seen = name
        if not self.training:
            raise Killed(name)
