"""The time that each part of a run takes: seconds of each part, from the events of the run."""

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exprun.files import write_whole
from exprun.trainer.events import EpochDone, Evaluated, Event, Listener, Measured, Predicted, RunStarted, StepsDone

PARTS = {  # the parts of a run, in order, each with its description
    "loading": "loading the images",
    "building": "building the network, with the import of TensorFlow",
    "compiling": "first steps, with their compilation",
    "steps": "further training steps",
    "validation": "validation and checkpoints",
    "doctor": "the doctor",
    "test": "measuring at the end",
    "record": "recording the model, predictions and pictures",
}


class Times:
    """A listener that adds up the seconds of each part; it has to be the first one.

    The time between two events is spent on what the later one reports.
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.waiting = 0.0  # seconds of the training steps that were spent waiting for images
        self.first_step = 0  # the step after which the run was resumed
        self._last = time.perf_counter()

    def lap(self, part: str) -> float:
        """Add the time since the last event to a part of `PARTS`; returns these seconds."""
        now = time.perf_counter()
        elapsed, self._last = now - self._last, now
        self.seconds[part] += elapsed
        return elapsed

    def __call__(self, event: Event) -> None:
        """Add the time since the last event."""
        match event:
            case RunStarted():
                self.lap("building")
                self.first_step = event.first_step
            case StepsDone():
                elapsed = self.lap("compiling" if event.images_per_second is None else "steps")
                self.waiting += event.waiting * elapsed
            case EpochDone():
                self.lap("steps")
            case Evaluated(split="val"):
                self.lap("validation")
            case Evaluated() | Measured() | Predicted():
                self.lap("test")

    @contextmanager
    def _apart(self, part: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            elapsed = time.perf_counter() - started
            self.seconds[part] += elapsed
            self._last += elapsed

    def timed(self, part: str, listener: Listener) -> Listener:
        """A listener whose time counts as that of a part, and not of what the next event reports.

        Args:
            part: the part of `PARTS`.
            listener: the listener.
        """

        def called(event: Event) -> None:
            with self._apart(part):
                listener(event)

        return called

    def write(self, path: Path) -> None:
        """Write the seconds of each part as JSON.

        Raises:
            OSError: the file cannot be written.
        """
        write_whole(path, json.dumps(self.as_record(), indent=1))

    def as_record(self) -> dict[str, float]:
        """The seconds of each part in the order of `PARTS`, `waiting`, which is part of the steps, and `first_step`."""
        found = {part: round(self.seconds[part], 3) for part in PARTS if part in self.seconds}
        return found | {"waiting": round(self.waiting, 3), "first_step": self.first_step}


def read_times(path: Path) -> dict[str, float]:
    """The record in a file that `Times.write` has written; empty if it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(part): float(seconds) for part, seconds in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
