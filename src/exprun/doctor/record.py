"""One pass of a batch through a model, layer by layer, that leaves the model as it was."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.doctor.states import unchanged

FLOAT16_SCALE = 2.0**15  # of the loss, as Keras' LossScaleOptimizer begins: small gradients would be 0 in float16


@dataclass(frozen=True)
class Call:
    """A layer that was called.

    Args:
        layer: it.
        inputs: what it took, (batch, …).
        outputs: what it gave, (batch, …).
    """

    layer: Any
    inputs: Any
    outputs: Any


@dataclass(frozen=True)
class Pass:
    """A batch that went through a model.

    Args:
        calls: of layers without layers inside, in order.
        outputs: of the model, float32, (batch, …).
        losses: of each example, (batch,), or None without a loss.
        penalty: what regularisers add to the mean loss.
        gradients: of the mean loss, for each trainable variable; None where it has none; empty without a loss.
        penalties: gradients of the regularisers alone, likewise; empty where there are no regularisers.
    """

    calls: list[Call]
    outputs: np.ndarray
    losses: np.ndarray | None = None
    penalty: float = 0.0
    gradients: list[np.ndarray | None] = field(default_factory=list)
    penalties: list[np.ndarray | None] = field(default_factory=list)


@contextlib.contextmanager
def _recording(calls: list[Call], muted: frozenset[int] = frozenset()) -> Iterator[None]:
    """Note the calls of leaf layers; works for functional, sequential and subclassed models alike.

    Args:
        calls: where they are noted.
        muted: ids of layers that give zeros.
    """
    original, here = keras.Layer.__call__, threading.get_ident()

    def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = original(self, *args, **kwargs)
        if threading.get_ident() != here:  # an input pipeline that augments by layers
            return outputs
        if id(self) in muted:
            outputs = tf.zeros_like(outputs)
        if args and tf.is_tensor(args[0]) and tf.is_tensor(outputs) and not self._layers:
            calls.append(Call(self, args[0], outputs))
        return outputs

    keras.Layer.__call__ = noted
    try:
        yield
    finally:
        keras.Layer.__call__ = original


@contextlib.contextmanager
def in_float32(model: Any) -> Iterator[None]:
    """Let layers of mixed precision compute in float32, for what is to be told apart from rounding."""
    found = model._flatten_layers(include_self=True)
    mixed = [(layer, layer.dtype_policy) for layer in found if layer.dtype_policy.name.startswith("mixed_")]
    try:
        for layer, _ in mixed:
            layer.dtype_policy = "float32"
        yield
    finally:
        for layer, policy in mixed:
            layer.dtype_policy = policy


def passed(model: Any, inputs: Any, training: bool, muted: Iterable[Any] = ()) -> Pass:
    """Send a batch forwards.

    Args:
        model: a Keras model.
        inputs: as the model takes them.
        training: the mode.
        muted: layers whose outputs are replaced by zeros.
    """
    calls: list[Call] = []
    with unchanged(model), _recording(calls, frozenset(map(id, muted))):
        outputs = called(model, inputs, training)
    return Pass(calls, _float(outputs))


def passed_back(model: Any, inputs: Any, losses: Callable[[Any], Any]) -> Pass:
    """Send a batch forwards in training mode, and the gradient of its mean loss backwards.

    Args:
        model: a Keras model.
        inputs: as the model takes them.
        losses: of the model's outputs, for each example, (batch,).
    """
    calls: list[Call] = []
    variables = model.trainable_variables
    scale = FLOAT16_SCALE if getattr(model, "compute_dtype", "") == "float16" else 1.0
    with unchanged(model), tf.GradientTape(persistent=True) as tape:
        with _recording(calls):
            outputs = called(model, inputs, True)
        found = tf.cast(losses(outputs), tf.float32)
        mean = scale * tf.reduce_mean(found)
        terms = [tf.cast(term, tf.float32) for term in model.losses]
        penalty = tf.add_n(terms) if terms else tf.constant(0.0)
    gradients = [_dense(g, scale) for g in tape.gradient(mean, variables)]
    penalties = [_dense(g) for g in tape.gradient(penalty, variables)] if terms else []
    return Pass(calls, _float(outputs), found.numpy(), float(penalty), gradients, penalties)


def first_rows(inputs: Any, count: int) -> Any:
    """The first examples of what a model takes: of an array, or of several in a dictionary or list."""
    return keras.tree.map_structure(lambda part: part[:count], inputs)


def fixed_rows(model: Any) -> int | None:
    """How many examples a model takes at a time; None where it takes any number, as all do but stateful ones."""
    layers = model._flatten_layers(include_self=False)
    if not any(isinstance(layer, keras.layers.RNN) and layer.stateful for layer in layers):
        return None
    inputs = getattr(model, "inputs", None)  # a subclass may have none
    rows = inputs[0].shape[0] if inputs else None
    return None if rows is None else int(rows)


def called(model: Any, inputs: Any, training: bool) -> Any:
    """The outputs of a model, whether or not it knows a training mode."""
    count, rows = len(keras.tree.flatten(inputs)[0]), fixed_rows(model)
    if rows is not None and count < rows:
        inputs = keras.tree.map_structure(lambda part: np.resize(part, (rows, *part.shape[1:])), inputs)
    outputs = model(inputs, training=training) if model._call_has_training_arg else model(inputs)
    return outputs if rows is None else keras.tree.map_structure(lambda part: part[:count], outputs)


def _dense(gradient: Any, scale: float = 1.0) -> np.ndarray | None:
    if gradient is None:
        return None
    found = np.asarray(tf.convert_to_tensor(gradient), np.float32)
    return found if scale == 1.0 else found / np.float32(scale)


def _float(tensor: Any) -> np.ndarray:
    return np.asarray(tf.cast(tensor, tf.float32))
