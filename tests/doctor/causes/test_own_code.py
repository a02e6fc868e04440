"""Checks of how models of Keras with code of their own compute."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from doctor.contexts import context_of, found
from exprun.doctor.cause import Phase
from exprun.doctor.causes import (
    missing_nonlinearity,
    mixed_examples,
    shuffled_states,
    single_time_step,
    untrained_variables,
)
from exprun.doctor.subject import Images

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(8, 5)).astype(np.float32)


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


def causes(model, inputs=ROWS):
    model(inputs)
    context = context_of(train=Images(inputs), model=model, phase=Phase.STRUCTURE)
    return [
        f.cause
        for module in (missing_nonlinearity, mixed_examples, untrained_variables)
        for f in found(module, context)
    ]


@pytest.mark.parametrize(
    ("hidden", "activation", "said"),
    [
        (lambda: layers.Dense(8), tf.nn.relu, []),
        (lambda: layers.Dense(8), tf.identity, ["missing-nonlinearity"]),
        (lambda: layers.Dense(8), lambda x: tf.nn.relu(x) + tf.reduce_mean(x, 0), ["mixed-examples"]),
        (Wrapper, tf.nn.relu, ["untrained-variables"]),
    ],
)
def test_what_code_between_layers_does(hidden, activation, said):
    keras.utils.set_random_seed(0)
    assert causes(Net(hidden(), activation)) == said


class Noisy(layers.Layer):
    """Adds noise in inference mode, too, as the code of a variational autoencoder has it."""

    def call(self, x):
        return x + tf.random.normal(tf.shape(x))


def test_random_numbers_are_no_other_examples():
    keras.utils.set_random_seed(0)
    assert causes(Net(layers.Dense(8), lambda x: tf.nn.relu(Noisy()(x)))) == []


def test_variables_without_a_layer():
    weight = tf.Variable(RNG.normal(size=(8, 8)).astype(np.float32), name="scale")
    model = Net(layers.Dense(8), lambda x: tf.nn.relu(x @ weight))
    model(ROWS)
    context = context_of(train=Images(ROWS), model=model, phase=Phase.STRUCTURE)
    (finding,) = found(untrained_variables, context)
    assert finding.where == "scale of shape (8, 8)"


def test_rounding_does_not_hide_that_a_model_is_affine(mixed):
    images = RNG.normal(size=(8, 8, 8, 1)).astype(np.float32)
    x = first = keras.Input((8, 8, 1))
    for _ in range(4):
        x = keras.ops.pad(layers.Conv2D(4, 3)(x), [[0, 0], [1, 1], [1, 1], [0, 0]])
    model = keras.Model(first, layers.Dense(4, dtype="float32")(layers.Flatten()(x)))
    assert causes(model, images) == ["missing-nonlinearity"]
    assert {layer.dtype_policy.name for layer in model.layers if layer.weights} == {mixed, "float32"}


class Scaled(layers.Layer):
    """A layer with a variable that Keras does not track."""

    def build(self, input_shape):
        self.weight = tf.Variable(2.0, name="weight")

    def call(self, x):
        return x * tf.convert_to_tensor(self.weight)


def test_a_variable_of_a_layer_that_keras_does_not_know():
    model = keras.Sequential([keras.Input((5,)), Scaled(name="own"), layers.Dense(3)], name="net")
    context = context_of(train=Images(ROWS), model=model, phase=Phase.STRUCTURE)
    (finding,) = found(untrained_variables, context)
    assert finding.where == "net/own/weight of shape ()"


@pytest.mark.parametrize(
    ("shape", "stateful", "count"), [((1, 1), False, 1), ((1, 1), True, 0), ((3, 1), False, 0), ((1, 4), False, 0)]
)
def test_a_recurrent_layer_over_one_step(shape, stateful, count):
    model = keras.Sequential([keras.Input(batch_shape=(8, *shape)), layers.LSTM(4, stateful=stateful), layers.Dense(1)])
    context = context_of(train=Images(np.zeros((8, *shape), np.float32)), model=model, phase=Phase.SETUP)
    assert [finding.severity for finding in found(single_time_step, context)] == ["warning"] * count


@pytest.mark.parametrize(
    ("stateful", "shuffles", "count"), [(True, True, 1), (True, False, 0), (False, True, 0), (False, False, 0)]
)
def test_a_state_that_is_kept_in_a_training_that_shuffles(stateful, shuffles, count):
    model = keras.Sequential([keras.Input(batch_shape=(8, 3, 1)), layers.LSTM(4, stateful=stateful), layers.Dense(1)])
    context = context_of(train=Images(np.zeros((8, 3, 1))), model=model, phase=Phase.SETUP, shuffles=shuffles)
    assert [finding.severity for finding in found(shuffled_states, context)] == ["error"] * count


def test_a_network_without_recurrence_may_get_one_step():
    model = keras.Sequential([keras.Input((1, 1)), layers.Flatten(), layers.Dense(1)])
    context = context_of(train=Images(np.zeros((8, 1, 1), np.float32)), model=model, phase=Phase.SETUP)
    assert found(single_time_step, context) == []
