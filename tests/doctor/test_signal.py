"""Checks of one batch on its way through a network."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from exprun.doctor.callback import limits_of
from exprun.doctor.signal import check_affine, check_recurrent_input, check_unknown

LIMITS = limits_of({})
RNG = np.random.default_rng(0)
layers = keras.layers


def causes(findings):
    return [finding.cause for finding in findings]


class Wrapper:
    """Layers that no model knows of."""

    def __init__(self):
        self.inner = layers.Dense(8, activation="relu")

    def __call__(self, x):
        return self.inner(x)


class Net(keras.Model):
    def __init__(self, hidden, activation):
        super().__init__()
        self.hidden, self.activation, self.head = hidden, activation, layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.head(self.activation(self.hidden(x)))


def test_variables_that_the_model_does_not_know_are_found():
    inputs = RNG.normal(size=(8, 5)).astype(np.float32)
    for hidden, said in ((Wrapper(), ["untrained-variables"]), (layers.Dense(8), [])):
        model = Net(hidden, tf.nn.relu)
        model(inputs)
        assert causes(check_unknown(model, inputs)) == said


def test_a_softmax_does_not_hide_that_the_rest_is_affine():
    inputs = RNG.normal(size=(8, 5)).astype(np.float32)
    for activation, said in ((tf.identity, ["missing-nonlinearity"]), (tf.nn.relu, [])):
        model = Net(layers.Dense(8), activation)
        model(inputs)
        assert causes(check_affine(model, inputs)) == said


def test_rounding_does_not_hide_that_a_model_is_affine(mixed):
    inputs = RNG.normal(size=(8, 8, 8, 1)).astype(np.float32)
    x = first = keras.Input((8, 8, 1))
    for _ in range(4):
        x = keras.ops.pad(layers.Conv2D(4, 3)(x), [[0, 0], [1, 1], [1, 1], [0, 0]])
    model = keras.Model(first, layers.Dense(4, dtype="float32")(layers.Flatten()(x)))
    assert causes(check_affine(model, inputs)) == ["missing-nonlinearity"]
    assert {layer.dtype_policy.name for layer in model.layers if layer.weights} == {mixed, "float32"}


@pytest.mark.parametrize(("size", "said"), [(9000.0, ["unscaled-input"]), (1.0, [])])
def test_large_inputs_hold_the_gates_of_a_recurrent_layer(size, said):
    model = keras.Sequential([layers.Input((4, 3)), layers.Bidirectional(layers.LSTM(5)), layers.Dense(2)])
    assert causes(check_recurrent_input(model, size * RNG.normal(size=(8, 4, 3)).astype(np.float32), LIMITS)) == said
