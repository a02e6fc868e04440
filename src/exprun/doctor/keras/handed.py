"""The batch of a step outside of `fit`, which is passed to the doctor directly."""

from typing import Any

import keras
import numpy as np


class Handed:
    """Holds the batch of a step; it is read like the batches that a `Tap` copies."""

    def __init__(self) -> None:
        self.is_on = False  # whether a step is running
        self.begun = 0.0
        self.arrived: float | None = None  # the doctor does not see how long the script prepared the batch
        self.weighted = False  # whether batches have weights in the loss
        self._inputs: Any = None
        self._labels: Any = None
        self._weights: Any = None

    def hand(self, inputs: Any, labels: Any, weights: Any, weighted: bool) -> None:
        """Take the batch of the next step: inputs, labels, weights, and whether there are weights."""
        self._inputs, self._labels, self._weights = inputs, labels, weights
        self.weighted = weighted or weights is not None

    def put_on(self, model: Any) -> None:
        """Note that a step begins."""
        self.is_on = True

    def take_off(self) -> None:
        """Note that a step has ended."""
        self.is_on = False

    def release(self) -> None:
        """Nothing: there is no iterator to release."""

    def spent(self) -> float:
        """No seconds: there is no iterator to make."""
        return 0.0

    def fetch(self) -> None:
        """Nothing: the batch is known before the step begins."""

    def labels(self) -> np.ndarray | None:
        """A copy of the labels; None if there are several outputs, or no labels."""
        return np.array(self._labels) if self._has_labels and np.ndim(self._labels) else None

    def read(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None] | None:
        """Copies of inputs, labels and weights; None if there are several inputs or outputs, or no labels."""
        if isinstance(self._inputs, dict | list | tuple) or not self._has_labels:
            return None
        weights = None if self._weights is None else np.array(self._weights)
        return np.array(self._inputs), np.array(self._labels), weights

    def read_several(self) -> tuple[Any, np.ndarray, np.ndarray | None] | None:
        """Copies of several inputs, as the model takes them, of their labels and weights; else None."""
        if not isinstance(self._inputs, dict | list | tuple) or not self._has_labels:
            return None
        weights = None if self._weights is None else np.array(self._weights)
        return keras.tree.map_structure(np.array, self._inputs), np.array(self._labels), weights

    def read_inputs(self) -> np.ndarray | None:
        """A copy of the inputs, if there is one input and no labels; else None."""
        if self._labels is not None or self._inputs is None or isinstance(self._inputs, dict | list | tuple):
            return None
        return np.array(self._inputs)

    def read_outputs(self) -> tuple[Any, Any] | None:
        """Copies of the inputs and labels of a model with several outputs, as it takes them; else None."""
        if not isinstance(self._labels, dict | list | tuple) or keras.tree.flatten(self._labels) == []:
            return None
        inputs, labels = keras.tree.map_structure(np.array, (self._inputs, self._labels))
        return inputs, labels

    @property
    def _has_labels(self) -> bool:
        return self._labels is not None and not isinstance(self._labels, dict | list | tuple)
