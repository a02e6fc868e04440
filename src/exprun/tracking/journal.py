"""The journal of a run, `metrics.jsonl`: one line for each set of metrics, in order.

The journal is written before anything is sent to a tracking server, and the server gets its metrics from the journal.
So no metric is lost if the server fails.
"""

import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from exprun import metrics as names
from exprun.config.errors import RunError
from exprun.journal_rows import read_journal_from
from exprun.trainer.events import EpochDone, Evaluated, Event, Measured, StepsDone


class Journal:
    """Writes the metrics of events as lines of JSON: `step`, `time` (ms since 1970) and `metrics`.

    Args:
        path: the path of the journal; lines that it holds already are not written a second time.
        log_every: the number of steps that are averaged in one line.

    Raises:
        RunError: the file cannot be written; any event can raise this.
    """

    def __init__(self, path: Path, log_every: int) -> None:
        self.path, self.log_every = path, log_every
        self._waiting: list[np.ndarray] = []
        self._writing = threading.Lock()  # system metrics are written from a thread of their own
        _cut_fragment(path)
        # A resumed run repeats the steps after its checkpoint; their lines are in the journal already.
        self._seen = {_key(row) for row in read_journal_from(path, 0)[0]}

    def __call__(self, event: Event) -> None:
        """Write the metrics of an event."""
        match event:
            case StepsDone():
                self._steps(event)
            case EpochDone():
                self._waiting = []
                self.write(
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
                metrics = {"loss": event.loss, "accuracy": event.accuracy, **event.more}
                self.write(event.step, {f"{event.split}/{name}": value for name, value in metrics.items()})
            case Measured():
                self.write(event.step, event.metrics)

    def _steps(self, event: StepsDone) -> None:
        """Write the means over `log_every` steps, however many steps the loop reports at once.

        Steps left over at the end of an epoch get no line here; the means of the epoch include them.
        """
        first = event.step - len(event.losses) + 1
        for offset, values in enumerate(zip(event.losses, event.accuracies, event.rates, strict=True)):
            self._waiting.append(np.asarray(values, np.float64))
            step = first + offset
            if step % self.log_every == 0:
                loss, accuracy, _ = np.mean(self._waiting, axis=0)
                self._waiting = []
                rate = float(values[2])
                self.write(step, {names.BATCH_LOSS: loss, names.BATCH_ACCURACY: accuracy, names.LEARNING_RATE: rate})

    def write(self, step: int, metrics: dict[str, float], is_repeat: bool = True) -> None:
        """Write a line with the current time.

        Args:
            step: the number of optimiser steps done.
            metrics: the metrics by their names in MLflow.
            is_repeat: whether a resumed run, which repeats steps, measures the same metrics again, so that the journal
                may hold the line already.

        Raises:
            RunError: the file cannot be written.
        """
        row = {
            "step": step,
            "time": int(time.time() * 1000),
            "metrics": {k: float(v) for k, v in metrics.items()},
        }
        if is_repeat and _key(row) in self._seen:
            return
        try:
            with self._writing, open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise RunError(f"{self.path} could not be written: {error.strerror}.") from None


def _cut_fragment(path: Path) -> None:
    """Remove a last line that a crash cut short; otherwise the next line would be appended to it."""
    if path.exists() and not (content := path.read_bytes()).endswith(b"\n"):
        with open(path, "r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["step"], *sorted(row["metrics"])
