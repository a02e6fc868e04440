"""Some values of each weight of a model, few enough to be compared at every probe."""

from typing import Any

import numpy as np
import tensorflow as tf

from exprun.doctor.instruments.weights import Weight

MAX_SAMPLES = 4096  # values of each weight that are compared between probes


def sampled(model: Any) -> list[Weight]:
    """The trainable variables of a Keras model, each with values at evenly spaced positions."""
    return [Weight(variable, _values(variable)) for variable in model.trainable_variables]


def _values(variable: Any) -> np.ndarray:
    flat = tf.reshape(variable.value, [-1])
    return np.asarray(flat[:: max(1, int(flat.shape[0]) // MAX_SAMPLES)], np.float32)
