"""The callback that counts the steps of a fit, keeps the first weights, and ends it when an option says so."""

import contextlib
from typing import Any

import keras

from exprun.diagnose.fit import Fit
from exprun.experiments.trials import rate_of


class Limit(keras.callbacks.Callback):
    """Counts the steps of a fit, keeps the first weights, and ends the fit after a number of steps or a time.

    Args:
        fit: the fit, whose record is written.
        steps: the most steps; None for no limit.
        ends: when the fit has to end, as `time.monotonic` counts; None for no limit.
    """

    def __init__(self, fit: Fit, steps: int | None, ends: float | None) -> None:
        super().__init__()
        self.fit, self.most, self.ends = fit, steps, ends

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keep the weights before the training, and the settings of the optimiser."""
        self.fit.trained_by = self.model.optimizer
        if self.fit.initial:  # a fit goes on with the last one
            return
        self.fit.keep_weights()
        with contextlib.suppress(Exception):  # whatever an optimiser of a person's own does, the script goes on
            self.fit.settings = self.model.optimizer.get_config()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the epoch, and record the learning rate, which other callbacks may have changed."""
        self.fit.epochs += 1
        with contextlib.suppress(Exception):
            if (rate := rate_of(self.model.optimizer)) is not None:
                self.fit.rates.append(rate)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count a step."""
        self.fit.count(self.fit.steps + (self.model.steps_per_execution or 1), self.most, self.ends)
        if self.fit.ended:
            self.model.stop_training = True
