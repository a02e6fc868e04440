"""Weights to start from: which file, which layer takes which, and what is refused."""

import functools
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest

from exprun.config.errors import ConfigError, RunError
from exprun.config.weights import find_weights
from exprun.input import fit
from exprun.model import build
from exprun.model.weights import load_weights
from exprun.network_interface import save_keras
from tiny import SESSION, checkpoint, config, tiny

SHAPE = (32, 32, 3)  # of the digits
LAYERS = ["conv1", "conv1_norm", "conv2", "conv2_norm", "dense1", "dense1_norm"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on ten classes, and its best weights as `tracking.model=keras` writes them."""
    result = tiny("trainer.epochs=1", f"run_dir={tmp_path_factory.mktemp('trained') / 'run'}")
    dataset = SESSION.dataset(composed())
    scaling, model = fit(composed().input, dataset.train), model_of()
    for variable in model.weights:
        variable.assign(checkpoint(result, "best")[f"model/{variable.path}"])
    save_keras(result.run_dir / "model.keras", model, scaling, dataset.image_shape)
    return result


composed = functools.cache(config)


def model_of(*overrides: str, shape=SHAPE, classes: int = 10):
    """A model that starts otherwise than the run's did: other seed, biases that are not 0."""
    return build(composed("seed=5", "init.bias=0.5", *overrides), shape, classes).model


def weights_of(model) -> list[np.ndarray]:
    return [variable.numpy() for variable in model.weights]


def layer_weights(model, name: str) -> list[np.ndarray]:
    return weights_of(model.get_layer(name))


def keras_model(*filters: int, dense=(), bias: bool = True, channels: int = 3, norm: bool = False):
    """Of another builder: 3×3 convolutions, each followed by a norm where asked; all weights are random."""
    inputs = x = keras.Input((8, 8, channels))
    for count in filters:
        x = keras.layers.Conv2D(count, 3, padding="same", use_bias=bias)(x)
        x = keras.layers.BatchNormalization()(x) if norm else x
    x = keras.layers.GlobalAveragePooling2D()(x)
    for units in dense:
        x = keras.layers.Dense(units)(x)
    return shaken(keras.Model(inputs, x))


def shaken(model):
    generator = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(generator.normal(size=variable.shape))
    return model


def published(path, layers: dict[str, dict[str, np.ndarray]], group: str | None = None):
    """A file as Keras 1 and 2 wrote it: names as byte strings, of layers and of the weights of each."""
    with h5py.File(path, "w") as file:
        root = file.create_group(group) if group else file
        root.attrs["layer_names"] = [name.encode() for name in layers]
        for name, weights in layers.items():
            root.create_group(name).attrs["weight_names"] = np.array([key.encode() for key in weights], "S40")
            for key, array in weights.items():
                root[name][key] = array
    return path


def vgg(*shapes: tuple[int, ...], bias: bool = True) -> dict[str, dict[str, np.ndarray]]:
    """Layers named as in Keras' VGG16; z…a, so that the order of the alphabet is not that of the network."""
    generator, layers = np.random.default_rng(0), {"input_1": {}}
    for index, shape in enumerate(shapes):
        name = f"{'zyxw'[index]}_conv1" if len(shape) == 4 else f"{'fedc'[index]}c"
        layers[name] = {f"{name}_W_1:0": generator.normal(size=shape).astype(np.float32)}
        if bias:
            layers[name][f"{name}_b_1:0"] = generator.normal(size=shape[-1]).astype(np.float32)
        layers[f"{name}_pool"] = {}
    return layers


def arrays_of(layers: dict[str, dict[str, np.ndarray]]) -> list[np.ndarray]:
    return [array for weights in layers.values() for array in weights.values()]


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


SMALL = "model.layers=[{conv: 4},{pool: max},{conv: 6},flatten,{dense: 5}]"


# Our checkpoints


@pytest.mark.parametrize("place", ["", "checkpoints/best.npz", "model.keras"])
def test_a_run_gives_all_its_weights(trained, place):
    model = model_of()
    assert load_weights(model, find_weights(str(trained.run_dir / place))) == [*LAYERS, "classifier"]
    best = checkpoint(trained, "best")
    for variable in model.weights:
        np.testing.assert_array_equal(variable.numpy(), best[f"model/{variable.path}"])


@pytest.mark.parametrize("place", ["", "model.keras"])
def test_with_other_classes_the_classifier_stays_as_initialised(trained, place):
    model = model_of(classes=3)
    before = layer_weights(model, "classifier")
    assert load_weights(model, find_weights(str(trained.run_dir / place))) == LAYERS
    assert_same(layer_weights(model, "classifier"), before)
    np.testing.assert_array_equal(
        model.get_layer("conv2").kernel.numpy(), checkpoint(trained, "best")["model/conv2/kernel"]
    )


def test_a_run_starts_from_another_with_other_classes(trained):
    result = tiny(
        "data.classes=[0,1,2]", "trainer.epochs=1", "optim.learning_rate=1e-12", f"model.weights={trained.run_dir}"
    )
    before, after = checkpoint(trained, "best"), checkpoint(result)
    np.testing.assert_allclose(after["model/conv1/kernel"], before["model/conv1/kernel"], atol=1e-6)
    assert after["model/classifier/kernel"].shape == (32, 3)


def test_layers_are_found_by_path_whatever_their_number(trained):
    model = model_of("model.layers=[{conv: 8},{conv: 16},{conv: 4},flatten]")
    before = layer_weights(model, "conv3")
    assert load_weights(model, find_weights(str(trained.run_dir))) == LAYERS[:4]
    assert_same(layer_weights(model, "conv3"), before)


@pytest.mark.parametrize("place", ["", "model.keras"])
def test_another_shape_is_refused_and_nothing_assigned(trained, place):
    model = model_of("model.layers=[{conv: 8},{pool: max},{conv: 24},{pool: max},flatten,{dense: 32}]")
    before = weights_of(model)
    with pytest.raises(
        RunError, match=r"conv2.*\(3, 3, 8, 16\).* for conv2 of \(3, 3, 8, 24\); use the model"
    ) as error:
        load_weights(model, find_weights(str(trained.run_dir / place)))
    assert "\n" not in str(error.value)
    assert_same(weights_of(model), before)


def test_a_norm_of_another_kind_is_refused(trained):
    with pytest.raises(RunError, match="for conv1_norm of"):
        load_weights(model_of("norm=group"), find_weights(str(trained.run_dir)))


@pytest.mark.parametrize("place", ["", "model.keras"])
def test_a_bias_that_the_weights_lack_is_refused(trained, place):
    with pytest.raises(RunError, match=r"for conv1 of .*lacks the bias"):
        load_weights(model_of("norm=none"), find_weights(str(trained.run_dir / place)))


def test_a_bias_in_a_checkpoint_without_a_place_is_refused(tmp_path):
    kernel, bias = np.ones((3, 3, 3, 8), np.float32), np.ones(8, np.float32)
    np.savez(tmp_path / "a.npz", **{"model/conv1/bias": bias, "model/conv1/kernel": kernel})
    with pytest.raises(RunError, match=r"bias has no place.*use norm=none"):
        load_weights(model_of(), tmp_path / "a.npz")


@pytest.mark.parametrize("key", ["optimizer/conv1/kernel", "conv1/kernel", "model/conv9/kernel"])
def test_a_checkpoint_of_no_such_layer_is_refused(tmp_path, key):
    np.savez(tmp_path / "a.npz", **{key: np.ones((3, 3, 3, 8), np.float32)})
    with pytest.raises(RunError, match="has nothing for any layer"):
        load_weights(model_of(), tmp_path / "a.npz")


# Keras files


@pytest.mark.parametrize("group", [None, "model_weights"])
def test_the_published_layout_without_top(tmp_path, group):
    layers = vgg((3, 3, 3, 4), (3, 3, 4, 6))
    path = published(tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", layers, group)
    model = model_of("norm=none", SMALL, shape=(8, 8, 3))
    before = layer_weights(model, "dense1") + layer_weights(model, "classifier")
    assert load_weights(model, find_weights(str(path))) == ["conv1", "conv2"]
    assert_same(weights_of(model)[:4], arrays_of(layers))
    assert_same(weights_of(model)[4:], before)


def test_the_published_layout_with_top(tmp_path):
    layers = vgg((3, 3, 3, 4), (3, 3, 4, 6), (96, 5), (5, 10))
    path = published(tmp_path / "vgg.h5", layers)
    model = model_of("norm=none", SMALL, shape=(8, 8, 3))
    assert load_weights(model, path) == ["conv1", "conv2", "dense1", "classifier"]
    assert_same(weights_of(model), arrays_of(layers))
    assert load_weights(model_of("norm=none", SMALL, shape=(8, 8, 3), classes=7), path) == ["conv1", "conv2", "dense1"]


@pytest.mark.parametrize(
    ("dense", "taken"),
    [
        ([(96, 5), (5, 5), (5, 10)], ["dense1", "classifier"]),  # more hidden layers than the model
        ([(96, 10)], []),  # fewer: its only one is its classifier
        ([(96, 5)], ["dense1"]),  # cut off before its classifier
    ],
)
def test_the_last_dense_layer_of_a_file_is_its_classifier(tmp_path, dense, taken):
    layers = {f"layer{index}": weights for index, weights in enumerate(vgg((3, 3, 3, 4), *dense).values())}
    path = published(tmp_path / "a.h5", layers)
    model = model_of("norm=none", SMALL, shape=(8, 8, 3))
    assert load_weights(model, path) == ["conv1", *taken]
    if "classifier" in taken:
        assert_same(layer_weights(model, "classifier"), arrays_of(layers)[-2:])


def test_a_split_list_of_layers_is_read_whole(tmp_path):
    layers = vgg((3, 3, 3, 4), (3, 3, 4, 6))
    path = published(tmp_path / "a.h5", layers)
    with h5py.File(path, "a") as file:
        names = list(file.attrs.pop("layer_names"))
        file.attrs["layer_names0"], file.attrs["layer_names1"] = names[:2], names[2:]
    assert load_weights(model_of("norm=none", SMALL, shape=(8, 8, 3)), path) == ["conv1", "conv2"]


@pytest.mark.slow
def test_more_than_ten_convolutions_keep_their_order(tmp_path):
    source = keras_model(*[4] * 12, norm=True, bias=False, dense=[10])
    images = keras.Input((8, 8, 3))
    outer = keras.Model(images, source(keras.layers.Rescaling(1 / 255)(images)))
    outer.compile("adam", "mse", metrics=["accuracy"])
    outer.optimizer.build(outer.trainable_variables)
    model = model_of("model.layers=[{conv: 4, repeat: 12},{global_pool: avg}]", shape=(8, 8, 3))
    fresh = weights_of(model)
    for name, save in [("a.weights.h5", outer.save_weights), ("a.keras", outer.save), ("a.h5", outer.save)]:
        save(tmp_path / name)
        model.set_weights(fresh)
        assert len(load_weights(model, find_weights(str(tmp_path / name)))) == 25
        assert_same(weights_of(model), weights_of(source))


def test_a_nested_model_takes_weights_too(tmp_path):
    source = keras_model(4, 6, dense=[5], norm=True)
    source.save_weights(tmp_path / "a.weights.h5")
    inner, images = keras_model(4, 6, norm=True), keras.Input((8, 8, 3))
    model = keras.Model(images, keras.layers.Dense(9, name="head")(inner(images)))
    assert load_weights(model, tmp_path / "a.weights.h5") == [inner.name]
    assert_same(weights_of(inner), weights_of(source)[:-2])


def test_depthwise_convolutions_are_counted_apart(tmp_path):
    def mobile():
        inputs = x = keras.Input((8, 8, 3))
        for _ in range(2):
            x = keras.layers.DepthwiseConv2D(3, padding="same")(x)
            x = keras.layers.Conv2D(3, 3, padding="same")(x)
        return shaken(keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(x))))

    source, model = mobile(), mobile()
    source.save_weights(tmp_path / "a.weights.h5")
    for variable in model.weights:
        variable.assign(0.0 * variable)
    assert len(load_weights(model, tmp_path / "a.weights.h5")) == 5
    assert_same(weights_of(model), weights_of(source))


def test_constants_and_seeds_are_no_weights(tmp_path):
    inputs = keras.Input((8, 8, 3))
    constants = keras.layers.Normalization()
    constants.adapt(np.random.default_rng(0).normal(size=(9, 8, 8, 3)))
    x = keras.layers.Dropout(0.5, seed=1)(keras.layers.Rescaling([1.0, 2.0, 3.0])(constants(inputs)))
    x = keras.layers.GroupNormalization(3)(keras.layers.Conv2D(3, 3, use_bias=False)(x))
    source = shaken(keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(x))))
    source.save_weights(tmp_path / "a.weights.h5")
    model = model_of("norm=group", "norm.groups=3", "model.layers=[{conv: 3},flatten]", shape=(8, 8, 3))
    assert load_weights(model, tmp_path / "a.weights.h5") == ["conv1", "conv1_norm"]
    norm = next(layer for layer in source.layers if isinstance(layer, keras.layers.GroupNormalization))
    assert_same(layer_weights(model, "conv1_norm"), weights_of(norm))


def test_an_order_that_the_file_does_not_tell_is_refused(tmp_path):
    class Own(keras.layers.Conv2D):
        pass

    images = keras.Input((8, 8, 3))
    source = keras.Model(images, keras.layers.Conv2D(4, 3)(Own(4, 3)(images)))
    source.save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(RunError, match=r"order of its layers/conv2d and layers/own; save that network as \.h5"):
        load_weights(model_of(SMALL, shape=(8, 8, 3)), tmp_path / "a.weights.h5")
    source.save(tmp_path / "a.h5")
    assert load_weights(keras_model(4, 4), tmp_path / "a.h5")


def test_another_shape_in_a_keras_file_is_refused_and_nothing_assigned(tmp_path):
    model = model_of("norm=none", SMALL, shape=(8, 8, 3))
    before = weights_of(model)
    path = published(tmp_path / "a.h5", vgg((3, 3, 3, 4), (3, 3, 4, 8)))
    with pytest.raises(RunError, match=r"y_conv1 of \(3, 3, 4, 8\) and \(8,\) for conv2 of \(3, 3, 4, 6\) and \(6,\)"):
        load_weights(model, path)
    assert_same(weights_of(model), before)


def test_a_bias_in_a_keras_file_without_a_place_is_refused(tmp_path):
    path = published(tmp_path / "a.h5", vgg((3, 3, 3, 4)))
    with pytest.raises(RunError, match=r"for conv1 of .* no place where a norm follows; use norm=none"):
        load_weights(model_of(SMALL, shape=(8, 8, 3)), path)


@pytest.mark.parametrize("array", [np.ones((7, 7), np.float32), np.ones((3, 3, 3, 4), np.int8)])
def test_a_file_that_fits_no_layer_is_refused(tmp_path, array):
    path = published(tmp_path / "a.h5", {"layer": {"layer/kernel:0": array}})
    with pytest.raises(RunError, match="has nothing for any layer"):
        load_weights(model_of(SMALL, shape=(8, 8, 3)), path)


# Files that cannot be used


@pytest.mark.parametrize("part", [0.5, 0.97])
@pytest.mark.parametrize("place", ["checkpoints/best.npz", "model.keras"])
def test_a_truncated_file_is_refused(trained, tmp_path, place, part):
    whole = (trained.run_dir / place).read_bytes()
    path = tmp_path / place.rpartition("/")[2]
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(RunError, match="is damaged and cannot be read"):
        load_weights(model_of(), find_weights(str(path)))


def test_a_checkpoint_with_a_flipped_byte_is_refused(trained, tmp_path):
    whole = bytearray((trained.run_dir / "checkpoints" / "best.npz").read_bytes())
    kernel = checkpoint(trained, "best")["model/dense1/kernel"].tobytes()
    whole[whole.index(kernel) + 10] ^= 255
    (tmp_path / "a.npz").write_bytes(whole)
    with pytest.raises(RunError, match="is damaged"):
        load_weights(model_of(), tmp_path / "a.npz")


def test_nothing_pickled_is_read(tmp_path):
    np.savez(tmp_path / "a.npz", **{"model/conv1/kernel": np.array([print], object)})
    with pytest.raises(RunError, match=r"is damaged.*allow_pickle"):
        load_weights(model_of(), tmp_path / "a.npz")


def test_of_a_keras_archive_nothing_but_the_weights_is_read(trained, tmp_path):
    with zipfile.ZipFile(trained.run_dir / "model.keras") as source, zipfile.ZipFile(tmp_path / "a.keras", "w") as copy:
        copy.writestr("config.json", "no config")
        copy.writestr("model.weights.h5", source.read("model.weights.h5"))
    assert load_weights(model_of(), find_weights(str(tmp_path / "a.keras"))) == [*LAYERS, "classifier"]


def test_places_without_weights_are_refused(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "text.h5").write_text("version https://git-lfs.github.com/spec/v1\n")
    (tmp_path / "empty.npz").touch()
    (tmp_path / "model.pt").write_bytes(b"PK\x03\x04")
    (tmp_path / "folder.npz" / "checkpoints" / "best.npz").mkdir(parents=True)
    for place, said in [
        ("nowhere.h5", "does not exist; it must be a run folder"),
        ("nowhere", "does not exist; it must be a run folder"),
        ("run", "is a folder without checkpoints/best.npz"),
        ("text.h5", "is not a valid .h5 file"),
        ("empty.npz", "is not a valid .npz file"),
        ("model.pt", "has an unknown suffix; it must be a run folder"),
        ("folder.npz", "cannot be read: Is a directory"),
    ]:
        with pytest.raises(ConfigError, match=f"^model.weights={place} {said}") as error:
            find_weights(place)
        assert "\n" not in str(error.value)


def test_finding_a_file_imports_nothing_heavy(tmp_path):
    published(tmp_path / "a.h5", {})
    code = "import sys; from exprun.config.weights import find_weights; find_weights('a.h5'); "
    code += "assert not {'tensorflow', 'keras', 'h5py', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
