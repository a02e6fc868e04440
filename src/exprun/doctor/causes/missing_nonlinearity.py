"""missing-nonlinearity: layers of weights without an activation between them."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import LINEAR, Layer, named
from exprun.doctor.instruments.passes import Call, rows

CAUSE = Cause(
    id="missing-nonlinearity",
    why="Without activations between them, several layers can do no more than one.",
    source="Goodfellow et al. 2016, Deep Learning, section 6.1",
    phases=(Phase.STRUCTURE, Phase.SETUP),
    explains=("overfitting",),
    keras="give hidden layers activation='relu'.",
    overrides=("model.activation=relu",),
)
LOCAL_NORMS = ("LocalResponseNormalization", "LRN")  # usual names of a layer that Keras does not have
PAIRS = 4  # pairs of images whose mean is sent through the network
MIN_DIFFERENCE = 1e-6  # difference between outputs above which two images differ
ROUNDING = 1e-3  # error of the mean of two outputs, in units of their difference, that rounding may explain
TINY = 1e-12  # added to probabilities before a log


def check(context: Context) -> Iterator[Finding]:
    """Find layers of weights without an activation between them, by their list or by what the network computes."""
    match context.phase:
        case Phase.SETUP:
            yield from _setup(context)
        case Phase.STRUCTURE:
            yield from _structure(context)


def _setup(context: Context) -> Iterator[Finding]:
    weighted = [layer for layer in context.layers if layer.is_weighted]
    if len(weighted) < 2 or context.has_own_code:
        return
    before_last = context.layers[: context.layers.index(weighted[-1])]
    if all(_is_too_weak(layer) for layer in before_last) and all(layer.is_linear for layer in weighted[:-1]):
        yield context.finding(
            "error",
            f"layers {named(weighted)}",
            f"The {len(weighted)} layers of weights have no activation function between them.",
            {"layers": len(weighted)},
        )


def _is_too_weak(layer: Layer) -> bool:
    """Whether a layer is known not to be an activation."""
    identity = layer.class_name == "Activation" and not layer.is_own and layer.is_linear
    return identity or (layer.isa(*LINEAR) and layer.is_linear) or layer.class_name in LOCAL_NORMS


def _structure(context: Context) -> Iterator[Finding]:
    """Find missing activations in a model with code of its own, whose activations no list of layers shows.

    A network without activations is affine: its output for the mean of two images is the mean of their outputs.
    """
    images = context.rows
    if len(images) < 2 * PAIRS or not context.has_own_code:
        return
    one, other = images[:PAIRS], images[PAIRS : 2 * PAIRS]
    passes = [context.evaluated_on(x, exactly=True).weighted for x in (one, other, (one + other) / 2)]
    if len(passes[0]) < 2:
        return
    first, second, between = (_unsquashed(calls[-1]) for calls in passes)
    size = float(np.abs(first - second).max())
    if size > MIN_DIFFERENCE and np.abs((first + second) / 2 - between).max() < ROUNDING * size:
        yield context.finding(
            "error",
            f"{len(passes[0])} layers of weights",
            "The mean of two images gives exactly the mean of their outputs, so there is no activation between the "
            "layers.",
            {"layers": len(passes[0])},
            "apply an activation in call: x = keras.activations.relu(self.conv(x)).",
        )


def _unsquashed(call: Call) -> np.ndarray:
    """The outputs of a layer without the sigmoid or softmax at its end, (images, values)."""
    outputs = rows(call.outputs)
    if call.layer.activation == "sigmoid":
        return np.asarray(np.log(outputs + TINY) - np.log(1 - outputs + TINY))
    if call.layer.activation == "softmax":
        logs = np.log(outputs + TINY)
        return np.asarray(logs - logs.mean(-1, keepdims=True))
    return outputs
