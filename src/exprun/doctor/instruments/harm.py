"""Whether large inputs harm a network with its initial weights."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from exprun.doctor.instruments.chance import uniform_loss
from exprun.doctor.instruments.inputs import parts
from exprun.doctor.instruments.layers import Layer
from exprun.doctor.instruments.objective import Objective
from exprun.doctor.instruments.passes import Pass, rms
from exprun.text import rounded

MAX_SATURATED = 0.7  # share of a layer's outputs that may be at an end of their range
HUGE = 1000.0  # outputs of the first layer that no learning rate suits, whatever the last layer is
END = 0.01  # distance from the end of a range within which an output is at this end


def harm_of(found: Pass, objective: Objective, labels: np.ndarray, large_loss: float, fits: bool = True) -> str:
    """The clause that describes how large inputs harm a network; empty if no harm is seen.

    Args:
        found: a pass with losses.
        objective: the loss.
        labels: the labels of the pass.
        large_loss: how many times the loss of equal probabilities, or the size of the labels, is too large.
        fits: whether last layer, loss and labels fit together, so that the size of the loss means something.
    """
    assert found.loss is not None
    by_loss = _harm_of_outputs(found, objective, labels, large_loss) if fits else _huge_outputs(found)
    return by_loss or _saturated(found)


def _huge_outputs(found: Pass) -> str:
    first = found.weighted[0] if found.weighted else None
    if first is None or (size := rms(first.outputs)) <= HUGE:
        return ""
    return f"the outputs of {first.layer.name} are around {rounded(size)} before training"


def _harm_of_outputs(found: Pass, objective: Objective, labels: np.ndarray, large_loss: float) -> str:
    assert found.loss is not None
    units = found.outputs.shape[-1]
    uniform = uniform_loss(objective.kind, units)
    if uniform is not None and found.loss > large_loss * uniform:
        task = "yes or no" if objective.kind == "sigmoid" else f"one of {units} classes"
        return f"the loss is {rounded(found.loss, 4)} before training, but chance level for {task} is {uniform:.3f}"
    if objective.kind == "error" and rms(found.outputs) > large_loss * rms(labels):
        return (
            f"the outputs are around {rounded(rms(found.outputs))} before training, but the labels around "
            f"{rounded(rms(labels))}"
        )
    return ""


def _saturated(found: Pass) -> str:
    for call in found.calls[:-1]:
        if call.layer.activation in ("sigmoid", "tanh"):
            least = 0.0 if call.layer.activation == "sigmoid" else -1.0
            share = float(((call.outputs < least + END) | (call.outputs > 1 - END)).mean())
            if share > MAX_SATURATED:
                return (
                    f"{share:.0%} of the outputs of {call.layer.name} ({call.layer.activation}) are at an end of its "
                    "range"
                )
    return ""


@dataclass(frozen=True)
class LargePart:
    """One of several inputs that is large and reaches a layer of weights unscaled.

    Args:
        name: the name or number of the input.
        layer: the layer that takes it, alone or joined to others.
        size: the root mean square of its values.
    """

    name: str
    layer: Layer
    size: float


def large_part(found: Pass, inputs: Any, large_input: float) -> LargePart | None:
    """The first of several inputs that is large and reaches a layer of weights unscaled; None if there is none.

    Args:
        found: a pass of the inputs.
        inputs: the inputs in dictionaries, lists and tuples.
        large_input: the root mean square above which an input is large.
    """
    for name, part in parts(inputs):
        if part.dtype.kind not in "iuf" or not np.isfinite(part).all() or (size := rms(part)) <= large_input:
            continue
        taker = next((call for call in found.weighted if _holds(call.inputs, part)), None)
        if taker is not None:
            return LargePart(name, taker.layer, size)
    return None


def _holds(whole: np.ndarray, part: np.ndarray) -> bool:
    """Whether `part` appears unchanged along the last axis of `whole`."""
    if whole.shape[:-1] != part.shape[:-1]:
        return False
    width, same = part.shape[-1], part.astype(np.float32)
    return any(np.array_equal(whole[..., at : at + width], same) for at in range(whole.shape[-1] - width + 1))
