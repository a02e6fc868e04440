"""The run's own record, `metrics.jsonl`: one line for each set of figures, in order.

It is written first; what a tracking server gets is read from it, so nothing is lost where a server is.
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from exprun import metrics as names
from exprun.config.errors import RunError
from exprun.run_folder import read_journal_from
from exprun.trainer.events import EpochDone, Evaluated, Event, Measured, StepsDone


class Journal:
    """Writes the figures of events as lines of JSON: `step`, `time` (ms since 1970) and `metrics`.

    Args:
        path: the file; lines that it holds already are not written a second time.
        log_every: steps whose mean is one line.

    Raises:
        RunError: at any event: the file cannot be written.
    """

    def __init__(self, path: Path, log_every: int) -> None:
        self.path, self.log_every = path, log_every
        self._waiting: list[np.ndarray] = []
        _cut_fragment(path)
        # A resumed run repeats the steps behind its checkpoint; what they gave is here already.
        self._seen = {_key(row) for row in read_journal_from(path, 0)[0]}

    def __call__(self, event: Event) -> None:
        """Take an event."""
        match event:
            case StepsDone():
                self._steps(event)
            case EpochDone():
                self._waiting = []
                self._write(
                    event.step,
                    {
                        names.EPOCH: event.epoch,
                        names.TRAIN_LOSS: event.loss,
                        names.TRAIN_ACCURACY: event.accuracy,
                        names.IMAGES_PER_SECOND: event.images_per_second,
                        names.SECONDS: event.seconds,
                    },
                )
            case Evaluated():
                figures = {"loss": event.loss, "accuracy": event.accuracy, **event.more}
                self._write(event.step, {f"{event.split}/{name}": value for name, value in figures.items()})
            case Measured():
                self._write(event.step, event.metrics)

    def _steps(self, event: StepsDone) -> None:
        """Means over `log_every` steps, wherever the calls of the loop cut them; the rest of an epoch is in its own."""
        first = event.step - len(event.losses) + 1
        for offset, values in enumerate(zip(event.losses, event.accuracies, event.rates, strict=True)):
            self._waiting.append(np.asarray(values, np.float64))
            step = first + offset
            if step % self.log_every == 0:
                loss, accuracy, _ = np.mean(self._waiting, axis=0)
                self._waiting = []
                rate = float(values[2])
                self._write(step, {names.BATCH_LOSS: loss, names.BATCH_ACCURACY: accuracy, names.LEARNING_RATE: rate})

    def _write(self, step: int, metrics: dict[str, float]) -> None:
        row = {
            "step": step,
            "time": int(time.time() * 1000),
            "metrics": {k: float(v) for k, v in metrics.items()},
        }
        if _key(row) not in self._seen:
            try:
                with open(self.path, "a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
            except OSError as error:
                raise RunError(f"{self.path} could not be written: {error.strerror}.") from None


def _cut_fragment(path: Path) -> None:
    """Remove a last line that a crash cut short: the next one would be joined to it."""
    if path.exists() and not (content := path.read_bytes()).endswith(b"\n"):
        with open(path, "r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["step"], *sorted(row["metrics"])
