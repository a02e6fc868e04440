"""Whether a network memorises a few images: it trains on them, then gets its weights back."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from exprun.doctor.instruments.objective import Objective
from exprun.doctor.instruments.recording import called
from exprun.doctor.instruments.states import unchanged

STEP_SIZE = 1e-3  # root mean square change of a weight in a step: that of Adam at its default learning rate


def memorised(
    model: Any,
    objective: Objective,
    inputs: np.ndarray,
    labels: np.ndarray,
    seconds: float,
    is_enough: Callable[[list[float]], bool],
) -> list[float]:
    """The losses before each step on a few images alone; the model is left as it was.

    Each step moves every weight along its gradient by the same length, so that neither the state of an optimiser nor
    its learning rate matters.

    Args:
        model: a Keras model.
        objective: the loss.
        inputs: the images, (images, …).
        labels: their labels, as the loss gets them.
        seconds: the time after which no further step is made.
        is_enough: whether the losses so far are enough; asked after each loss.
    """
    variables = model.trainable_variables
    kept = [tf.identity(variable.value) for variable in variables]
    losses: list[float] = []
    started = time.perf_counter()
    try:
        with unchanged(model):
            while time.perf_counter() - started < seconds:
                with tf.GradientTape() as tape:
                    outputs = called(model, inputs, True)
                    loss = tf.reduce_mean(tf.cast(objective.losses(outputs, tf.constant(labels)), tf.float32))
                losses.append(float(loss))
                if is_enough(losses):
                    break
                for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
                    if gradient is not None:
                        _move(variable, tf.convert_to_tensor(gradient))
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
    return losses


def _move(variable: Any, gradient: tf.Tensor) -> None:
    size = tf.sqrt(tf.reduce_mean(tf.square(tf.cast(gradient, tf.float32))))
    step = STEP_SIZE * tf.cast(gradient, tf.float32) / tf.maximum(size, 1e-30)
    variable.assign(variable.value - tf.cast(step, variable.dtype))
