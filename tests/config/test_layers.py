"""The layer list: its grammar, the shapes it makes, and the smallest image of each shipped model."""

import re

import pytest
import yaml

from exprun.config.checks import check_shape
from exprun.config.errors import ConfigError
from exprun.config.layer_kinds import Conv, Flatten, Residual
from exprun.config.layers import TooSmall, fixed_norm, output_shape, parse, residual_blocks, smallest_image
from exprun.config.network import Norm
from exprun.config.options import options, shipped_conf

MODELS = [name for name in options()["model"] if name not in ("python", "application", "hub")]


def shape_of(text, size=32, channels=3):
    return output_shape(parse(yaml.safe_load(text)), (size, size, channels))


def layers_of(model):
    return parse(yaml.safe_load((shipped_conf() / "model" / f"{model}.yaml").read_text())["layers"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{convv: 3}]", r"model.layers\[0\].*convv.*did you mean conv"),
        ("[flatten, flaten]", r"model.layers\[1\].*did you mean flatten"),
        ("[{}]", r"model.layers\[0\]"),
        ("[{repeat: 2}]", r"model.layers\[0\].*no known kind"),
        ("[{conv: 3, flatten: true}]", r"several kinds \(conv, flatten\)"),
        ("[{dense: 3, pool: 2}]", r"several kinds \(dense, pool\)"),
        ("[{conv: 3, pool: max}]", "must be a whole number"),
        ("[{conv: 3, norm: batch}]", "must be one of none"),
        ("[{conv: 3, kernal: 5}]", r"model.layers\[0\].kernal; did you mean kernel"),
        ("[{conv: 3, kernel: 0}]", r"model.layers\[0\].kernel is 0.*at least 1"),
        ("[{conv: 3.5}]", r"conv is 3.5.*whole number"),
        ("[{conv: '3'}]", r"conv is '3'.*whole number"),
        ("[{conv: null}]", r"conv is null"),
        ("[{conv: 3, padding: full}]", r"padding is 'full'.*same, valid"),
        ("[{conv: 3, activation: rely}]", r"activation is 'rely'.*relu"),
        ("[{conv: 3, dropout: 1.0}]", r"dropout is 1.0.*below 1"),
        ("[{conv: 3, rate: [1.0]}]", r"rate"),
        ("[{conv: 3, l2: -1.0}]", r"l2 is -1.0.*at least 0"),
        ("[{pool: mean}]", r"pool is 'mean'.*max, avg"),
        ("[{dense: 4, kernel: 3}]", r"Unknown key model.layers\[0\].kernel"),
        ("[{flatten: false}]", r"flatten is false"),
        ("[{dense: 4, repeat: 0}]", r"repeat is 0"),
        ("[{residual: [{convv: 3}]}]", r"model.layers\[0\].residual\[0\].*did you mean conv"),
        ("[{residual: [{conv: 3}], shortcut: none}]", r"shortcut is 'none'.*identity, projection, conv, pad"),
        ("[{residual: [[conv]]}]", r"residual\[0\]"),
        ("[{block: [{convv: 3}]}]", r"model.layers\[0\].block\[0\].*did you mean conv"),
        ("[{depthwise: 0}]", r"depthwise is 0.*at least 1"),
        ("[{attention: 3, norm: none}]", r"several kinds \(attention, norm\)"),
        ("[{squeeze: 4, kernel: 3}]", r"Unknown key model.layers\[0\].kernel"),
        ("[{activation: rely}]", r"activation is 'rely'.*relu"),
        ("[{norm: lrn}]", r"norm is 'lrn'.*batch, layer, group, instance"),
        ("[{norm: layer, axis: pixel}]", r"axis is 'pixel'.*image, channels"),
        ("[{residual: [], scale: 0}]", r"scale is 0"),
        ("[{residual: [], drop: 1.0}]", r"drop is 1.0.*below 1"),
    ],
)
def test_a_wrong_list_is_an_error_that_names_the_place(text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        parse(yaml.safe_load(text))
    assert "\n" not in str(caught.value)


def test_layers_have_the_defaults_of_their_kind():
    conv, flatten, residual = parse([{"conv": 8, "dropout": 0.5}, "flatten", {"residual": [{"conv": 8}]}])
    assert conv == Conv(conv=8, kernel=3, stride=1, padding="same", groups=1, dropout=0.5, repeat=1)
    assert flatten == Flatten(flatten=True)
    assert isinstance(residual, Residual)
    assert residual.shortcut == "identity"


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("[]", (32, 32, 3)),
        ("[{conv: 8}]", (32, 32, 8)),
        ("[{conv: 8, stride: 3}]", (11, 11, 8)),
        ("[{conv: 8, kernel: 5, padding: valid}]", (28, 28, 8)),
        ("[{conv: 8, kernel: 5, padding: valid, repeat: 2}]", (24, 24, 8)),
        ("[{conv: 8, kernel: 11, stride: 4, padding: valid}]", (6, 6, 8)),
        ("[{conv: 6, groups: 3}]", (32, 32, 6)),
        ("[{pool: max}]", (16, 16, 3)),
        ("[{pool: max, size: 3, stride: 2}]", (15, 15, 3)),
        ("[{pool: avg, size: 3, stride: 2, padding: same}]", (16, 16, 3)),
        ("[{lrn: 2}, {norm: batch}, {dropout: 0.5}]", (32, 32, 3)),
        ("[{global_pool: avg}]", (3,)),
        ("[flatten]", (32 * 32 * 3,)),
        ("[flatten, {dense: 7, repeat: 2}]", (7,)),
        ("[{residual: [{conv: 3}, {conv: 3}]}]", (32, 32, 3)),
        ("[{residual: [{conv: 8, stride: 2}], shortcut: projection}]", (16, 16, 8)),
        ("[{residual: [{conv: 8, stride: 2}], shortcut: pad}]", (16, 16, 8)),
        ("[{residual: [{conv: 8, stride: 2}], shortcut: conv}]", (16, 16, 8)),
        ("[{conv: 8, dilation: 3}]", (32, 32, 8)),
        ("[{conv: 8, dilation: 3, padding: valid}]", (26, 26, 8)),
        ("[{depthwise: 2, stride: 2}]", (16, 16, 6)),
        ("[{depthwise: 1, kernel: 5, padding: valid, dilation: 2}]", (24, 24, 3)),
        ("[{separable: 8, stride: 2}]", (16, 16, 8)),
        ("[{transpose: 8, stride: 2}]", (64, 64, 8)),
        ("[{transpose: 8, kernel: 5, stride: 2, padding: valid}]", (67, 67, 8)),
        ("[{transpose: 8, kernel: 1, stride: 2, padding: valid}]", (64, 64, 8)),
        ("[{inverted: 3}, {inverted: 8, stride: 2, squeeze: 4}]", (16, 16, 8)),
        ("[{attention: 3}, {squeeze: 16}, position, activation, norm]", (32, 32, 3)),
        ("[{block: [{pool: max}, {conv: 4}], repeat: 3}]", (4, 4, 4)),
        ("[flatten, norm, activation, {block: [{dense: 4}], repeat: 2}]", (4,)),
    ],
)
def test_shapes(text, shape):
    assert shape_of(text) == shape


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[flatten, {conv: 3}]", r"\[1\] needs an image"),
        ("[{global_pool: avg}, {pool: max}]", r"\[1\] needs an image"),
        ("[{dense: 3}]", r"\[0\] is dense"),
        ("[flatten, {attention: 1}]", r"\[1\] needs an image"),
        ("[{block: [flatten], repeat: 2}, {conv: 3}]", r"\[1\] needs an image"),
        ("[{attention: 2}]", r"\[0\]: attention: 2 heads must divide the 3 channels"),
        ("[{block: [{attention: 2}]}]", r"\[0\].block\[0\]: attention: 2"),
        ("[{conv: 3, stride: 2, dilation: 2}]", r"\[0\] has stride: 2 and dilation: 2; one of them must be 1"),
        ("[{separable: 3, stride: 2, dilation: 2}]", r"stride: 2 and dilation: 2"),
        ("[{conv: 8, groups: 2}]", r"groups: 2 must divide the 3 channels"),
        ("[{conv: 8}, {conv: 9, groups: 2}]", r"groups: 2 must divide the 8 channels.*9 filters"),
        ("[{residual: [{conv: 8}]}]", r"32×32×3 into 32×32×8.*shortcut: projection, conv or pad"),
        ("[{residual: [{conv: 3, stride: 2}]}]", r"32×32×3 into 16×16×3"),
        ("[{residual: [{conv: 2}], shortcut: pad}]", r"3 channels into 2, but shortcut: pad cannot remove"),
        ("[{residual: [{global_pool: avg}], shortcut: pad}]", r"\[0\]"),
        ("[{residual: [flatten], shortcut: projection}]", r"\[0\]"),
        ("[{residual: [{conv: 8, padding: valid}], shortcut: projection}]", r"\[0\]"),
        ("[{residual: [{conv: 8, padding: valid}], shortcut: pad}]", r"\[0\]"),
    ],
)
def test_layers_that_cannot_follow_each_other_are_an_error(text, message):
    with pytest.raises(ConfigError, match=message):
        shape_of(text)


def test_an_image_smaller_than_a_window_is_too_small():
    with pytest.raises(TooSmall, match=r"\[1\].*1×1 pixels.*2×2"):
        shape_of("[{pool: max}, {pool: max}]", size=2)


@pytest.mark.parametrize(
    ("text", "smallest"),
    [
        ("[{conv: 8}]", 1),
        ("[{pool: max}]", 2),
        ("[{conv: 8, kernel: 5, padding: valid}, {pool: max}]", 6),
        ("[{pool: max, size: 50}]", 50),
        ("[{conv: 3, dilation: 4, padding: valid}]", 9),
        ("[{transpose: 3, stride: 2}, {pool: max, size: 5}]", 3),
        ("[{pool: max, size: 2000}]", None),
    ],
)
def test_smallest_image(text, smallest):
    assert smallest_image(parse(yaml.safe_load(text)), 3) == smallest


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("channels", [1, 3])
def test_each_shipped_model_accepts_the_smallest_size_it_documents_and_no_smaller(model, channels):
    said = re.search(r"(\d+)×\1 and larger", options()["model"][model])
    documented = int(said[1]) if said else 1
    layers = layers_of(model)
    assert smallest_image(layers, channels) == documented
    assert len(output_shape(layers, (documented, documented, channels))) == 1


@pytest.mark.parametrize(
    ("model", "features"), [("vgg16", 4096), ("alexnet", 4096), ("resnet18", 512), ("resnet20", 64)]
)
def test_features_before_the_classifier(model, features):
    assert output_shape(layers_of(model), (224, 224, 3)) == (features,)


def test_a_model_that_ends_in_an_image_is_refused(composer):
    config = composer.config(["data.size=null", "data.channels=null", "model.layers=[{conv: 8}]"])
    with pytest.raises(ConfigError, match="add flatten"):
        check_shape(config, (32, 32), 3)


def test_a_fixed_norm_is_a_norm_of_its_own():
    of_group = Norm(name="batch", momentum=0.1)
    layers = [
        {"norm": "batch", "momentum": 0.5},
        {"norm": "group", "groups": 4},
        {"norm": "layer", "axis": "channels"},
        "norm",
    ]
    batch, group, layer, own = (fixed_norm(layer, of_group) for layer in parse(layers))
    assert (batch.momentum, batch.groups, batch.axis) == (0.5, None, None)
    assert (group.momentum, group.groups, group.axis) == (None, 4, None)
    assert layer.axis == "channels"
    assert own is of_group


def test_inverted_residuals_are_added_only_where_the_shape_stays():
    blocks = parse([{"inverted": 3}, {"inverted": 8}, {"inverted": 8, "stride": 2}])
    assert [residual_blocks([block], (8, 8, 3)) for block in blocks] == [1, 0, 0]
    layers = [{"block": [{"inverted": 8, "repeat": 3}, {"residual": ["activation"]}], "repeat": 2}]
    assert residual_blocks(parse(layers), (8, 8, 3)) == 2 + 1 + 3 + 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model=cnn"], "model=cnn has none in model.layers"),
        (["model=python", "model.builder=a:b"], "model=python has none in model.layers"),
    ],
)
def test_stochastic_depth_needs_residual_blocks(composer, words, message):
    with pytest.raises(ConfigError, match=message):
        composer.config([*words, "model.stochastic_depth=0.1"])
    composer.config(["model=vit_tiny", "model.stochastic_depth=0.3"])
