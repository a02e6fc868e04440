"""Models from layer lists: the published sizes, and norm and init apart from them."""

import keras
import numpy as np
import pytest

from exprun.model import build
from exprun.norm import LocalResponseNormalization
from tiny import config


def model_of(*overrides: str, size: int = 32, channels: int = 3, classes: int = 10):
    return build(config(*overrides), (size, size, channels), classes).model


def built(name: str, *overrides: str, size: int = 32, classes: int = 10):
    """A model as it ships, without the tiny layers."""
    from exprun.config.compose import Composer

    settings = Composer().config([f"model={name}", f"data.size={size}", *overrides])
    return build(settings, (size, size, 3), classes).model


DRAWN_FAST = "init=glorot_uniform"  # a third of the time of a truncated normal distribution
# Parameters with biases and without norm: convolutions as published, dense layers for 512 features and 10 classes.
VGG_DENSE = (512 * 4096 + 4096) + (4096 * 4096 + 4096) + (4096 * 10 + 10)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("vgg11", 9_220_480 + VGG_DENSE),
        ("vgg13", 9_404_992 + VGG_DENSE),
        ("vgg16", 14_714_688 + VGG_DENSE),
        ("vgg19", 20_024_384 + VGG_DENSE),
        ("resnet20", 448 + 13_920 + 50_880 + 203_136 + 650),  # by stage; 0.27 million in arXiv:1512.03385, table 6
    ],
)
def test_published_parameter_counts(name, parameters):
    assert built(name, "norm=none", DRAWN_FAST).count_params() == parameters


def test_alexnet_has_the_published_61_million():
    # Krizhevsky et al. 2012 at 227×227 with 1,000 classes: 60,965,224.
    assert built("alexnet", "norm=none", DRAWN_FAST, size=227, classes=1000).count_params() == 60_965_224


def test_batch_norm_stands_between_each_weight_layer_and_its_activation_and_replaces_the_bias():
    model = built("vgg16", DRAWN_FAST)
    names = [layer.name for layer in model.layers]
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) == 15  # 13 convolutions and 2 hidden dense layers, not the classifier
    place = names.index("conv1_norm")
    assert names[place - 1 : place + 2] == ["conv1", "conv1_norm", "conv1_relu"]
    place = names.index("dense2_norm")
    assert names[place - 1 : place + 2] == ["dense2", "dense2_norm", "dense2_relu"]
    assert not model.get_layer("conv1").use_bias
    assert model.get_layer("classifier").use_bias
    assert norms[0].momentum == 0.9


def test_norms_after_convolutions_only():
    norms = [layer.name for layer in model_of("norm.where=[conv]").layers if layer.name.endswith("_norm")]
    assert norms == ["conv1_norm", "conv2_norm"]
    lrn = [layer.name for layer in model_of("norm=lrn").layers if isinstance(layer, LocalResponseNormalization)]
    assert lrn == ["conv1_norm", "conv2_norm"]


def test_a_norm_of_the_model_stays_whatever_norm_says():
    model = model_of("norm=none", "model.layers=[{conv: 8},{norm: batch},flatten]")
    assert [layer.name for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)] == ["norm1"]


def test_group_norm_takes_the_largest_number_of_groups_that_divides():
    model = model_of("norm=group", "model.layers=[{conv: 20},flatten]")
    assert model.get_layer("conv1_norm").groups == 20
    model = model_of("norm=group", "norm.groups=8", "model.layers=[{conv: 20},flatten]")
    assert model.get_layer("conv1_norm").groups == 5


@pytest.mark.parametrize(
    ("init", "stddev"),
    [
        ("init=he_normal", np.sqrt(2 / (3 * 3 * 3))),
        ("init=glorot_uniform", np.sqrt(2 / (3 * 3 * 3 + 3 * 3 * 256))),
        ("init=lecun_normal", np.sqrt(1 / (3 * 3 * 3))),
        ("init=gaussian", 0.01),
        ("init=truncated_normal", 0.05 * 0.8796),  # of a normal cut at two standard deviations
    ],
)
def test_init_has_the_published_spread(init, stddev):
    model = model_of(init, "model.layers=[{conv: 256},flatten]")
    assert model.get_layer("conv1").kernel.numpy().std() == pytest.approx(stddev, rel=0.05)


def test_orthogonal_kernels_are_orthogonal():
    kernel = model_of("init=orthogonal", "init.gain=1.0", "model.layers=[{conv: 16},flatten]").get_layer("conv1").kernel
    matrix = kernel.numpy().reshape(-1, 16)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(16), atol=1e-5)


def test_init_can_differ_by_kind_of_layer():
    model = model_of(
        "init=gaussian", "init.stddev=0.5", "init.dense={name: gaussian, stddev: 0.001, bias: 0.1}",
        "init.classifier={name: truncated_normal, stddev: 0.02}", "norm=none",
    )  # fmt: skip
    assert model.get_layer("conv1").kernel.numpy().std() == pytest.approx(0.5, rel=0.2)
    assert model.get_layer("dense1").kernel.numpy().std() == pytest.approx(0.001, rel=0.1)
    assert model.get_layer("dense1").bias.numpy() == pytest.approx(0.1)
    assert np.abs(model.get_layer("classifier").kernel.numpy()).max() <= 0.04


def test_the_seed_decides_the_weights_and_layers_of_one_shape_differ():
    layers = "model.layers=[{conv: 3, repeat: 2},flatten]"
    one, again, other = model_of(layers), model_of(layers), model_of(layers, "seed=1")
    a, b, c = (m.get_layer("conv1").kernel.numpy() for m in (one, again, other))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    assert not np.array_equal(a, one.get_layer("conv2").kernel.numpy())


@pytest.mark.parametrize("shortcut", ["projection", "pad"])
def test_residual_shortcuts(shortcut):
    block = f"{{residual: [{{conv: 8, stride: 2}}, {{conv: 8, activation: none}}], shortcut: {shortcut}}}"
    model = model_of(f"model.layers=[{{conv: 4}},{block},{{global_pool: avg}}]", size=9)
    assert model(np.zeros((2, 9, 9, 3), np.float32)).shape == (2, 10)
    has_weights = any(layer.name == "residual1_shortcut" and layer.weights for layer in model.layers)
    assert has_weights == (shortcut == "projection")


def test_shapes_agree_with_those_that_the_config_check_infers():
    from exprun.config.layers import output_shape, parse

    layers = [
        {"conv": 6, "kernel": 5, "stride": 2, "padding": "valid"},
        {"pool": "avg", "size": 3, "stride": 1, "padding": "same"},
        {"conv": 4, "stride": 3},
        {"pool": "max", "size": 2},
        {"lrn": 2},
    ]
    text = str(layers).replace("'", "")
    model = model_of(f"model.layers={text[:-1]},flatten]", size=31)
    before_flatten = next(layer for layer in model.layers if layer.name.startswith("flatten")).input.shape[1:]
    assert output_shape(parse(layers), (31, 31, 3)) == tuple(before_flatten)


def test_rates_and_l2_of_layers():
    made = build(config("model.layers=[{conv: 8, rate: [1, 2], l2: 0.001},flatten]", "norm=none"), (8, 8, 3), 10)
    assert list(made.multipliers.values()) == [2.0]
    assert next(iter(made.multipliers)).endswith("conv1/bias")
    kernel = made.model.get_layer("conv1").kernel.numpy()
    assert float(made.model.losses[0]) == pytest.approx(0.001 * (kernel**2).sum(), rel=1e-5)


def test_a_convolution_may_pool_before_its_norm_and_go_without_one():
    model = model_of("model.layers=[{conv: 8, norm: none},{conv: 4, pool: 2},flatten,{dense: 5, norm: none}]")
    names = [layer.name for layer in model.layers]
    assert names[1:7] == ["conv1", "conv1_relu", "conv2", "pool1", "conv2_norm", "conv2_relu"]
    assert "dense1_norm" not in names
    assert [model.get_layer(name).use_bias for name in ("conv1", "conv2", "dense1")] == [True, False, True]


def test_grouped_convolutions_see_their_group_only():
    model = model_of("model.layers=[{conv: 8},{conv: 4, groups: 2},flatten]")
    assert model.get_layer("conv2").kernel.shape == (3, 3, 4, 4)


def test_lrn_follows_the_paper():
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 6)).astype(np.float32)
    found = LocalResponseNormalization(2, 2.0, 1e-1, 0.75, dtype="float32")(x).numpy()
    square = np.pad(x**2, [(0, 0)] * 3 + [(2, 2)])
    window = sum(square[..., i : i + 6] for i in range(5))
    np.testing.assert_allclose(found, x / (2.0 + 0.1 * window) ** 0.75, rtol=1e-4)
