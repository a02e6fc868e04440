"""Layers of Keras as checks see them."""

import keras
import numpy as np
import pytest
from keras import layers

from exprun.doctor.instruments.layers import Layer, leaves, owners, top_layers


def relu(x):
    return keras.ops.maximum(x, 0)


class Norm(layers.BatchNormalization):
    pass


@pytest.mark.parametrize(
    ("activation", "linear"),
    [(None, True), ("linear", True), ("relu", False), (relu, False), (layers.LeakyReLU(), False), (lambda x: x, False)],
)
def test_whether_a_layer_ends_in_an_activation(activation, linear):
    assert Layer(layers.Dense(4, activation=activation)).is_linear == linear


def test_classes_of_keras_and_those_derived_from_them():
    norm, own = Layer(layers.BatchNormalization()), Layer(Norm())
    assert norm.isa("BatchNormalization")
    assert own.isa("BatchNormalization")
    assert not own.isa("Norm")  # not a class of Keras
    assert (norm.is_plain_batch_norm, own.is_plain_batch_norm) == (True, False)
    assert Layer(layers.LSTM(3)).isa("RNN")
    assert not Layer(layers.Bidirectional(layers.LSTM(3))).isa("RNN")


def test_the_numbers_of_a_layer():
    convolution, dropout, dense = layers.Conv2D(8, 3), layers.Dropout(0.5), layers.Dense(4)
    model = keras.Sequential([layers.Input((6, 5, 2)), convolution, layers.Flatten(), dropout, dense])
    assert (Layer(convolution).units, Layer(convolution).size) == (8, 3 * 3 * 2 * 8 + 8)
    assert Layer(convolution).map_size == (6, 5)
    assert Layer(dense).map_size is None
    assert Layer(layers.Conv2D(8, 3)).map_size is None
    assert Layer(dropout).rate == 0.5
    assert Layer(dropout).size == 0  # without the state of its random generator
    assert Layer(dense).kernel.shape == (96, 4)
    assert [layer.has_wide_kernel for layer in (Layer(convolution), Layer(layers.Conv2D(8, 1)))] == [True, False]
    convolution.trainable = False
    assert [layer.is_trained for layer in top_layers(model)] == [False, False, False, True]
    assert owners(model, dense.weights) == [Layer(dense)]


def test_layers_inside_of_others_are_leaves():
    inner = keras.Sequential([layers.Input((4,)), layers.Dense(4, name="inner")])
    model = keras.Sequential([layers.Input((4,)), inner, layers.Dense(2, name="last")])
    model(np.zeros((1, 4), np.float32))
    assert [layer.name for layer in leaves(model) if layer.is_weighted] == ["inner", "last"]
    assert [layer.layer for layer in top_layers(model)] == model.layers
