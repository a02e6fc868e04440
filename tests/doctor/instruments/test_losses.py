"""What a loss is read as: its kind, its labels, and whether it takes logits."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from exprun.doctor.instruments.losses import of_keras


class Net(keras.Model):
    def __init__(self, hidden, activation):
        super().__init__()
        self.hidden, self.activation, self.head = hidden, activation, layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.head(self.activation(self.hidden(x)))


def test_a_loss_inside_a_step_of_ones_own_is_the_objective():
    model = keras.Sequential([layers.Input((4,)), layers.Dense(3)])
    model.compile("adam")
    assert of_keras(model) is None
    model.entropy = keras.losses.CategoricalCrossentropy(from_logits=True)
    found = of_keras(model)
    assert (found.kind, found.from_logits) == ("softmax", True)


def test_a_likelihood_of_ones_own_applies_a_softmax():
    def likelihood(labels, outputs):
        hot = tf.one_hot(tf.cast(tf.reshape(labels, [-1]), "int32"), 3)
        return -tf.reduce_sum(hot * tf.nn.log_softmax(outputs), -1)

    model = Net(layers.Dense(8), tf.nn.relu)
    model(np.zeros((2, 5), np.float32))
    model.compile("adam", likelihood)
    found = of_keras(model, units=3)
    assert (found.kind, found.sparse, found.from_logits) == ("softmax", True, True)


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        (lambda y, p: tf.reduce_mean(tf.square(p - y)), "error"),
        (lambda y, p: tf.reduce_mean(tf.abs(p - y), -1), "error"),
        (lambda y, p: 2 * tf.reduce_mean(tf.square(p - y)), "unknown"),
        (lambda y, p: -tf.reduce_mean(tf.square(p - y)), "unknown"),
    ],
)
def test_a_loss_of_ones_own_that_is_an_error_of_numbers(loss, kind):
    model = keras.Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", loss)
    assert of_keras(model).kind == kind


def test_code_of_ones_own_gets_labels_as_they_are_and_compile_gives_them_a_column():
    class Own(keras.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return tf.reduce_mean(tf.square(y_pred - y))

    first, labels, outputs = layers.Input((2,)), np.float32([0, 1]), np.float32([[0], [1]])
    own, compiled = (kind(first, layers.Dense(1)(first)) for kind in (Own, keras.Model))
    own.compile("sgd")
    compiled.compile("sgd", lambda y, p: tf.reduce_mean(tf.square(p - y)))
    assert [float(of_keras(model).losses(outputs, labels)[0]) for model in (own, compiled)] == [0.5, 0.0]


def test_the_total_is_what_the_step_minimises():
    model = keras.Sequential([layers.Input((2,)), layers.Dense(1)])
    outputs, labels = np.float32([[1], [2]]), np.float32([[0], [0]])
    for loss, total in (
        ("mse", 2.5),
        (keras.losses.MeanSquaredError(reduction="sum"), 5.0),
        (lambda y, p: tf.reduce_sum(tf.square(p - y)), 5.0),
        (lambda y, p: tf.square(p - y), 2.5),
    ):
        model.compile("sgd", loss)
        assert of_keras(model).total(outputs, labels) == total
