"""Whether weights are those of their initialiser."""

import keras
import numpy as np
import pytest
from keras import layers

from exprun.doctor.instruments.freshness import is_fresh
from exprun.doctor.instruments.layers import Layer


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dense(64),
        layers.Dense(64, use_bias=False),
        layers.Conv2D(16, 3, kernel_initializer="he_normal"),
        layers.Embedding(50, 16),
        layers.BatchNormalization(),
        layers.Dense(4, kernel_initializer="zeros"),
    ],
)
def test_weights_are_fresh_until_they_are_trained(layer):
    layer.build({layers.Conv2D: (None, 8, 8, 3), layers.Embedding: (None, 4)}.get(type(layer), (None, 32)))
    assert is_fresh(Layer(layer))
    layer.set_weights([w + np.random.default_rng(0).normal(size=w.shape) for w in layer.get_weights()])
    assert not is_fresh(Layer(layer))


def test_the_random_generator_of_an_initialiser_is_left_as_it_was():
    seeds = keras.random.SeedGenerator(0)
    layer = layers.Dense(64, kernel_initializer=keras.initializers.HeNormal(seeds))
    layer.build((None, 32))
    state = np.array(seeds.state)
    assert is_fresh(Layer(layer))
    assert np.array_equal(state, np.array(seeds.state))


def test_a_table_that_is_given_as_a_constant_is_not_fresh():
    vectors = np.random.default_rng(0).normal(size=(10, 4))
    table = keras.layers.Embedding(10, 4, embeddings_initializer=keras.initializers.Constant(vectors))
    table.build((None, 3))
    assert not is_fresh(Layer(table))
