"""erasing-layer: a layer whose outputs are the same for every example, although its inputs differ."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import NORMS
from exprun.doctor.instruments.passes import Call, rms, spread

CAUSE = Cause(
    id="erasing-layer",
    why="No layer after it can tell examples apart.",
    source="Ba et al. 2016, arXiv:1607.06450, section 3",
    phases=(Phase.SETUP, Phase.FIRST_BATCH),
    explains_symptoms=True,
    explains=(
        *("dead-relu", "vanishing-gradient", "vanishing-signal", "zero-gradient", "symmetric-init"),
        *("shuffled-labels", "learning-rate-low", "learning-rate-high", "cannot-overfit"),
    ),
    keras="remove the layer, or print what it returns for two examples.",
    in_code=True,
)
EQUAL = 1e-6  # largest standard deviation of equal outputs, in units of their size or of 1
# Activations at whose ends all outputs are equal; a softmax over one value gives 1 for inputs of any size.
BOUNDED = ("tanh", "sigmoid", "softmax", "hard_sigmoid", "hard_tanh", "softsign", "relu6", "sparse_sigmoid")
MIN_EXAMPLES = 4  # examples from which outputs are compared
SAME = 1e-4  # standard deviation up to which the outputs of the network count as equal, in units of their size


def check(context: Context) -> Iterator[Finding]:
    """Find a layer after which examples do not differ, or not by what this layer computes."""
    match context.phase:
        case Phase.SETUP:
            yield from _setup(context)
        case Phase.FIRST_BATCH:
            yield from _first_batch(context)


def _setup(context: Context) -> Iterator[Finding]:
    """Find a softmax over one unit before the last layer, such as that of the weights of an attention."""
    weighted = [layer for layer in context.layers if layer.has_weights]
    for layer in weighted[:-1]:
        if layer.activation == "softmax" and getattr(layer.layer, "units", None) == 1:
            yield context.finding(
                "error",
                f"layer {layer.name}",
                "It has one unit, and a softmax over one value is always 1, whatever its inputs are.",
                {"units": 1},
                "no activation in this layer; then a softmax over the axis whose values compete, such as the steps of "
                "a sequence: keras.layers.Softmax(axis=1).",
            )


def _first_batch(context: Context) -> Iterator[Finding]:
    """Find the layer where the differences between examples end, in a network whose outputs are all the same."""
    found = context.forward
    outputs = found.outputs
    if len(outputs) < MIN_EXAMPLES or not np.isfinite(outputs).all() or spread(outputs) > SAME * rms(outputs):
        return
    lost = next((call for call in found.calls if spread(call.inputs) > EQUAL and _is_constant(call)), None)
    # Layers of weights and ReLUs lose differences by their weights, which are causes of their own.
    if lost is None or lost.layer.is_relu or (lost.layer.has_weights and not lost.layer.isa(*NORMS)):
        return
    saturates = lost.layer.activation in BOUNDED or lost.layer.isa("Softmax")
    if saturates and lost.outputs.shape[-1] > 1:  # its inputs are too large, which is a cause of its own
        return
    if lost is found.calls[-1]:  # such as a softmax over one unit
        return
    yield context.finding(
        "error",
        f"layer {lost.layer.name}",
        f"Its inputs differ between {len(outputs)} examples by {spread(lost.inputs):.2g}, but its outputs are the same "
        f"for all of them.{_of_one_value(lost)}",
        {"spread": spread(lost.inputs)},
        "an axis with more than one value, such as LayerNormalization(axis=[1, 2, 3]), or BatchNormalization."
        if _of_one_value(lost)
        else "",
    )


def _is_constant(call: Call) -> bool:
    return len(call.outputs) == len(call.inputs) and spread(call.outputs) <= EQUAL * max(1.0, rms(call.outputs))


def _of_one_value(call: Call) -> str:
    """A sentence if the layer normalises over a single value, which makes it 0; empty otherwise."""
    axis = getattr(call.layer.layer, "axis", None)
    if not call.layer.isa("LayerNormalization") or axis is None:
        return ""
    axes = axis if isinstance(axis, list | tuple) else [axis]
    count = int(np.prod([call.inputs.shape[number] for number in axes]))
    return " It normalises over an axis with one value: a value minus itself is 0." if count == 1 else ""
