"""One pass of a batch through a model, recorded layer by layer, that leaves the model as it was."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.doctor.instruments.layers import Layer
from exprun.doctor.instruments.objective import Objective
from exprun.doctor.instruments.packing import as_taken
from exprun.doctor.instruments.passes import Call, Pass
from exprun.doctor.instruments.states import unchanged

FLOAT16_SCALE = 2.0**15  # factor of the loss, without which small gradients are 0 in float16; Keras' initial scale


@contextlib.contextmanager
def _recording(calls: list[Call], muted: frozenset[int] = frozenset()) -> Iterator[None]:
    """Record the calls of layers that contain no others; works for functional, sequential and subclassed models.

    Args:
        calls: the list to which calls are added.
        muted: the ids of layers whose outputs are replaced by zeros.
    """
    original, this_thread = keras.Layer.__call__, threading.get_ident()

    def recorded(self: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = original(self, *args, **kwargs)
        if threading.get_ident() != this_thread:  # such as the thread of an input pipeline
            return outputs
        if id(self) in muted:
            outputs = tf.zeros_like(outputs)
        if args and tf.is_tensor(args[0]) and tf.is_tensor(outputs) and not self._layers:
            calls.append(Call(Layer(self), args[0], outputs))
        return outputs

    keras.Layer.__call__ = recorded
    try:
        yield
    finally:
        keras.Layer.__call__ = original


@contextlib.contextmanager
def in_float32(model: Any) -> Iterator[None]:
    """Let layers of mixed precision compute in float32, so that rounding does not hide differences."""
    layers = model._flatten_layers(include_self=True)
    mixed = [(layer, layer.dtype_policy) for layer in layers if layer.dtype_policy.name.startswith("mixed_")]
    try:
        for layer, _ in mixed:
            layer.dtype_policy = "float32"
        yield
    finally:
        for layer, policy in mixed:
            layer.dtype_policy = policy


def passed(model: Any, inputs: Any, training: bool, muted: Iterable[Layer] = ()) -> Pass:
    """Send a batch forwards through a model; returns the pass.

    Args:
        model: a Keras model.
        inputs: the batch as the model takes it.
        training: whether to run in training mode.
        muted: layers whose outputs are replaced by zeros.
    """
    calls: list[Call] = []
    with unchanged(model), _recording(calls, frozenset(id(layer.layer) for layer in muted)):
        outputs = called(model, inputs, training)
    return Pass(calls, _float(outputs))


def passed_back(model: Any, inputs: Any, losses: Callable[[Any], Any]) -> Pass:
    """Send a batch forwards in training mode, and the gradient of its mean loss backwards; returns the pass.

    Args:
        model: a Keras model.
        inputs: the batch as the model takes it.
        losses: computes the loss of each example, (batch,), from the model's outputs.
    """
    calls: list[Call] = []
    variables = model.trainable_variables
    scale = FLOAT16_SCALE if getattr(model, "compute_dtype", "") == "float16" else 1.0
    with unchanged(model), tf.GradientTape(persistent=True) as tape:
        with _recording(calls):
            outputs = called(model, inputs, True)
        each_loss = tf.cast(losses(outputs), tf.float32)
        mean = scale * tf.reduce_mean(each_loss)
        terms = [tf.cast(term, tf.float32) for term in model.losses]
        penalty = tf.add_n(terms) if terms else tf.constant(0.0)
    gradients = [_dense(g, scale) for g in tape.gradient(mean, variables)]
    penalties = [_dense(g) for g in tape.gradient(penalty, variables)] if terms else []
    return Pass(calls, _float(outputs), each_loss.numpy(), float(penalty), gradients, penalties)


def fixed_rows(model: Any) -> int | None:
    """The batch size that a model is fixed to, as stateful models are; None if it takes any number of examples."""
    layers = model._flatten_layers(include_self=False)
    if not any(isinstance(layer, keras.layers.RNN) and layer.stateful for layer in layers):
        return None
    inputs = getattr(model, "inputs", None)  # a subclassed model may have none
    rows = inputs[0].shape[0] if inputs else None
    return None if rows is None else int(rows)


def called(model: Any, inputs: Any, training: bool) -> Any:
    """The outputs of a model in training or inference mode, if it has these modes."""
    inputs = as_taken(model, inputs)
    count, rows = len(keras.tree.flatten(inputs)[0]), fixed_rows(model)
    if rows is not None and count < rows:
        inputs = keras.tree.map_structure(lambda part: np.resize(part, (rows, *part.shape[1:])), inputs)
    outputs = model(inputs, training=training) if model._call_has_training_arg else model(inputs)
    return outputs if rows is None else keras.tree.map_structure(lambda part: part[:count], outputs)


def _dense(gradient: Any, scale: float = 1.0) -> np.ndarray | None:
    if gradient is None:
        return None
    dense = np.asarray(tf.convert_to_tensor(gradient), np.float32)
    return dense if scale == 1.0 else dense / np.float32(scale)


def _float(tensor: Any) -> np.ndarray:
    return np.asarray(tf.cast(tensor, tf.float32))


def there_and_back(model: Any, objective: Objective | None, inputs: Any, labels: np.ndarray) -> Pass:
    """A pass in training mode with gradients, or without if there is no loss or the loss cannot take these labels.

    Args:
        model: a Keras model.
        objective: the loss; None if it is unknown.
        inputs: the batch as the model takes it.
        labels: the labels of the batch, as the loss gets them.
    """
    if objective is not None:
        try:
            return passed_back(model, inputs, lambda outputs: objective.losses(outputs, tf.constant(labels)))
        except (tf.errors.OpError, ValueError, TypeError):  # the checks of loss and labels report why the loss fails
            pass
    return passed(model, inputs, training=True)


def losses_of(objective: Objective, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The loss of each example, (batch,), from outputs and labels as arrays."""
    return np.asarray(objective.losses(tf.constant(outputs), tf.constant(labels)))
