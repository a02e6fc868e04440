"""Measures the signal through the depth of a network, from a pass that the doctor has made."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from exprun.doctor.instruments.passes import Call, Pass, dead_share, rms, rows, spread
from exprun.doctor.instruments.states import undrawn
from exprun.pages.depth import Depth

MAX_VALUES = 2_000_000  # of a layer whose spread is measured; of more, positions spread over the layer are taken
MAX_UPDATED = 20_000_000  # parameters of a network whose first step is made: the copy of its weights takes time
MAX_LAYERS = 400  # with a matrix of weights; of a network with more, the first ones are measured


def depth_of(name: str, found: Pass, model: Any, updates: dict[int, float] | None = None) -> Depth | None:
    """The signal of a network; None if it has no layer with a matrix of weights.

    Args:
        name: the name of the network among others.
        found: a pass of some images, with gradients if there are any.
        model: the network that has made the pass, with the weights of the pass.
        updates: the relative change of variables in the first step, by their id, as from `first_step`; None if unknown.
    """
    calls = found.weighted[:MAX_LAYERS]
    if not calls:
        return None
    variables = model.trainable_variables if found.gradients else []
    gradients = {id(one): gradient for one, gradient in zip(variables, found.gradients, strict=True)}
    matrices = [_matrix(call) for call in calls]
    last = calls[-1].outputs if len(calls) < len(found.weighted) else found.outputs
    return Depth(
        name,
        tuple(call.layer.name for call in calls),
        None if found.calls[0] is calls[0] else _spread(found.calls[0].inputs),
        (*(_spread(call.inputs) for call in calls), _spread(last)),
        tuple(_size(gradients, matrix) for matrix in matrices),
        tuple(_dead_after(found.calls, calls, place) for place in range(len(calls))),
        tuple((updates or {}).get(id(matrix)) for matrix in matrices),
    )


@contextlib.contextmanager
def first_step(model: Any, optimizer: Any, found: Pass, scale: float = 1.0) -> Iterator[dict[int, float]]:
    """Make a step; afterwards the weights are as before.

    The state of the optimiser is changed, so it must not be one that trains.

    Args:
        model: the network that has made the pass.
        optimizer: an optimiser before its first step.
        found: a pass with gradients.
        scale: the factor of the gradients, for a loss that is not the mean over the images.

    Yields:
        The change of each variable, relative to its norm, by its id; empty if no step can be made.
    """
    both = zip(found.gradients, model.trainable_variables, strict=False)
    pairs = [(scale * gradient, variable) for gradient, variable in both if gradient is not None]
    total = sum(int(np.prod(variable.shape)) for _, variable in pairs)
    if not pairs or not found.has_gradients or total > MAX_UPDATED:
        yield {}
        return
    before = [np.array(variable) for _, variable in pairs]
    with undrawn():
        try:
            optimizer.apply_gradients(pairs)
            yield {
                id(variable): _ratio(np.asarray(variable), old)
                for (_, variable), old in zip(pairs, before, strict=True)
            }
        finally:
            for (_, variable), old in zip(pairs, before, strict=True):
                variable.assign(old)


def moved(depth: Depth, found: Pass, model: Any, first: Sequence[np.ndarray]) -> Depth:
    """The depth of a network with the change of its weights since the start of the training, and what is frozen.

    Args:
        depth: the depth, as from `depth_of`.
        found: the pass that it was measured in.
        model: the network, with its present weights.
        first: the values of all its variables at the start.
    """
    before = {id(variable): value for variable, value in zip(model.variables, first, strict=True)}
    matrices = [_weights(call) for call in found.weighted[:MAX_LAYERS]]
    changes = tuple(_ratio(np.asarray(matrix), before[id(matrix)]) for matrix in matrices)
    return replace(depth, moved=changes, frozen=tuple(not matrix.trainable for matrix in matrices))


def _weights(call: Call) -> Any:
    """The matrix of a layer, trainable or not."""
    return next(variable for variable in call.layer.layer.variables if len(variable.shape) > 1)


def _ratio(new: np.ndarray, old: np.ndarray) -> float:
    return float(np.linalg.norm((new - old).ravel()) / max(float(np.linalg.norm(old.ravel())), 1e-12))


def _matrix(call: Call) -> Any:
    """The trainable matrix of a layer; None if it is frozen."""
    return next((variable for variable in call.layer.trained if len(variable.shape) > 1), None)


def _size(gradients: dict[int, np.ndarray | None], matrix: Any) -> float | None:
    gradient = None if matrix is None else gradients.get(id(matrix))
    return None if gradient is None else rms(gradient)


def _spread(values: np.ndarray) -> float:
    each = rows(values)
    step = each.size // MAX_VALUES + 1
    return spread(each[:, :: step | 1])  # an odd step meets all channels, whose number is mostly even


def _dead_after(calls: list[Call], weighted: list[Call], place: int) -> float | None:
    """The largest share of dead units in a ReLU between a layer with weights and the next one; None without a ReLU."""
    start = calls.index(weighted[place])
    end = calls.index(weighted[place + 1]) if place + 1 < len(weighted) else len(calls)
    shares = [dead_share(call.outputs) for call in calls[start:end] if call.layer.is_relu]
    return max(shares, default=None)
