"""What the connections between the layers of a model show."""

import keras
import pytest
from keras import layers

from exprun.doctor.instruments.graph import (
    dead_ends,
    dropped,
    has_own_code,
    is_from_file,
    is_masked,
    unclipped_recurrence,
)
from exprun.doctor.instruments.layers import Layer, leaves
from exprun.kernels import faster


def network(*hidden, inputs=(8, 8, 1)):
    first = x = keras.Input(inputs)
    for layer in hidden:
        x = layer(x)
    return keras.Model(first, layers.Dense(4)(x))


def blocks():
    return layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.Flatten()


@pytest.mark.parametrize("where", ["input", "middle", "nested"])
def test_layers_whose_result_is_dropped(where):
    first = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, activation="relu")(first)
    calls = {
        "input": lambda: layers.Rescaling(1 / 255, name="lost")(first),
        "middle": lambda: layers.BatchNormalization(name="lost")(x),
        "nested": lambda: keras.Sequential([layers.RandomFlip(), layers.Rescaling(1 / 255)], name="lost")(first),
    }
    calls[where]()
    found = dropped(keras.Model(first, layers.Dense(4)(layers.Flatten()(x))))
    assert [layer.name for layer in found] == ["lost"]


@pytest.mark.usefixtures("mixed")
def test_a_path_of_dropped_layers_begins_where_the_network_goes_another_way():
    pixels = keras.Input((8, 8, 1), name="pixels")
    x = layers.Rescaling(1 / 255, name="scale")(layers.RandomFlip(name="flip")(pixels))
    layers.RandomZoom(0.1, name="zoom")(x)
    model = keras.Model(pixels, layers.Flatten(name="flat")(pixels))
    assert dead_ends(dropped(model)) == [(["pixels", "flip", "scale", "zoom"], ["flat"])]


def test_dropped_layers_that_are_called_in_a_circle_have_a_path():
    rows = keras.Input((4,))
    one, other = layers.Dense(4, name="one"), layers.Dense(4, name="other")
    layers.Dense(2, name="last")(one(other(one(rows))))
    found = dead_ends(dropped(keras.Model(rows, layers.Dense(2)(rows))))
    assert [path[-1] for path, _ in found] == ["last"]


@pytest.mark.usefixtures("mixed")
def test_casts_of_mixed_precision_are_no_dropped_layers():
    x = first = keras.Input((8, 8, 1))
    layers.Rescaling(1 / 255, name="lost")(first)
    for layer in blocks():
        x = layer(x)
    lost = keras.Model(first, layers.Dense(4, dtype="float32")(x))
    assert [layer.name for layer in dropped(lost)] == ["lost"]
    assert dropped(network(*blocks())) == []


def test_another_model_on_the_same_layers_drops_nothing():
    model = network(*blocks())
    assert faster(model, cpu=True) is not model
    keras.Model(model.inputs, [layer.output for layer in model.layers[1:]])
    assert dropped(model) == []


def test_a_model_from_a_file(tmp_path):
    built = {
        "functional": network(layers.Flatten()),
        "sequence": keras.Sequential([layers.Input((3,)), layers.Dense(2)]),
    }
    for name, model in built.items():
        assert not is_from_file(model)
        model.save(tmp_path / f"{name}.keras")
        assert is_from_file(keras.models.load_model(tmp_path / f"{name}.keras")) == (name == "functional")


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(4)

    def call(self, x):
        return self.inner(x)


def test_models_of_which_a_list_of_layers_shows_all_and_others():
    first = keras.Input((5,))
    nested = keras.Sequential([layers.Input((5,)), layers.Dense(4)])
    plain = [nested, keras.Sequential([layers.Input((5,)), nested]), keras.Model(first, nested(first))]
    other = keras.Model(first, keras.ops.relu(layers.Dense(4)(first)))
    assert [has_own_code(model) for model in plain] == [False] * 3
    for model in (other, Own(), keras.Sequential([layers.Input((5,)), other]), keras.Model(first, Own()(first))):
        assert has_own_code(model)


@pytest.mark.parametrize(
    ("layer", "clipnorm", "said"), [("SimpleRNN", None, True), ("LSTM", None, False), ("SimpleRNN", 1.0, False)]
)
def test_a_plain_recurrence_without_clipping(layer, clipnorm, said):
    model = network(getattr(layers, layer)(4), inputs=(8, 3))
    model.compile(keras.optimizers.SGD(clipnorm=clipnorm), "mse")
    assert bool(unclipped_recurrence(model)) == said


@pytest.mark.parametrize("mask_zero", [True, False])
def test_whether_a_mask_reaches_a_layer(mask_zero, tmp_path):
    hidden = [layers.Embedding(9, 4, mask_zero=mask_zero), layers.Dropout(0.1), layers.GRU(3)]
    model = network(*hidden, inputs=(6,))
    assert is_masked(Layer(hidden[-1])) == mask_zero
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert is_masked(Layer(loaded.layers[-2])) == mask_zero


def autoencoder():
    """A model of two models, of which the first one was built on the input of the whole."""
    x = keras.Input((8, 8, 1))
    encoder = keras.Model(x, layers.Dense(4, name="code")(layers.Flatten()(layers.Conv2D(2, 3, name="first")(x))))
    code = keras.Input((4,))
    decoder = keras.Model(code, layers.Dense(64, name="last")(layers.Dense(8, name="middle")(code)))
    return keras.Model(x, decoder(encoder(x)))


def test_a_model_that_was_built_on_the_input_of_another_is_no_stranger():
    assert dropped(autoencoder()) == []


def test_the_layers_inside_of_a_model_are_in_its_order():
    assert [leaf.name for leaf in leaves(autoencoder()) if leaf.is_weighted] == ["first", "code", "middle", "last"]


def test_layers_of_another_network_are_not_dropped():
    first = keras.Input((4,))
    shared = layers.Dense(4, activation="relu")(first)
    one, other = keras.Model(first, layers.Dense(2)(shared)), keras.Model(first, layers.Dense(3, name="own")(shared))
    assert (dropped(one), dropped(other)) == ([], [])
    layers.Dense(5, name="lost")(shared)
    assert [layer.name for layer in dropped(one)] == ["lost"]


@pytest.mark.parametrize(("activation", "said"), [("relu", True), ("tanh", False)])
def test_a_recurrent_layer_whose_state_has_no_upper_limit(activation, said):
    model = keras.Sequential([keras.Input((5, 2)), layers.LSTM(4, activation=activation), layers.Dense(1)])
    model.compile("adam", "mse")
    assert ("has no upper limit" in unclipped_recurrence(model)) == said
