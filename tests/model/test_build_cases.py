"""The networks of the cases, layer by layer as the code in their questions builds them."""

from functools import cache

import keras
import pytest

from exprun.config.compose import Composer
from exprun.model import build


def vgg(size, convolutions, dense, more=()):
    """Blocks of 3×3 convolutions and a pool that halves, and two dense layers."""
    rows = []
    for filters, repeat in convolutions:
        rows += [("conv", size, filters, 3)] * repeat
        size //= 2
        rows.append(("pool", size))
    return [*rows, "flatten", ("dense", dense), *more, ("dense", dense), *more]


# Rows are (conv, size of the output, filters, kernel), (pool, size of the output), (norm,), (dropout, rate),
# (dense, units). The sizes follow from the questions' code: padding "valid" takes kernel - 1 pixels. The number at
# the end is `count_params()` of that code in Keras 3.15 (for `matconvnet`: of the port with `groups=2`), and the sum
# of what the rows need: kernel² · channels / groups · filters + filters, inputs · units + units, 4 · channels.
MODELS = {
    # Question 1: 64·2, 64·2, 128·3, 256·3 from 32×32 down to 2×2.
    "stuck_vgg16": (32, 3, 10, vgg(32, [(64, 2), (64, 2), (128, 3), (256, 3)], 1024), 4_066_378),
    "cnn_he": (
        32, 3, 10,
        [
            ("conv", 32, 128, 3), ("conv", 32, 128, 3), ("pool", 16), ("norm",), ("dropout", 0.25),
            ("conv", 16, 256, 3), ("conv", 16, 256, 3), ("pool", 8), ("norm",), ("dropout", 0.25),
            "flatten", ("dense", 1024), ("dropout", 0.5),
        ],
        17_826_442,
    ),
    # Question 2: from 224×224 down to 7×7.
    "palm_vgg16": (
        224, 3, 160,
        vgg(224, [(32, 2), (64, 2), (96, 3), (128, 3), (128, 3)], 4096, [("dropout", 0.5)]),
        44_266_720,
    ),
    # Question 3: valid padding, odd pixels are dropped by the pools.
    "flat_question": (
        32, 3, 10,
        [
            ("conv", 30, 256, 3), ("pool", 15), ("conv", 14, 128, 2), ("pool", 7),
            "flatten", ("dense", 1024), ("dropout", 0.5),
        ],
        6_572_170,
    ),
    "flat_edit": (
        32, 3, 10,
        [
            ("conv", 30, 64, 3), ("pool", 15), ("conv", 13, 256, 3), ("pool", 6),
            "flatten", ("dense", 512), ("dropout", 0.3),
        ],
        4_873_738,
    ),
    "flat_answer": (
        32, 3, 10,
        [
            ("conv", 30, 64, 3), ("pool", 15), ("conv", 14, 256, 2), ("pool", 7),
            "flatten", ("dense", 1024), ("dropout", 0.4),
        ],
        12_923_914,
    ),
    # Question 4: pools of 3×3 with stride 1, of 2×2 with stride 2 and 1; down to 1×1.
    "matconvnet_port": (
        28, 1, 2,
        [
            ("conv", 26, 64, 3), ("pool", 24), ("conv", 20, 128, 5), ("pool", 10), ("conv", 8, 256, 3), ("pool", 6),
            ("conv", 2, 512, 5), ("pool", 1), ("conv", 1, 256, 1), "flatten",
        ],
        3_909_890,
    ),
    # The filters of `ip1` are 1×1×256, the image has 512 channels: two groups.
    "matconvnet": (
        28, 1, 2,
        [
            ("conv", 26, 64, 3), ("pool", 24), ("conv", 20, 128, 5), ("pool", 10), ("conv", 8, 256, 3), ("pool", 6),
            ("conv", 2, 512, 5), ("pool", 1), ("conv", 1, 256, 1, 2), "flatten",
        ],
        3_844_354,
    ),
    # Question 5: pools of 3×3 with stride 3 and padding "same".
    "dead_relu": (
        32, 3, 10,
        [
            ("conv", 32, 256, 3), ("pool", 11), ("conv", 11, 128, 3), ("pool", 4),
            "flatten", ("dense", 384), ("dense", 192),
        ],
        1_164_874,
    ),
}  # fmt: skip


def expected(size, channels, classes, rows):
    """Kind, output shape and number of parameters of each layer."""
    shape = (size, size, channels)
    for row in [*rows, ("dense", classes)]:
        match row:
            case "flatten":
                shape, made, parameters = (shape[0] * shape[1] * shape[2],), "Flatten", 0
            case ("dropout", _):
                made, parameters = "Dropout", 0
            case ("norm",):
                made, parameters = "BatchNormalization", 4 * shape[-1]
            case ("dense", units):
                made, parameters, shape = "Dense", shape[0] * units + units, (units,)
            case ("pool", after):
                made, parameters, shape = "MaxPooling2D", 0, (after, after, shape[2])
            case ("conv", after, filters, kernel, *groups):
                parameters = kernel**2 * shape[2] // (groups or [1])[0] * filters + filters
                made, shape = "Conv2D", (after, after, filters)
        yield made, shape, parameters


@cache
def built(name, *overrides):
    size, channels, classes, *_ = MODELS[name]
    words = [f"model={name}", f"data.size={size}", f"data.channels={channels}", "init=glorot_uniform"]  # drawn fast
    config = Composer().config([*words, *overrides])
    return build(config, (size, size, channels), classes).model


def layers_of(model):
    return [
        (type(layer).__name__, tuple(layer.output.shape[1:]), layer.count_params())
        for layer in model.layers
        if not isinstance(layer, keras.layers.InputLayer | keras.layers.Activation)
    ]


@pytest.mark.parametrize("name", MODELS)
def test_layers_and_parameters_are_those_of_the_question(name):
    size, channels, classes, rows, total = MODELS[name]
    model = built(name, "norm=none")
    assert layers_of(model) == list(expected(size, channels, classes, rows))
    assert model.count_params() == total
    drops = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert drops == [row[1] for row in rows if row[0] == "dropout"]


@pytest.mark.parametrize("name", MODELS)
def test_activations_are_those_of_the_question(name):
    model = built(name, "norm=none")
    places = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Activation)]
    weighted = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)]
    wanted = ["conv5"] if name.startswith("matconvnet") else weighted[:-1]
    assert places == [f"{layer}_relu" for layer in wanted]


def test_cnn_he_decays_the_kernels_of_its_convolutions_and_no_other():
    model = built("cnn_he", "norm=none")
    factors = {
        layer.name: float(layer.kernel_regularizer.l2)
        for layer in model.layers
        if getattr(layer, "kernel_regularizer", None) is not None
    }
    assert factors == pytest.approx({f"conv{number}": 1e-4 for number in range(1, 5)})
    assert not [layer for layer in model.layers if getattr(layer, "bias_regularizer", None) is not None]


@pytest.mark.parametrize(
    ("norm", "others"),
    [("none", []), ("batch", [*(f"conv{number}_norm" for number in range(1, 5)), "dense1_norm"])],
)
def test_cnn_he_keeps_its_own_norms_whatever_norm_says(norm, others):
    norms = {
        layer.name: layer
        for layer in built("cnn_he", f"norm={norm}").layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    assert sorted(norms) == sorted(["norm1", "norm2", *others])
    for name in ("norm1", "norm2"):  # Keras' defaults, as in the question
        assert (norms[name].momentum, norms[name].epsilon) == (0.99, 1e-3)


def test_matconvnet_gets_five_norms_as_its_question_inserts_them():
    names = [layer.name for layer in built("matconvnet", "norm=batch").layers]
    norms = [name for name in names if name.endswith("_norm")]
    assert norms == [f"conv{number}_norm" for number in range(1, 6)]
    assert names.index("conv5_norm") == names.index("conv5") + 1 == names.index("conv5_relu") - 1
