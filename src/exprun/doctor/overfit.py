"""Whether a network can memorise one batch: it trains on that batch for some steps, then its weights are restored."""

import time
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from exprun.config.doctor import Doctor
from exprun.doctor.examine import Subject
from exprun.doctor.finding import Finding
from exprun.doctor.record import called
from exprun.doctor.states import unchanged

IMAGES = 16  # training images in the batch
STEPS = 30  # steps on the batch, at most
SECONDS = 4.0  # time for these steps, in seconds
MIN_STEPS = 12  # if fewer steps fit into the time, nothing is reported
STEP_SIZE = 1e-3  # root mean square change of a weight in a step: that of Adam at its default learning rate
FITTED = 0.3  # first loss below which pretrained weights fit the images already, in units of chance level


def check_overfit(subject: Subject, limits: Doctor) -> Iterator[Finding]:
    """Find a loss that hardly falls in some steps on a few images.

    Karpathy 2019, A Recipe for Training Neural Networks, "overfit one batch". Each step moves every weight along its
    gradient by the same length, so that neither the state of an optimiser nor its learning rate matters.
    """
    objective, model = subject.objective, subject.model
    inputs, labels = subject.train.inputs[:IMAGES], subject.labels[:IMAGES]
    variables = model.trainable_variables
    if objective is None or objective.kind not in ("softmax", "sigmoid") or not variables:
        return
    if len(np.unique(labels.reshape(len(labels), -1), axis=0)) < 2:
        return
    assert limits.memorised is not None
    classes = int(model.output_shape[-1]) if objective.kind == "softmax" else 2
    kept = [tf.identity(v.value) for v in variables]
    losses: list[float] = []
    started = time.perf_counter()
    try:
        with unchanged(model):
            while len(losses) <= STEPS and time.perf_counter() - started < SECONDS:
                with tf.GradientTape() as tape:
                    outputs = called(model, inputs, True)
                    loss = tf.reduce_mean(tf.cast(objective.losses(outputs, tf.constant(labels)), tf.float32))
                losses.append(float(loss))
                if losses[-1] < limits.memorised * losses[0] or losses[0] < FITTED * np.log(max(classes, 2)):
                    return
                for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
                    if gradient is not None:
                        _move(variable, tf.convert_to_tensor(gradient))
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
    if len(losses) > MIN_STEPS:
        yield Finding(
            "cannot-overfit",
            "warning",
            "training",
            f"In {len(losses) - 1} steps on {len(inputs)} training images alone, the loss of these images has gone "
            f"from {losses[0]:.3f} to {losses[-1]:.3f}; a last loss below {limits.memorised:.0%} of the first is "
            "normal.",
            numbers={"first": losses[0], "last": losses[-1]},
        )


def _move(variable: tf.Variable, gradient: tf.Tensor) -> None:
    size = tf.sqrt(tf.reduce_mean(tf.square(tf.cast(gradient, tf.float32))))
    step = STEP_SIZE * tf.cast(gradient, tf.float32) / tf.maximum(size, 1e-30)
    variable.assign(variable.value - tf.cast(step, variable.dtype))
