"""Models from layer lists: the published sizes, and norm and init apart from them."""

import keras
import numpy as np
import pytest

from exprun.config.network_size import network_size
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
        pytest.param("vgg11", 9_220_480 + VGG_DENSE, marks=pytest.mark.slow),
        pytest.param("vgg13", 9_404_992 + VGG_DENSE, marks=pytest.mark.slow),
        ("vgg16", 14_714_688 + VGG_DENSE),
        pytest.param("vgg19", 20_024_384 + VGG_DENSE, marks=pytest.mark.slow),
        ("resnet20", 448 + 13_920 + 50_880 + 203_136 + 650),  # by stage; 0.27 million in arXiv:1512.03385, table 6
    ],
)
def test_published_parameter_counts(name, parameters):
    assert built(name, "norm=none", DRAWN_FAST).count_params() == parameters


def test_published_parameter_counts_of_newer_networks(composer):
    """Those of Keras' and PyTorch's networks, of which some trainable parameters differ as the comments say."""

    def counted(model, classes=1000, size=32):
        settings = composer.config([f"model={model}", f"data.size={size}"])
        size = network_size(settings.model, settings.norm, (size, size, 3), classes)
        norms = [name for name in size.weights if name.endswith("_norm") or name.startswith("norm")]
        batch_norms = [name for name in norms if model not in ("convnext_tiny", "vit_tiny")]
        return size.total, size.total - sum(size.weights[name] for name in batch_norms) // 2

    assert counted("mobilenet")[0] == 3_538_984  # keras.applications.MobileNetV2
    assert counted("resnet50")[1] == 25_557_032 - 7 * 7 * 3 * 64 + 3 * 3 * 3 * 64  # of torchvision, but for the stem
    assert counted("wide_resnet28_10", 10)[1] == 36_479_194  # 36.5 million in arXiv:1605.07146, table 5
    stem = (4 * 4 - 2 * 2) * 3 * 96
    assert counted("convnext_tiny", size=224)[0] == 28_589_128 - stem  # torchvision; 28.6 million in the paper
    # DeiT-Ti at 224×224 with patches of 16×16 (5.7 million, arXiv:2012.12877) has a class token with its position.
    patches, positions = (16 * 16 - 4 * 4) * 3 * 192, (14 * 14 - 8 * 8) * 192
    assert counted("vit_tiny")[0] == 5_717_416 - 2 * 192 - patches - positions


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


@pytest.mark.parametrize(
    ("layer", "kind", "fan_in"),
    [
        ("{depthwise: 2, kernel: 7}", "depthwise", 49),
        ("{transpose: 16}", "transpose", 9 * 64),
        ("{attention: 4}", "attention", 64),
    ],
)
def test_he_counts_the_inputs_of_a_unit(layer, kind, fan_in):
    model = model_of(f"model.layers=[{{conv: 64}},{layer},{{global_pool: avg}}]", "norm=none", size=8)
    assert model.get_layer(f"{kind}1").kernel.numpy().std() == pytest.approx(np.sqrt(2 / fan_in), rel=0.05)
    kernel = model.get_layer(f"{kind}1").kernel
    assert kernel.shape == {"depthwise": (7, 7, 64, 2), "transpose": (3, 3, 16, 64), "attention": (64, 64)}[kind]


def test_dirac_passes_each_channel_on():
    layers = "model.layers=[{depthwise: 2, norm: none, activation: none},{global_pool: max}]"
    model = model_of(layers, "init=dirac", size=5)
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(model.get_layer("depthwise1")(x)[..., ::2], x, atol=1e-6)


def test_dilated_convolutions_skip_pixels():
    model = model_of("model.layers=[{conv: 1, dilation: 2},flatten]", "norm=none", size=9)
    x = np.zeros((1, 9, 9, 3), np.float32)
    x[0, 4, 4] = 1
    seen = np.argwhere(model.get_layer("conv1")(x).numpy()[0, :, :, 0])
    assert {tuple(pixel) for pixel in seen} == {(y, x) for y in (2, 4, 6) for x in (2, 4, 6)}


def test_attention_follows_the_paper():
    """Softmax of the products of queries and keys, divided by the root of the length of a head."""
    model = model_of("model.layers=[{conv: 6},{attention: 2},{global_pool: avg}]", size=3)
    x = np.random.default_rng(0).normal(size=(2, 9, 6)).astype(np.float32)
    qkv, out = (model.get_layer(name) for name in ("attention1_qkv", "attention1"))
    q, k, v = np.moveaxis(qkv(x).numpy().reshape(2, 9, 3, 2, 3), 2, 0)
    products = np.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(3)
    weights = np.exp(products) / np.exp(products).sum(-1, keepdims=True)
    wanted = out(np.einsum("bhqk,bkhd->bqhd", weights, v).reshape(2, 9, 6)).numpy()
    part = keras.Model(model.get_layer("attention1_pixels").output, model.get_layer("attention1_map").output)
    np.testing.assert_allclose(part(x).numpy().reshape(2, 9, 6), wanted, atol=1e-5)


def test_squeeze_multiplies_each_channel_by_a_number_between_0_and_1():
    model = model_of("model.layers=[{conv: 16},{squeeze: 2},{global_pool: avg}]", size=4)
    before, after = (model.get_layer(name).output for name in ("conv1_relu", "squeeze1"))
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
    a, b = (value.numpy() for value in keras.Model(model.inputs, [before, after])(x))
    factors = b[a > 0] / a[a > 0]
    assert 0 < factors.min() < factors.max() < 1
    assert model.get_layer("squeeze1_reduce").units == 8


def test_layer_norm_over_channels_normalises_each_pixel():
    layers = "model.layers=[{conv: 8},{norm: layer, axis: channels},{global_pool: avg}]"
    for overrides, name in ([layers], "norm1"), (["norm=layer", "norm.axis=channels", layers], "conv1_norm"):
        norm = model_of(*overrides, size=4).get_layer(name)
        assert norm.gamma.shape == (8,)
        x = np.random.default_rng(0).normal(3, 2, size=(2, 4, 4, 8)).astype(np.float32)
        np.testing.assert_allclose(norm(x).numpy().mean(axis=-1), 0, atol=1e-5)


def test_norm_alone_is_that_of_the_group_and_activation_alone_that_of_the_model():
    layers = "model.layers=[norm,activation,{conv: 4, norm: none, activation: none},flatten,norm,{activation: tanh}]"
    names = [layer.name for layer in model_of(layers, "model.activation=elu").layers]
    assert names[1:] == ["norm1", "activation1_elu", "conv1", "flatten1", "norm2", "activation2_tanh", "classifier"]
    assert "norm1" not in [layer.name for layer in model_of(layers, "norm=none").layers]


def test_stochastic_depth_rises_to_its_rate_at_the_last_block():
    layers = "model.layers=[{residual: [{conv: 3}], repeat: 3},{residual: [{conv: 3}], drop: 0.5},flatten]"
    rates = {layer.name: layer.rate for layer in model_of(layers, "model.stochastic_depth=0.2").layers if
             isinstance(layer, keras.layers.Dropout)}  # fmt: skip
    assert rates == pytest.approx({f"residual{n}_drop": rate for n, rate in enumerate((0.05, 0.1, 0.15, 0.5), 1)})


def test_stochastic_depth_leaves_out_whole_blocks_of_some_images():
    layers = "model.layers=[{residual: [{conv: 3, norm: none}], drop: 0.5, scale: 2.0, activation: none},flatten]"
    model = model_of(layers, size=4)
    x = np.random.default_rng(0).normal(size=(64, 4, 4, 3)).astype(np.float32)
    part = keras.Model(model.inputs, model.get_layer("residual1").output)
    added = part(x, training=True).numpy() - x
    branch = part(x).numpy() - x
    left_out = np.abs(added).reshape(64, -1).max(axis=1) < 1e-6
    assert 16 < left_out.sum() < 48
    np.testing.assert_allclose(added[~left_out], 2 * branch[~left_out], atol=1e-5)


def test_grouped_convolutions_see_their_group_only():
    model = model_of("model.layers=[{conv: 8},{conv: 4, groups: 2},flatten]")
    assert model.get_layer("conv2").kernel.shape == (3, 3, 4, 4)


def test_lrn_follows_the_paper():
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 6)).astype(np.float32)
    found = LocalResponseNormalization(2, 2.0, 1e-1, 0.75, dtype="float32")(x).numpy()
    square = np.pad(x**2, [(0, 0)] * 3 + [(2, 2)])
    window = sum(square[..., i : i + 6] for i in range(5))
    np.testing.assert_allclose(found, x / (2.0 + 0.1 * window) ** 0.75, rtol=1e-4)
