"""Batch norm: whether it uses its moving averages, and how far these are from the values that reach it."""

import numpy as np

from exprun.doctor.instruments.layers import Layer
from exprun.doctor.instruments.passes import Call

NEAR = 0.5  # distance from 0 and 1 up to which moving averages have hardly moved
CLOSE = 1e-2  # difference of outputs that rounding explains, in units of their size


def is_fresh(layer: Layer) -> bool:
    """Whether the moving averages of a batch norm are as they were initialised: means of 0 and variances of 1."""
    mean, variance = (np.asarray(values) for values in (layer.layer.moving_mean, layer.layer.moving_variance))
    return not np.any(mean) and bool((variance == 1).all())


def is_nearly_fresh(layer: Layer) -> bool:
    """Whether the moving averages of a batch norm are near the values with which they were initialised.

    So they are after a few steps, before which they say nothing about the data.
    """
    mean, variance = (np.asarray(values) for values in (layer.layer.moving_mean, layer.layer.moving_variance))
    return bool((np.abs(mean) < NEAR).all() and (np.abs(variance - 1) < NEAR).all())


def uses_averages(call: Call) -> bool:
    """Whether a batch norm has computed its outputs from moving averages that are not as they were initialised."""
    if is_fresh(call.layer):
        return False
    mean, deviation = _averages(call)
    layer = call.layer.layer
    expected = (call.inputs - mean) / deviation
    if layer.scale:
        expected = expected * _along(call, layer.gamma)
    if layer.center:
        expected = expected + _along(call, layer.beta)
    size = max(float(np.abs(expected).max(initial=0)), 1e-9)
    return bool(np.abs(expected - call.outputs).max(initial=0) <= CLOSE * size)


def normalised(call: Call) -> tuple[float, float]:
    """How far the inputs of a batch norm are from its moving averages, as the medians over its channels.

    Returns:
        The difference of the means in units of the standard deviation of the averages, and the standard deviation of
        the inputs in the same unit.
    """
    mean, deviation = _averages(call)
    others = tuple(axis for axis in range(call.inputs.ndim) if axis != call.layer.layer.axis % call.inputs.ndim)
    values = (call.inputs.astype(np.float64) - mean) / deviation
    return float(np.median(np.abs(values.mean(others)))), float(np.median(values.std(others)))


def _averages(call: Call) -> tuple[np.ndarray, np.ndarray]:
    """The moving mean and standard deviation of a batch norm, in a shape that fits its inputs."""
    layer = call.layer.layer
    deviation = np.sqrt(np.asarray(layer.moving_variance, np.float32) + layer.epsilon)
    return _along(call, layer.moving_mean), _along(call, deviation)


def _along(call: Call, values: object) -> np.ndarray:
    """Values of each channel in a shape that fits the inputs of a call."""
    shape = [1] * call.inputs.ndim
    shape[call.layer.layer.axis] = -1
    return np.asarray(values, np.float32).reshape(shape)
