"""All checks of a network of Keras as it is built: what is found, and that nothing else is."""

import keras
import numpy as np
import pytest
from keras import layers

from doctor.contexts import context_of
from exprun.doctor.cause import Phase
from exprun.doctor.diagnosis import examine
from exprun.norm import LocalResponseNormalization


def network(*hidden, inputs=(8, 8, 1), classes=4):
    first = x = keras.Input(inputs)
    for layer in hidden:
        x = layer(x)
    return keras.Model(first, layers.Dense(classes, name="last")(x))


def causes(model, loaded=()):
    return [f.cause for f in examine(context_of(model=model, loaded=frozenset(loaded)), Phase.SETUP)]


def test_a_network_without_faults():
    model = network(layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.Flatten())
    assert causes(model) == []


def test_a_loaded_model(tmp_path):
    inputs = keras.Input((8, 8, 1))
    layers.Rescaling(1 / 255)(inputs)
    keras.Model(inputs, layers.Dense(4)(layers.Flatten()(inputs))).save(tmp_path / "model.keras")
    assert causes(keras.models.load_model(tmp_path / "model.keras")) == ["reloaded-model"]


def test_weights_without_an_activation_between_them():
    hidden = [layers.Conv2D(4, 3), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(8)]
    assert causes(network(*hidden)) == ["missing-nonlinearity"]
    assert causes(network(*hidden, layers.Activation("tanh"))) == []
    for norm in (layers.LayerNormalization(), LocalResponseNormalization(5, 1.0, 1e-4, 0.75)):
        assert causes(network(hidden[0], norm, *hidden[1:])) == ["missing-nonlinearity"]


def test_pools_along_one_axis_are_no_activation():
    hidden = [layers.Conv1D(4, 3), layers.BatchNormalization(), layers.AveragePooling1D(2), layers.GlobalMaxPooling1D()]
    assert causes(network(*hidden, inputs=(16, 2))) == ["missing-nonlinearity"]
    assert causes(network(hidden[0], layers.ReLU(), *hidden[1:], inputs=(16, 2))) == []


def test_operations_outside_layers_may_be_activations():
    first = keras.Input((8,))
    x = keras.ops.relu(layers.Dense(8)(first))
    assert causes(keras.Model(first, layers.Dense(4)(x))) == []


class Block(layers.Layer):
    """A layer of layers, whose code may do anything between them."""

    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(8)

    def call(self, x):
        return keras.ops.relu(self.inner(x))


def test_a_block_of_ones_own_may_hold_the_activation():
    assert causes(network(Block(), Block(), inputs=(5,))) == []


def test_frozen_layers_matter_while_their_weights_are_fresh():
    model = network(layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(32, activation="relu"))
    assert causes(model) == []
    for layer in model.layers[:-1]:
        layer.trainable = False
    assert causes(model) == ["frozen-layers"]
    assert causes(model, [layer.name for layer in model.layers]) == []
    for layer in model.layers:
        layer.set_weights([w + 0.1 * np.random.default_rng(0).random(w.shape) for w in layer.get_weights()])
    assert causes(model) == []  # they have been trained somewhere


@pytest.mark.parametrize("value", ["zeros", keras.initializers.Constant(0.1)])
def test_units_that_start_alike(value):
    hidden = layers.Dense(8, activation="relu", kernel_initializer=value)
    assert causes(network(layers.Flatten(), hidden)) == ["symmetric-init"]
    first = x = keras.Input((8,))
    x = layers.Dense(8, activation="relu")(x)
    assert causes(keras.Model(first, layers.Dense(4, kernel_initializer=value)(x))) == []  # a last layer may
    norm = layers.LayerNormalization(axis=(1, 2, 3))  # its scales all start at 1
    assert causes(network(layers.Conv2D(4, 3), norm, layers.ReLU(), layers.Flatten())) == []
    assert causes(keras.Sequential([layers.Input((4, 3)), layers.GRU(5), layers.Dense(2)])) == []


def test_dropout_of_nearly_everything_and_before_a_norm():
    start = [layers.Flatten(), layers.Dense(8, activation="relu")]
    assert causes(network(*start, layers.Dropout(0.5))) == []
    assert causes(network(*start, layers.Dropout(0.9))) == ["excessive-dropout"]
    assert causes(network(*start, layers.Dropout(0.5), layers.BatchNormalization())) == ["dropout-before-norm"]


def test_narrow_places():
    assert causes(network(layers.Flatten(), layers.Dense(1, activation="relu"))) == ["collapsed-features"]
    pooled = [layers.Conv2D(4, 3, padding="same", activation="relu"), layers.MaxPooling2D(8)]
    blind = [layers.Conv2D(8, 3, padding="same", activation="relu") for _ in range(2)]
    assert causes(network(*pooled, *blind, layers.Flatten())) == ["collapsed-features"]
    assert causes(network(*pooled, layers.Flatten())) == []


@pytest.mark.parametrize(("arguments", "said"), [((3, 3), ["collapsed-features"]), ((3, 2), []), (((3, 3),), [])])
def test_strides_in_the_place_of_a_second_side_of_the_kernel(arguments, said):
    convolutions = [layers.Conv2D(8, *arguments, activation="relu") for _ in range(2)]
    assert causes(network(*convolutions, layers.GlobalAveragePooling2D(), inputs=(27, 27, 1))) == said


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (layers.LSTM(1), ["collapsed-features"]),
        (layers.LSTM(8), []),
        (layers.Bidirectional(layers.GRU(1)), []),
        (layers.Bidirectional(layers.GRU(8)), []),
    ],
)
def test_a_last_state_of_one_number(layer, said):
    assert causes(network(layer, inputs=(8, 3))) == said


def test_a_narrow_layer_beside_the_way_is_none():
    first = keras.Input((6, 5))
    scores = layers.Softmax(axis=1)(layers.Dense(1, activation="tanh")(first))
    x = layers.Flatten()(layers.Multiply()([first, scores]))
    assert causes(keras.Model(first, layers.Dense(4)(x))) == []


class Attention(layers.Layer):
    """Weighs the rows of a sequence by scores of its own."""

    def __init__(self):
        super().__init__()
        self.scores = layers.Dense(1)

    def call(self, inputs):
        return keras.ops.sum(inputs * keras.ops.softmax(self.scores(inputs), axis=1), 1)


def test_the_scores_of_attention_are_no_narrow_layer():
    first = keras.Input((6, 5))
    assert causes(keras.Model(first, layers.Dense(4)(Attention()(first)))) == []


@pytest.mark.parametrize("pools", [True, False])
def test_filters_that_become_fewer_on_smaller_maps(pools):
    pool = [layers.MaxPooling2D()] if pools else []
    first, second = (layers.Conv2D(count, 3, padding="same", activation="relu") for count in (32, 16))
    assert causes(network(first, *pool, second, layers.Flatten())) == ["shrinking-filters"] * pools


@pytest.mark.parametrize(("factor", "said"), [(0.9, ["strong-augmentation"]), ((-0.1, 0.1), []), (0.4, [])])
def test_colours_that_become_any_others(factor, said):
    model = network(layers.RandomHue(factor, value_range=(0, 1)), layers.Flatten(), inputs=(8, 8, 3))
    assert causes(model) == said


@pytest.mark.parametrize(("activation", "said"), [("softmax", ["erasing-layer"]), ("linear", [])])
def test_a_softmax_over_one_unit_that_weighs_the_steps_of_a_sequence(activation, said):
    steps = keras.Input((5, 6))
    scores = layers.TimeDistributed(layers.Dense(1, activation=activation))(layers.GRU(4, return_sequences=True)(steps))
    weights = layers.Flatten()(scores if activation == "softmax" else layers.Softmax(axis=1)(scores))
    model = keras.Model(steps, layers.Dense(3)(layers.Dot(axes=1)([weights, steps])))
    assert causes(model) == said
