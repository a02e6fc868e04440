"""Follow the journal of a run for a further tracker, in a thread of its own, so that training never waits for it."""

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

from exprun.config.errors import one_line, without_password
from exprun.config.schema import Config
from exprun.run_folder import RunFolder
from exprun.trainer.events import Event, RunEnded, StepsDone

log = logging.getLogger(__name__)
POLL_SECONDS = 2.0  # the time between two looks at the journal
TITLES = {"tensorboard": "TensorBoard", "wandb": "Weights & Biases"}  # of the values of `tracking.also`


class Tracker(Protocol):
    """What records a run; its methods are called in one thread, and may raise anything."""

    def open(self) -> int:
        """Begin; returns the offset in the journal, in bytes, of the first line that was not recorded before."""

    def write(self, rows: list[dict[str, Any]], offset: int) -> None:
        """Record lines of the journal; `offset` is that of the line after them."""

    def close(self, ended: RunEnded) -> None:
        """Record the end of the run."""


class Follower:
    """A listener that starts a tracker after the first step, and gives it the lines of the journal.

    If the tracker fails, it gets nothing more; the run goes on, and its end reports the failure.

    Args:
        title: the name of the tracker, for people.
        tracker: the tracker.
        folder: the run's folder.
    """

    def __init__(self, title: str, tracker: Tracker, folder: RunFolder) -> None:
        self.title, self.tracker, self.folder = title, tracker, folder
        self.problem = ""
        self._ended: RunEnded | None = None
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, event: Event) -> None:
        """Start with the first steps, and finish at the end of the run."""
        if isinstance(event, RunEnded):
            self._ended = event
            self._wake.set()
        if isinstance(event, StepsDone | RunEnded) and self._thread is None:
            self._thread = threading.Thread(target=self._follow, name=self.title, daemon=True)
            self._thread.start()

    def wait(self, seconds: float, stop: Callable[[], str | None]) -> str:
        """Wait, after the end of the run, until all is recorded; returns why it is not, or an empty string.

        Args:
            seconds: the longest time to wait.
            stop: a function that returns the name of the signal that asked the process to end, or None.
        """
        waited = 0.0
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.2)
            waited += 0.2
            if self._thread.is_alive() and (waited > seconds or stop()):
                return self.problem or "it did not answer in time"
        return self.problem

    def _follow(self) -> None:
        try:
            offset = self.tracker.open()
            while True:
                self._wake.wait(POLL_SECONDS)
                ended = self._ended
                rows, offset = self.folder.read_journal_from(offset)
                self.tracker.write(rows, offset)
                if ended is not None:
                    self.tracker.close(ended)
                    return
        except Exception as error:  # a package, a server or a disk can fail in any way; training continues
            self.problem = without_password(one_line(error))[:200] or type(error).__name__
            log.exception("%s did not record the run", self.title)


def followers(config: Config, folder: RunFolder, name: str) -> list[Follower]:
    """The followers for the trackers in `tracking.also`.

    Args:
        config: the config of the run.
        folder: the run's folder.
        name: the name of the run.
    """
    return [Follower(TITLES[one], _tracker(one, config, folder, name), folder) for one in config.tracking.also]


def _tracker(also: str, config: Config, folder: RunFolder, name: str) -> Tracker:
    if also == "tensorboard":
        from exprun.tracking.tensorboard import TensorBoard

        return TensorBoard(config, folder)
    from exprun.tracking.wandb import WeightsAndBiases

    return WeightsAndBiases(config, folder, name)
