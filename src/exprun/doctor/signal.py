"""Checks of one batch that went through a network with its initial weights."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.config.doctor import Doctor
from exprun.doctor.finding import Finding
from exprun.doctor.graph import WEIGHTED, has_own_code
from exprun.doctor.record import Call, called, in_float32, passed
from exprun.doctor.states import unchanged
from exprun.text import plural

TINY = 1e-12  # added to probabilities before a log
NORMALIZATION = "a layers.Normalization adapted to the training inputs as the first layer."


def array(tensor: Any) -> np.ndarray:
    """The values of a tensor as float32, (images, values)."""
    values = np.asarray(tf.cast(tensor, tf.float32))
    return values.reshape(len(values), -1)


def rms(tensor: Any) -> float:
    """The root mean square of all values of a tensor."""
    return float(np.sqrt(np.mean(np.square(array(tensor), dtype=np.float64))))


def weighted_calls(calls: list[Call]) -> list[Call]:
    """The calls of layers that have a matrix of weights."""
    return [call for call in calls if isinstance(call.layer, WEIGHTED)]


def check_recurrent_input(model: Any, inputs: np.ndarray, limits: Doctor) -> Iterator[Finding]:
    """Find large inputs of a model whose first layer is recurrent: they saturate its units."""
    first = [layer for layer in getattr(model, "layers", []) if not isinstance(layer, keras.layers.InputLayer)]
    assert limits.large_input is not None
    recurrent = first and isinstance(first[0], keras.layers.RNN | keras.layers.Bidirectional)
    if recurrent and (size := rms(inputs)) > limits.large_input:
        yield Finding(
            "unscaled-input",
            "warning",
            "input",
            f"The inputs of {first[0].name} have values around {size:.3g} (root mean square), but values near 1 are "
            "usual: its units saturate at the ends of their range and get no gradient.",
            numbers={"rms": size},
            keras=NORMALIZATION,
        )


def check_unknown(model: Any, inputs: np.ndarray) -> Iterator[Finding]:
    """Find variables that affect the output but that the model does not track, so that no optimiser updates them."""
    if not has_own_code(model):
        return
    with unchanged(model), tf.GradientTape() as tape:
        called(model, inputs[:4], False)
        used = tape.watched_variables()
    tracked = {id(v.value) for v in model.variables} | {id(v) for v in model.variables}
    unknown = [v for v in used if v.trainable and id(v) not in tracked]
    if unknown:
        count = len(unknown)
        yield Finding(
            "untrained-variables",
            "error",
            ", ".join(sorted({f"{v.name.split(':')[0]} of shape {tuple(v.shape)}" for v in unknown})[:4]),
            f"The output depends on {plural(count, 'variable')} that {'are' if count > 1 else 'is'} not among the "
            "variables of the model.",
            numbers={"variables": count},
            keras="store each layer as an attribute of a layer or of the model (self.dense = …), not of another "
            "object; use add_weight for your own variables.",
        )


def _unsquashed(call: Call) -> np.ndarray:
    """The outputs of a layer without the sigmoid or softmax at its end, (images, values)."""
    outputs = array(call.outputs)
    name = getattr(getattr(call.layer, "activation", None), "__name__", "")
    if name == "sigmoid":
        return np.asarray(np.log(outputs + TINY) - np.log(1 - outputs + TINY))
    if name == "softmax":
        logs = np.log(outputs + TINY)
        return np.asarray(logs - logs.mean(-1, keepdims=True))
    return outputs


def check_affine(model: Any, inputs: np.ndarray) -> Iterator[Finding]:
    """Find missing activations in a model with code of its own, whose activations no list of layers shows.

    A network without activations is affine: its output for the mean of two images is the mean of their outputs.
    """
    if len(inputs) < 8 or not has_own_code(model):
        return
    one, other = inputs[:4], inputs[4:8]
    with in_float32(model):
        passes = [weighted_calls(passed(model, x, False).calls) for x in (one, other, (one + other) / 2)]
    if len(passes[0]) < 2:
        return
    first, second, between = (_unsquashed(calls[-1]) for calls in passes)
    size = float(np.abs(first - second).max())
    if size > 1e-6 and np.abs((first + second) / 2 - between).max() < 1e-3 * size:
        yield Finding(
            "missing-nonlinearity",
            "error",
            f"{len(passes[0])} layers of weights",
            "The mean of two images gives exactly the mean of their outputs, so there is no activation between the "
            "layers.",
            numbers={"layers": len(passes[0])},
            keras="apply an activation in call: x = keras.activations.relu(self.conv(x)).",
        )


def check_mixing(model: Any, inputs: np.ndarray) -> Iterator[Finding]:
    """Find outputs for an image, in inference mode, that change with the other images in its batch."""
    inputs = inputs[:8]
    if len(inputs) < 4:
        return
    together = passed(model, inputs, training=False).outputs
    half = len(inputs) // 2
    changed = np.concatenate([inputs[:half], inputs[half:][::-1] * 0.5])
    try:
        mixed = passed(model, changed, training=False).outputs
    except Exception:  # the model accepts only one batch size
        return
    if together.shape != mixed.shape or len(together) != len(inputs) or not np.isfinite(together).all():
        return
    difference = float(np.abs(together[:half] - mixed[:half]).max())
    size = max(float(np.abs(together).max()), 1e-12)
    if difference > 0.02 * size:
        yield Finding(
            "mixed-examples",
            "error",
            "output",
            f"In evaluation, the outputs for the first half of a batch change by {difference / size:.0%} when the "
            "second half has other images; they should not change.",
            numbers={"change": difference / size},
        )
