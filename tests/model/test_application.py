"""Networks of keras.applications: equal to Keras' own, filled from Keras' files and runs, frozen by stage."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from exprun.config.applications import APPLICATIONS, pretrained
from exprun.config.errors import RunError
from exprun.data import Split
from exprun.input import fit
from exprun.model import build
from exprun.model.application import application, fill
from exprun.model.build import freeze
from exprun.model.stages import stages
from exprun.trainer.memory import needed
from tiny import config

SMALL = "MobileNetV3Small"
SHAPE = (32, 32, 3)
MODULES = {
    "caffe": keras.applications.resnet,
    "imagenet": keras.applications.densenet,
    "symmetric": keras.applications.mobilenet_v2,
    "raw": keras.applications.efficientnet_v2,
}


def configured(*overrides: str, name: str = SMALL) -> Any:
    chosen = ["model=application", f"model.application={name}", "model.layers=null"]
    return config(*chosen, "data.size=32", "data.channels=3", *overrides)


def shaken(model: Any) -> Any:
    """The model with other weights; variances stay positive."""
    generator = np.random.default_rng(0)
    for variable in model.weights:
        if variable.dtype == "float32":
            variable.assign(np.abs(generator.normal(1.0, 0.2, variable.shape)) * np.asarray(variable.value + 0.01))
    return model


@pytest.fixture(scope="module")
def own():
    """Keras' own network with its head, for 1000 classes."""
    keras.utils.clear_session()
    return shaken(keras.applications.MobileNetV3Small(weights=None, input_shape=SHAPE, classifier_activation=None))


@pytest.fixture
def built():
    """The network with the head of Keras, and its part before the head."""
    keras.utils.clear_session()
    return application(configured("model.hidden=[1024]"), SHAPE, 1000)


def test_every_name_is_a_network_of_keras():
    assert set(APPLICATIONS) == {name for name in dir(keras.applications) if name[0].isupper()}


@pytest.mark.parametrize(
    "name", [SMALL, *(pytest.param(n, marks=pytest.mark.slow) for n in APPLICATIONS if n != SMALL)]
)
def test_the_facts_are_those_of_keras(name, monkeypatch):
    facts, make = APPLICATIONS[name], getattr(keras.applications, name)
    keras.utils.clear_session()
    for kind in (keras.initializers.VarianceScaling, keras.initializers.GlorotUniform):
        monkeypatch.setattr(kind, "__call__", lambda _, shape, dtype=None, **__: keras.ops.zeros(shape, dtype))
    model = make(include_top=False, weights=None, input_shape=(224, 224, 3), pooling="avg")
    assert (model.count_params(), model.output.shape[1]) == (facts.weights, facts.features)
    assert needed(model, "float32") == 4 * facts.outputs
    assert len(stages(model, 0)) == facts.stages
    with pytest.raises(ValueError, match=f"{facts.smallest}x{facts.smallest}"):
        make(include_top=False, weights=None, input_shape=(facts.smallest - 1,) * 2 + (3,))

    asked: list[Any] = []

    def noted(fname: str, origin: str, cache_subdir: str, file_hash: str | None = None) -> None:
        asked.append((fname, origin, file_hash, cache_subdir))
        raise KeyboardInterrupt

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", noted)
    with pytest.raises(KeyboardInterrupt):
        make(include_top=False, weights="imagenet", input_shape=(224, 224, 3))
    file = pretrained(configured(f"data.size={max(32, facts.smallest)}", name=name).model, (224, 224))
    assert asked == [(file.name, file.address, file.checksum, "models")]


@pytest.mark.parametrize("scaling", MODULES)
def test_the_scaling_is_that_of_preprocess_input(scaling):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), np.uint8)
    ours = fit(config(f"input={scaling}").input, Split(pixels, np.zeros(2, np.int32), np.arange(2)))
    wanted = MODULES[scaling].preprocess_input(pixels.astype(np.float32))
    np.testing.assert_allclose(ours(pixels.astype(np.float32)), wanted, atol=2e-5)


def test_the_network_is_keras_own(own, built):
    network, _ = built
    assert network.count_params() == own.count_params()
    for ours, theirs in zip(network.weights, own.weights, strict=True):
        ours.assign(np.reshape(theirs, ours.shape))  # Keras' head is of convolutions of 1×1
    pixels = np.random.default_rng(0).uniform(0, 255, (2, *SHAPE)).astype(np.float32)
    np.testing.assert_allclose(network(pixels), own(pixels), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "file", ["whole.keras", *(pytest.param(name, marks=pytest.mark.slow) for name in ("own.weights.h5", "whole.h5"))]
)
def test_the_layers_before_the_head_are_filled_from_files_with_a_head(own, built, file, tmp_path):
    network, backbone = built
    (own.save_weights if file.endswith(".weights.h5") else own.save)(tmp_path / file)
    before = [np.asarray(variable) for variable in network.get_layer("hidden1").weights]
    filled = fill(backbone, configured(f"model.weights={tmp_path / file}"), tmp_path / file)
    assert len(filled) == len([layer for layer in network.layers if layer.weights]) - 2
    for ours, theirs in zip(backbone.weights, own.weights, strict=False):
        np.testing.assert_array_equal(ours, theirs)
    for variable, old in zip(network.get_layer("hidden1").weights, before, strict=True):
        np.testing.assert_array_equal(variable, old)


@pytest.mark.parametrize(
    "file", ["other.keras", *(pytest.param(name, marks=pytest.mark.slow) for name in ("other.h5", "damaged.keras"))]
)
def test_a_file_of_another_network_is_refused(built, file, tmp_path):
    if file == "damaged.keras":
        (tmp_path / file).write_bytes(b"PK\x03\x04")
    else:
        keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]).save(tmp_path / file)
    with pytest.raises(RunError, match="does not hold the weights of MobileNetV3Small"):
        fill(built[1], configured(f"model.weights={tmp_path / file}"), tmp_path / file)


@pytest.mark.slow
def test_a_checkpoint_with_other_classes_and_head_fills_the_rest(built, tmp_path):
    trained = shaken(built[0])
    np.savez(tmp_path / "run.npz", **{f"model/{variable.path}": np.asarray(variable) for variable in trained.weights})
    keras.utils.clear_session()
    made = build(configured(f"model.weights={tmp_path / 'run.npz'}", "model.hidden=[8]"), SHAPE, 5)
    assert not {"hidden1", "classifier"} & set(made.loaded)
    np.testing.assert_array_equal(made.model.get_layer("conv").kernel, trained.get_layer("conv").kernel)


def test_stages_end_where_feature_maps_become_smaller():
    x = inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(2, 3, padding="same", name="a")(x)
    x = keras.layers.MaxPooling2D()(x)
    y = keras.layers.Conv2D(2, 1, name="b")(x)
    z = keras.layers.Conv2D(2, 3, strides=2, padding="same", name="c")(y)
    x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Conv2D(2, 1, name="d")(keras.layers.Add()([x, z]))
    x = keras.layers.Dense(2, name="head")(keras.layers.GlobalAveragePooling2D()(x))
    found = stages(keras.Model(inputs, x), head=1)
    assert [{layer.name for layer in stage} for stage in found] == [{"a"}, {"b"}, {"c", "d"}]


FROZEN: dict[str, Callable[[int], bool]] = {
    "backbone": lambda stage: stage <= 5,
    "stage1-2": lambda stage: stage <= 2,
    "[stage2,expanded_conv_10*]": lambda stage: stage == 2,
}


def test_stages_are_frozen_by_name_and_have_learning_rates_of_their_own():
    keras.utils.clear_session()
    made = build(configured("model.layer_decay=0.5", "model.hidden=[8]"), SHAPE, 5)
    for pattern, expected in FROZEN.items():
        freeze(made.model, pattern.strip("[]").split(","), made.stages)
        for number, layers in enumerate(made.stages, start=1):
            for layer in layers:
                named = pattern.startswith("[") and layer.name.startswith("expanded_conv_10")
                assert layer.trainable == (not (expected(number) or named)), layer.name
                layer.trainable = True
        assert made.model.get_layer("classifier").trainable
    for number, layers in enumerate(made.stages, start=1):
        found = {made.multipliers[v.path] for layer in layers for v in layer.trainable_variables}
        assert found == {0.5 ** (6 - number)}
    assert not {path for path in made.multipliers if path.startswith(("hidden", "classifier"))}


def test_the_momentum_of_batch_norms_is_set():
    keras.utils.clear_session()
    network, _ = application(configured("model.norm_momentum=0.8"), SHAPE, 5)
    found = {one.momentum for one in network.layers if isinstance(one, keras.layers.BatchNormalization)}
    assert found == {0.8}


@pytest.mark.slow
def test_efficientnet_scales_pixels_as_with_keras_own_weights(tmp_path, monkeypatch):
    keras.utils.clear_session()
    own = shaken(keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=SHAPE, pooling="avg"))
    norm = next(layer for layer in own.layers if type(layer) is keras.layers.Normalization)
    norm.adapt_mean.assign([0.485, 0.456, 0.406])
    norm.adapt_variance.assign([0.229, 0.224, 0.225])  # as in Keras' file
    own.save(tmp_path / "b0.h5")
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(tmp_path / "b0.h5"))
    wanted = keras.applications.EfficientNetB0(include_top=False, input_shape=SHAPE, pooling="avg")
    settings = configured(name="EfficientNetB0")
    _, backbone = application(settings, SHAPE, 5)
    fill(backbone, settings, tmp_path / "b0.h5")
    pixels = np.random.default_rng(0).uniform(0, 255, (2, *SHAPE)).astype(np.float32)
    np.testing.assert_allclose(backbone(pixels), wanted(pixels), rtol=1e-4, atol=1e-5)
