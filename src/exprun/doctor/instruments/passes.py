"""What a pass of a batch through a network has recorded, as arrays."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from exprun.doctor.instruments.layers import Layer


@dataclass(frozen=True)
class Call:
    """One call of a layer.

    Args:
        layer: the layer that was called.
        taken: the inputs of the call, as any tensor.
        given: the outputs of the call, as any tensor.
    """

    layer: Layer
    taken: Any
    given: Any

    @cached_property
    def inputs(self) -> np.ndarray:
        """The inputs of the call, float32, (batch, …)."""
        return _float(self.taken)

    @cached_property
    def outputs(self) -> np.ndarray:
        """The outputs of the call, float32, (batch, …)."""
        return _float(self.given)


@dataclass(frozen=True)
class Pass:
    """One pass of a batch through a model.

    Args:
        calls: the calls of layers that contain no other layers, in order.
        outputs: the outputs of the model, float32, (batch, …).
        losses: the loss of each example, (batch,); None without a loss.
        penalty: the term that regularisers add to the mean loss.
        gradients: the gradient of the mean loss for each trainable variable, None for a variable without one; empty
            without a loss.
        penalties: the gradient of the penalty for each trainable variable, None for a variable without one; empty
            without regularisers.
    """

    calls: list[Call]
    outputs: np.ndarray
    losses: np.ndarray | None = None
    penalty: float = 0.0
    gradients: list[np.ndarray | None] = field(default_factory=list)
    penalties: list[np.ndarray | None] = field(default_factory=list)

    @property
    def weighted(self) -> list[Call]:
        """The calls of layers that have a matrix of weights."""
        return [call for call in self.calls if call.layer.is_weighted]

    @property
    def loss(self) -> float | None:
        """The mean loss; None without a loss."""
        return None if self.losses is None else float(self.losses.mean())

    @property
    def has_gradients(self) -> bool:
        """Whether there are gradients, of losses that are all finite."""
        return bool(self.gradients) and self.losses is not None and bool(np.isfinite(self.losses).all())


def _float(tensor: Any) -> np.ndarray:
    return np.asarray(tensor).astype(np.float32, copy=False)


def rows(values: np.ndarray) -> np.ndarray:
    """Values as one row for each image, (images, values)."""
    return values.reshape(len(values), -1)


def rms(values: np.ndarray) -> float:
    """The root mean square of all values."""
    return float(np.sqrt(np.mean(np.square(rows(values).astype(np.float32, copy=False), dtype=np.float64))))


def spread(values: np.ndarray) -> float:
    """The standard deviation over images, as the root mean square over all positions: how much images differ."""
    return float(np.sqrt(np.mean(rows(values).astype(np.float32, copy=False).var(0, dtype=np.float64))))


def dead_share(outputs: np.ndarray) -> float:
    """The share of units that are zero everywhere, of outputs (images, …, units)."""
    return float((np.abs(outputs).reshape(-1, outputs.shape[-1]).max(0) == 0).mean())
