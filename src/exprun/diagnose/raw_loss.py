"""The loss of a loop that computes it by operations of its own: its labels, and what it computes of them."""

import re
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

MAX_PAIRED = 4096  # rows of which each output is compared with each label
EPSILON = 1e-7  # least probability of which a logarithm is taken
SAME = 1e-4  # relative difference of two values that rounding explains
LABELS = re.compile(r"y|yb|ys|y_?(true|batch|train)|.*(label|target|truth).*", re.IGNORECASE)


def swapped(loss: Any) -> Callable[[Any, Any], Any]:
    """A loss that got the outputs of the network in the place of the labels, as the script calls it."""

    def with_swapped_arguments(labels: Any, outputs: Any) -> Any:
        return loss(outputs, tf.cast(labels, outputs.dtype))

    # Not the name of the loss alone, by which the doctor would know it as a sound one.
    with_swapped_arguments.__name__ = f"{getattr(loss, '__name__', type(loss).__name__)} with swapped arguments"
    return with_swapped_arguments


def labels_near(frame: FrameType | None, inputs: Any, outputs: Any) -> np.ndarray | None:
    """The labels of a step, among the variables of the code that makes it; None if they cannot be told.

    Args:
        frame: the frame of the code.
        inputs: the inputs of the network in this step.
        outputs: its outputs.
    """
    if frame is None or (not tf.is_tensor(inputs) and not isinstance(inputs, np.ndarray)):
        return None
    known = [np.asarray(inputs), np.asarray(outputs)]
    used = {name: frame.f_globals[name] for name in frame.f_code.co_names if name in frame.f_globals}
    found = dict(_candidates({**used, **frame.f_locals}, known))
    named = {name: value for name, value in found.items() if LABELS.fullmatch(name)}
    chosen = list((named or found).values())
    return chosen[0] if len(chosen) == 1 else None


def _candidates(values: dict[str, Any], known: list[np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays with as many rows as the inputs that are neither these nor the outputs."""
    rows = len(known[0])
    for name, value in values.items():
        if not isinstance(value, np.ndarray | tf.Tensor) or value.dtype in (tf.string, np.dtype(object)):
            continue
        if np.ndim(value) == 0 or np.shape(value)[0] != rows or "pred" in name or not hasattr(value, "__array__"):
            continue
        array = np.asarray(value)
        if not any(array.size == one.size and np.allclose(array.ravel(), one.ravel()) for one in known):
            yield name, array


def loss_that_gives(number: float, labels: np.ndarray, outputs: np.ndarray) -> Any:
    """The loss of Keras with which a step has computed a number, as `compile` takes it; None if it is none of those.

    Args:
        number: what the step has minimised.
        labels: the labels of its batch.
        outputs: the outputs of the network.
    """
    for value, loss in _values(labels, outputs):
        if np.isfinite(number) and abs(number - value) <= SAME * max(abs(number), abs(value)):
            return loss
    return None


def _values(labels: np.ndarray, outputs: np.ndarray) -> Iterator[tuple[float, Any]]:
    """What losses are for the labels and outputs of a batch, each with the loss of Keras."""
    wanted, given = labels.astype(np.float64), outputs.astype(np.float64)
    if labels.size == outputs.size:
        difference = wanted.reshape(-1) - given.reshape(-1)
        columns = outputs.size // len(outputs)  # of which Keras takes the mean, also for the sum of a batch
        yield float(np.square(difference).mean()), keras.losses.MeanSquaredError()
        yield float(np.abs(difference).mean()), keras.losses.MeanAbsoluteError()
        yield float(np.square(difference).sum() / columns), keras.losses.MeanSquaredError(reduction="sum")
        yield float(np.abs(difference).sum() / columns), keras.losses.MeanAbsoluteError(reduction="sum")
        if outputs.size == len(outputs) <= MAX_PAIRED:
            together = np.square(given.reshape(-1, 1) - wanted.reshape(1, -1))
            yield float(together.mean()), mean_of_all_pairs
            yield float(together.sum()), mean_of_all_pairs  # the same but for its size
    units = outputs.shape[-1]
    are_classes = units > 1 and labels.size * units == outputs.size and wanted.min() >= 0 and wanted.max() < units
    if labels.size == outputs.size:
        each = np.maximum(given, 0) - given * wanted.reshape(given.shape) + np.log1p(np.exp(-np.abs(given)))
        yield float(each.mean()), keras.losses.BinaryCrossentropy(from_logits=True)
    if units > 1:
        top = given.max(-1, keepdims=True)
        logs = given - top - np.log(np.exp(given - top).sum(-1, keepdims=True))
        if labels.size == outputs.size:
            each = -(wanted.reshape(logs.shape) * logs).sum(-1)
            yield float(each.mean()), keras.losses.CategoricalCrossentropy(from_logits=True)
        if are_classes:
            yield -_mean_of(logs, wanted), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if given.min(initial=0) < 0 or given.max(initial=1) > 1:
        return
    shares = np.clip(given, EPSILON, 1 - EPSILON)
    if labels.size == outputs.size and np.isin(wanted, (0, 1)).all():
        yes, logs = wanted.reshape(shares.shape), np.log(shares)
        yield -float((yes * logs + (1 - yes) * np.log(1 - shares)).mean()), keras.losses.BinaryCrossentropy()
        if units > 1:
            yield -float((yes * logs).sum(-1).mean()), keras.losses.CategoricalCrossentropy()
    if are_classes:
        yield -_mean_of(np.log(shares), wanted), keras.losses.SparseCategoricalCrossentropy()


def _mean_of(values: np.ndarray, classes: np.ndarray) -> float:
    """The mean of the values, (…, units), in the columns of some classes."""
    columns = classes.reshape(-1, 1).astype(np.int64)
    return float(np.take_along_axis(values.reshape(-1, values.shape[-1]), columns, 1).mean())


def mean_of_all_pairs(labels: Any, outputs: Any) -> Any:
    """The squared error that arrays of the shapes (n,) and (n, 1) give: of each output with each label."""
    labels = tf.cast(tf.reshape(labels, [1, -1]), outputs.dtype)
    return tf.reduce_mean(tf.square(tf.reshape(outputs, [-1, 1]) - labels))
