"""The steps that a script makes with `train_on_batch`, watched by the doctor."""

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from exprun.diagnose.fit import Fit
from exprun.diagnose.repeats import Repeats
from exprun.doctor.keras.callback import Doctor

PARTIAL = 0.5  # share of an epoch's steps from which the steps at the end count as an epoch


def resets(train_on_batch: Callable[..., Any]) -> bool:
    """Whether Keras' `train_on_batch` returns the metrics of its batch; otherwise they are running means."""
    return "reset_metrics" in inspect.unwrap(train_on_batch).__code__.co_names


def since(before: tuple[float, dict[str, float]], after: tuple[float, dict[str, float]]) -> dict[str, float]:
    """The metrics of the last batch, from running means.

    Args:
        before: the number of examples in the means before the batch, and the means.
        after: the same after the batch.
    """
    (count, means), (total, now) = before, after
    if not 0 < count < total:  # the first batch, or the first one after the metrics were reset
        return now
    return {name: (now[name] * total - means.get(name, 0.0) * count) / (total - count) for name in now}


class Steps:
    """Follows the calls of `train_on_batch` of one model.

    Args:
        fit: the record of these calls as one training.
        are_means: whether `train_on_batch` returns running means.
    """

    def __init__(self, fit: Fit, are_means: bool) -> None:
        self.fit, self._are_means = fit, are_means
        self.doctor = fit.doctor = Doctor()
        self._repeats = Repeats()
        self._epoch: list[dict[str, float]] = []  # the metrics of each step of the current epoch
        self._length = 0  # the steps of the last whole epoch
        self._before: tuple[float, dict[str, float]] = (0.0, {})

    def before(self, inputs: Any, labels: Any, weights: Any, class_weight: Any) -> None:
        """Prepare for a step.

        Args:
            inputs: the inputs, as the model takes them.
            labels: the labels, as the loss takes them.
            weights: the weight of each example in the loss, (batch,); None without.
            class_weight: the weight of each class in the loss; None without.
        """
        model = self.fit.model
        if not self.fit.steps:
            self.fit.keep_weights()
            with contextlib.suppress(Exception):  # such as an optimiser of a person's own
                self.fit.settings = model.optimizer.get_config()
            self.doctor.begin(model, "train_on_batch")
        if self._repeats.begins(keras.tree.flatten(inputs)[0]):
            self._end_epoch()
        if self._are_means:
            self._before = self._count(), self._before[1]
        self.doctor.before_step(inputs, labels, weights, class_weight is not None)

    def after(self, metrics: dict[str, Any]) -> None:
        """Examine a step, with the metrics that `train_on_batch` has returned."""
        numbers = {name: float(value) for name, value in metrics.items() if np.ndim(value) == 0}
        if self._are_means:
            running = self._count(), numbers
            numbers, self._before = since(self._before, running), running
        self._epoch.append(numbers)
        self.doctor.after_step(numbers)

    def failed(self, error: BaseException) -> None:
        """Examine the batch on which a step has failed."""
        self.doctor.ended(error)

    def ended(self) -> None:
        """Examine the epoch at the end of the script, unless it has only begun."""
        if self._epoch and len(self._epoch) >= PARTIAL * self._length:
            self._end_epoch()
        self.doctor.finish()

    def _end_epoch(self) -> None:
        names = self._epoch[-1] if self._epoch else {}
        means = {name: float(np.mean([step.get(name, np.nan) for step in self._epoch])) for name in names}
        self._length, self._epoch = len(self._epoch), []
        self.doctor.end_epoch(means)

    def _count(self) -> float:
        """The number of examples in the running means."""
        tracker = getattr(self.fit.model, "_loss_tracker", None)
        return 0.0 if tracker is None else float(tracker.count)
