"""The size of a network, counted from shapes, is that of the network that is built."""

import pytest

from exprun.config.compose import Composer
from exprun.config.network_size import network_size
from exprun.config.options import options
from exprun.trainer.memory import needed
from tiny import config

NORMS = ("none", "batch", "layer", "group", "instance", "lrn")
# Each kind of layer, with each option on which weights or outputs depend.
LAYERS = (
    "{conv: 6, kernel: 2, groups: 3, repeat: 2, norm: none}",
    "{conv: 4, padding: valid, pool: 2, activation: none}",
    "{lrn: 2}",
    "{norm: batch}",
    "{norm: layer}",
    "{residual: [{conv: 6, stride: 2}], shortcut: projection}",
    "{residual: [{conv: 8, stride: 2}], shortcut: pad, activation: none}",
    "{residual: [{conv: 8}], repeat: 2}",
    "{residual: [{conv: 6, dilation: 2}], shortcut: conv, scale: 0.1, drop: 0.2}",
    "{norm: layer, axis: channels}",
    "{depthwise: 2, kernel: 5, norm: none, bias: false, repeat: 2}",
    "{block: [{separable: 8, stride: 2}, activation, norm], repeat: 2}",
    "{squeeze: 4, activation: gelu}",
    "{transpose: 8, stride: 2}",
    "{transpose: 6, kernel: 3, padding: valid, activation: none}",
    "{inverted: 6, squeeze: 2, repeat: 2}",
    "{inverted: 8, expansion: 1, stride: 2}",
    "position",
    "{attention: 4}",
    "{activation: tanh}",
    "{pool: avg}",
    "{dropout: 0.5}",
    "flatten",
    "{dense: 5, dropout: 0.5, repeat: 2}",
    "{norm: group}",
)


def check(settings, shape, classes=7):
    from exprun.model import build

    model = build(settings, shape, classes).model
    size = network_size(settings.model, settings.norm, shape, classes)
    assert size.total == model.count_params()
    assert 4 * size.outputs == needed(model, "float32")
    built = {layer.name: layer.count_params() for layer in model.layers if layer.count_params()}
    assert size.weights == built
    assert built[size.largest] == max(built.values())


@pytest.mark.parametrize(
    "norm", ["batch", *(pytest.param(one, marks=pytest.mark.slow) for one in NORMS if one != "batch")]
)
def test_the_size_is_that_of_the_network_that_is_built(norm):
    check(config(f"model.layers=[{','.join(LAYERS)}]", f"norm={norm}"), (26, 24, 3))


@pytest.mark.slow
@pytest.mark.parametrize("model", sorted(set(options()["model"]) - {"python", "application", "hub"}))
def test_the_size_of_each_model_is_that_of_the_network_that_is_built(model):
    check(Composer().config([f"model={model}", "data.size=67"]), (67, 67, 3))
