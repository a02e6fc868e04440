"""Checks of a model as it is built."""

import keras
import numpy as np
import pytest
from keras import layers

from exprun.doctor import graph
from exprun.doctor.callback import limits_of
from exprun.kernels import faster
from exprun.norm import LocalResponseNormalization

LIMITS = limits_of({})


def network(*hidden, inputs=(8, 8, 1), classes=4):
    first = x = keras.Input(inputs)
    for layer in hidden:
        x = layer(x)
    return keras.Model(first, layers.Dense(classes, name="last")(x))


def causes(model, loaded=()):
    return [f.cause for f in graph.check_graph(model, set(loaded), LIMITS)]


def test_a_network_without_faults():
    model = network(layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.Flatten())
    assert causes(model) == []


@pytest.mark.parametrize("where", ["input", "middle", "nested"])
def test_layers_whose_result_is_dropped(where):
    first = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, activation="relu")(first)
    dropped = {
        "input": lambda: layers.Rescaling(1 / 255, name="lost")(first),
        "middle": lambda: layers.BatchNormalization(name="lost")(x),
        "nested": lambda: keras.Sequential([layers.RandomFlip(), layers.Rescaling(1 / 255)], name="lost")(first),
    }
    dropped[where]()
    [found] = graph.check_bypassed(keras.Model(first, layers.Dense(4)(layers.Flatten()(x))))
    assert found.cause == "bypassed-layers"
    assert "lost" in found.where


@pytest.mark.usefixtures("mixed")
def test_casts_of_mixed_precision_are_no_dropped_layers():
    x = first = keras.Input((8, 8, 1))
    layers.Rescaling(1 / 255, name="lost")(first)
    for layer in (layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.Flatten()):
        x = layer(x)
    lost = keras.Model(first, layers.Dense(4, dtype="float32")(x))
    kept = network(layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.Flatten())
    assert causes(kept) == []
    [found] = graph.check_bypassed(lost)
    assert found.where == "layer lost"


def test_a_loaded_model_cannot_show_what_was_dropped(tmp_path):
    inputs = keras.Input((8, 8, 1))
    keras.layers.Rescaling(1 / 255)(inputs)
    keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(inputs))).save(tmp_path / "model.keras")
    found = list(graph.check_graph(keras.models.load_model(tmp_path / "model.keras"), set(), LIMITS))
    assert [(f.cause, f.severity) for f in found] == [("reloaded-model", "note")]


def test_another_model_on_the_same_layers_drops_nothing():
    model = network(layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.Flatten())
    assert faster(model, cpu=True) is not model
    keras.Model(model.inputs, [layer.output for layer in model.layers[1:]])
    assert causes(model) == []


def test_weights_without_an_activation_between_them():
    hidden = [layers.Conv2D(4, 3), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(8)]
    assert causes(network(*hidden)) == ["missing-nonlinearity"]
    assert causes(network(*hidden, layers.Activation("tanh"))) == []
    for norm in (layers.LayerNormalization(), LocalResponseNormalization(5, 1.0, 1e-4, 0.75)):
        assert causes(network(hidden[0], norm, *hidden[1:])) == ["missing-nonlinearity"]
    assert causes(network(layers.Flatten())) == []  # a linear classifier is what it is meant to be


def test_operations_outside_layers_may_be_activations():
    first = keras.Input((8,))
    x = keras.ops.relu(layers.Dense(8)(first))
    assert causes(keras.Model(first, layers.Dense(4)(x))) == []


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


def test_dropout_of_nearly_everything_and_before_a_norm():
    start = [layers.Flatten(), layers.Dense(8, activation="relu")]
    assert causes(network(*start, layers.Dropout(0.5))) == []
    assert causes(network(*start, layers.Dropout(0.9))) == ["excessive-dropout"]
    found = list(graph.check_graph(network(*start, layers.Dropout(0.5), layers.BatchNormalization()), set(), LIMITS))
    assert [(f.cause, f.severity) for f in found] == [("dropout-before-norm", "note")]


def test_narrow_places():
    assert causes(network(layers.Flatten(), layers.Dense(1, activation="relu"))) == ["collapsed-features"]
    pooled = [layers.Conv2D(4, 3, padding="same", activation="relu"), layers.MaxPooling2D(8)]
    blind = [layers.Conv2D(8, 3, padding="same", activation="relu") for _ in range(2)]
    assert causes(network(*pooled, *blind, layers.Flatten())) == ["collapsed-features"]
    assert causes(network(*pooled, layers.Flatten())) == []


@pytest.mark.parametrize(("filters", "said"), [((16, 32), []), ((32, 16), ["shrinking-filters"]), ((32, 24), [])])
@pytest.mark.parametrize("pools", [True, False])
def test_filters_that_become_fewer_on_smaller_maps_are_a_note(filters, said, pools):
    pool = [layers.MaxPooling2D()] if pools else []
    first, second = (layers.Conv2D(count, 3, padding="same") for count in filters)
    found = list(graph.check_filters(network(first, *pool, second, layers.Flatten())))
    assert [f.cause for f in found] == (said if pools else [])
    assert all(f.severity == "note" for f in found)


@pytest.mark.parametrize(
    ("layer", "clipnorm", "said"), [("SimpleRNN", None, True), ("LSTM", None, False), ("SimpleRNN", 1.0, False)]
)
def test_a_plain_recurrence_without_clipping(layer, clipnorm, said):
    model = network(getattr(layers, layer)(4), inputs=(8, 3))
    model.compile(keras.optimizers.SGD(clipnorm=clipnorm), "mse")
    assert bool(graph.unclipped_recurrence(model)) == said


def test_pools_along_one_axis_are_no_activation():
    hidden = [layers.Conv1D(4, 3), layers.BatchNormalization(), layers.AveragePooling1D(2), layers.GlobalMaxPooling1D()]
    assert causes(network(*hidden, inputs=(16, 2))) == ["missing-nonlinearity"]
    assert causes(network(hidden[0], layers.ReLU(), *hidden[1:], inputs=(16, 2))) == []


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
    found = list(graph.check_graph(network(layer, inputs=(8, 3)), set(), LIMITS))
    assert [f.cause for f in found] == said
    assert all("the memory of the layer" in f.keras for f in found)


def test_a_narrow_layer_beside_the_way_is_none():
    first = keras.Input((6, 5))
    scores = layers.Softmax(axis=1)(layers.Dense(1, activation="tanh")(first))
    x = layers.Flatten()(layers.Multiply()([first, scores]))
    assert causes(keras.Model(first, layers.Dense(4)(x))) == []


@pytest.mark.parametrize(("factor", "said"), [(0.9, ["strong-augmentation"]), ((-0.1, 0.1), []), (0.4, [])])
def test_colours_that_become_any_others(factor, said):
    model = network(layers.RandomHue(factor, value_range=(0, 1)), layers.Flatten(), inputs=(8, 8, 3))
    assert causes(model) == said


class Block(layers.Layer):
    """A layer of layers, whose code may do anything between them."""

    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(8)

    def call(self, x):
        return keras.ops.relu(self.inner(x))


def test_a_block_of_ones_own_may_hold_the_activation():
    assert causes(network(Block(), Block(), inputs=(5,))) == []


def test_the_bias_of_a_gated_layer_is_no_matrix():
    model = keras.Sequential([layers.Input((4, 3)), layers.GRU(5), layers.Dense(2)])
    assert list(graph.check_symmetric(model)) == []


@pytest.mark.parametrize(("rate", "said"), [(0.6, ["excessive-dropout"]), (0.1, [])])
def test_many_dropouts_together_leave_nothing(rate, said):
    parts = [part for _ in range(5) for part in (layers.Dense(8, activation="relu"), layers.Dropout(rate))]
    found = graph.check_dropout_depth(keras.Sequential([layers.Input((4,)), *parts]), 9)
    assert [f.cause for f in found] == said
