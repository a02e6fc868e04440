"""How far weights move between two probes, and which of them a training step leaves out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

COMPARABLE_GRADIENT = 0.1  # in units of the median relative gradient of weights that move
MOVING = 1e-5  # relative change in a step from which weights count as moving


@dataclass(frozen=True)
class Weight:
    """A trainable variable, with some of its values.

    Args:
        variable: the variable of Keras.
        values: values at evenly spaced positions, float32, (values,).
    """

    variable: Any
    values: np.ndarray

    @property
    def path(self) -> str:
        """The path of the variable in the model, such as `dense/kernel`."""
        return str(self.variable.path)

    @property
    def is_matrix(self) -> bool:
        """Whether the variable has more than one dimension."""
        return len(self.variable.shape) > 1

    @property
    def is_finite(self) -> bool:
        """Whether all of `values` are finite."""
        return bool(np.isfinite(self.values).all())

    @property
    def norm(self) -> float:
        """The norm of the whole variable."""
        return float(np.linalg.norm(np.asarray(self.variable)))


@dataclass(frozen=True)
class Moves:
    """How far matrices of weights have moved between two probes.

    Args:
        steps: the number of steps between the probes.
        each: the change of each matrix in a step, relative to its norm.
    """

    steps: int
    each: list[float]


def moves_between(before: Sequence[np.ndarray], now: Sequence[np.ndarray], steps: int) -> Moves | None:
    """How far matrices have moved; None if there are none, if their number has changed, or without a step.

    Args:
        before: values of each matrix in the earlier probe, (values,).
        now: the same values in the later probe.
        steps: the number of steps between the probes.
    """
    if len(before) != len(now) or steps == 0 or not now:
        return None
    each = [
        float(np.linalg.norm(new - old) / max(float(np.linalg.norm(old)), 1e-12)) / steps
        for old, new in zip(before, now, strict=True)
    ]
    return Moves(steps, each)


def left_out(weights: Sequence[Weight], gradients: Sequence[np.ndarray | None], moves: Moves) -> list[Weight]:
    """The matrices that have not changed, although their gradient is as large as the gradient of other matrices.

    Args:
        weights: all trainable variables.
        gradients: the gradient of each of them, None for a variable without one; empty if there are no gradients.
        moves: how far each matrix has moved.
    """
    if len(gradients) != len(weights):
        return []
    both = [(w, g) for w, g in zip(weights, gradients, strict=True) if w.is_matrix]
    sizes = [0.0 if g is None else float(np.linalg.norm(g) / max(w.norm, 1e-12)) for w, g in both]
    moving = [size for size, move in zip(sizes, moves.each, strict=True) if move > MOVING]
    if not moving:
        return []
    least = COMPARABLE_GRADIENT * float(np.median(moving))
    return [
        w
        for (w, _), size, move in zip(both, sizes, moves.each, strict=True)
        if move == 0 and size > least and w.variable.name != "embeddings"  # a step changes few of its rows
    ]


def typical_move(moves: Moves, left: Sequence[Weight]) -> float:
    """The median change of a matrix in a step; if some are left out, of those that move."""
    return float(np.median([move for move in moves.each if move > 0] if left else moves.each))
