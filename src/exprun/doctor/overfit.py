"""Whether a network can memorise one batch: it trains on it for some steps, and gets its weights back."""

import time
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from exprun.config.schema import Doctor
from exprun.doctor.examine import Subject
from exprun.doctor.finding import Finding
from exprun.doctor.record import passed_back

IMAGES, STEPS = 16, 30
LEAST_STEPS, SECONDS = 12, 4.0  # with fewer steps in this time, nothing is said
RATE = 1e-3  # Adam's default
KNOWN = 0.3  # of the loss of guessing: below, a network with weights from elsewhere knows these images already


def check_overfit(subject: Subject, limits: Doctor) -> Iterator[Finding]:
    """Take steps of Adam on a few images, and compare the loss with the first one.

    Karpathy 2019, A Recipe for Training Neural Networks, "overfit one batch".
    """
    objective, model = subject.objective, subject.model
    inputs, labels = subject.train.inputs[:IMAGES], subject.labels[:IMAGES]
    if objective is None or objective.kind not in ("softmax", "sigmoid") or not model.trainable_variables:
        return
    if len(np.unique(labels.reshape(len(labels), -1), axis=0)) < 2:
        return
    assert limits.memorised is not None
    classes = int(model.output_shape[-1]) if objective.kind == "softmax" else 2
    kept = [(v, tf.identity(v.value)) for v in model.trainable_variables]
    optimizer = keras.optimizers.Adam(RATE)
    losses: list[float] = []
    started = time.perf_counter()
    try:
        while len(losses) <= STEPS and time.perf_counter() - started < SECONDS:
            found = passed_back(model, inputs, lambda outputs: objective.losses(outputs, tf.constant(labels)))
            assert found.losses is not None
            losses.append(float(found.losses.mean()))
            if losses[-1] < limits.memorised * losses[0] or losses[0] < KNOWN * np.log(max(classes, 2)):
                return
            pairs = [(g, v) for g, (v, _) in zip(found.gradients, kept, strict=True) if g is not None]
            optimizer.apply([tf.constant(g) for g, _ in pairs], [v for _, v in pairs])
    finally:
        for variable, value in kept:
            variable.assign(value)
    if len(losses) > LEAST_STEPS:
        yield Finding(
            "cannot-overfit",
            "warning",
            "training",
            f"In {len(losses) - 1} steps of Adam on {len(inputs)} training images alone, the loss of these images "
            f"has gone from {losses[0]:.3f} to {losses[-1]:.3f}; below {limits.memorised:.0%} of the first is normal.",
            numbers={"first": losses[0], "last": losses[-1]},
        )
