"""The callback that counts the steps of a fit, keeps the first weights, and ends it when an option says so."""

import time
from typing import Any

import keras
import numpy as np

from exprun.diagnose.fit import Fit
from exprun.text import plural


class Limit(keras.callbacks.Callback):
    """Counts the steps of a fit, keeps the first weights, and ends the fit after a number of steps or a time.

    Args:
        fit: the fit, whose record is written.
        steps: the most steps; None for no limit.
        ends: when the fit has to end, as `time.monotonic` counts; None for no limit.
    """

    def __init__(self, fit: Fit, steps: int | None, ends: float | None) -> None:
        super().__init__()
        self.fit, self.most, self.ends, self.started = fit, steps, ends, time.monotonic()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keep the weights before the training."""
        self.fit.initial = [np.array(variable.numpy()) for variable in self.model.variables]

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count a step."""
        self.fit.steps += 1
        if self.most is not None and self.fit.steps >= self.most:
            self.fit.ended = plural(self.fit.steps, "step")
        elif self.ends is not None and time.monotonic() >= self.ends:
            self.fit.ended = f"{(time.monotonic() - self.started) / 60:.1f} minutes"
        if self.fit.ended:
            self.model.stop_training = True
