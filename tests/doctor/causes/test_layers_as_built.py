"""Checks of the layers of a network as it was built."""

from types import SimpleNamespace

import numpy as np
import pytest

from doctor.contexts import context_of, found
from doctor.layer_fakes import activation, convolution, dense, layer_of, model_of
from exprun.doctor.cause import Phase
from exprun.doctor.causes import (
    bypassed_layers,
    collapsed_features,
    dropout_before_norm,
    excessive_dropout,
    frozen_layers,
    missing_nonlinearity,
    reloaded_model,
    shrinking_filters,
    strong_augmentation,
    symmetric_init,
    unscaled_input,
)
from exprun.doctor.instruments.chance import ChanceLevel
from exprun.doctor.subject import Images


def built(*layers, phase=Phase.SETUP, **more):
    """A context of a sequence of layers."""
    return context_of(model=model_of(*layers), phase=phase, **more)


def at_chance(holds):
    return SimpleNamespace(is_at_chance=holds, chance=ChanceLevel(1.386, 0.25, 4))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], None),
        (["lost"], "1 layer was called, but no path leads from it to"),
        (["a", "b"], "2 layers were called, but no path leads from them to"),
    ],
)
def test_layers_whose_output_is_dropped(names, said):
    context = built(dense())
    context.__dict__["dropped"] = [dense(name=name) for name in names]
    findings = found(bypassed_layers, context)
    assert [said in f.evidence for f in findings] == [True] * bool(said)
    assert all(f.where == f"layer{'s' * (len(names) > 1)} {', '.join(names)}" for f in findings)


@pytest.mark.parametrize(
    ("tensor", "dropped", "said"), [("input_layer", [], 1), ("keras_tensor_7", [], 0), ("input_layer", [dense()], 0)]
)
def test_a_model_from_a_file_cannot_show_what_was_dropped(tensor, dropped, said):
    model = SimpleNamespace(_nodes_by_depth={0: []}, inputs=[SimpleNamespace(name=tensor)])
    context = context_of(model=model, phase=Phase.SETUP)
    context.__dict__["dropped"] = dropped
    findings = found(reloaded_model, context)
    assert [f.severity for f in findings] == ["note"] * said


RELU, LINEAR = activation("relu"), activation("linear")


@pytest.mark.parametrize(
    ("between", "said"),
    [
        ([], True),
        ([layer_of("MaxPooling2D"), layer_of("LayerNormalization"), layer_of("Dropout", rate=0.5)], True),
        ([layer_of("Activation", activation=LINEAR)], True),
        ([layer_of("DepthwiseConv2D")], True),
        ([layer_of("DepthwiseConv2D", activation=RELU)], False),
        ([layer_of("LRN", own=False)], True),
        ([layer_of("Activation", activation=RELU)], False),
        ([layer_of("Activation", own=True, activation=LINEAR)], False),
        ([layer_of("LeakyReLU")], False),
    ],
)
def test_weights_without_an_activation_between_them(between, said):
    findings = found(missing_nonlinearity, built(dense(name="first"), *between, dense(name="last")))
    assert [f.where for f in findings] == ["layers first, last"] * said


@pytest.mark.parametrize("function", [RELU, layer_of("LeakyReLU").layer, lambda x: x])
def test_an_activation_of_a_layer_of_weights(function):
    assert found(missing_nonlinearity, built(dense(activation=function), dense())) == []
    assert len(found(missing_nonlinearity, built(dense(activation=LINEAR), dense()))) == 1
    assert found(missing_nonlinearity, built(dense())) == []  # a linear classifier is what it is meant to be


def frozen(name, size=8):
    return layer_of("Dense", weights=[("kernel", np.ones((size, 4)))], trainable=False, name=name)


@pytest.mark.parametrize(("fresh", "loaded", "said"), [(True, (), 1), (False, (), 0), (True, ("base",), 0)])
def test_frozen_layers_matter_while_their_weights_are_fresh(fresh, loaded, said):
    context = built(frozen("base", 100), dense(), dense(), loaded=frozenset(loaded))
    context.is_fresh = lambda layer: fresh
    findings = found(frozen_layers, context)
    assert [f.where for f in findings] == ["layer base"] * said


@pytest.mark.parametrize(("trained", "said"), [(1, True), (2, False)])
def test_small_frozen_layers_matter_if_they_are_many(trained, said):
    context = built(frozen("base"), *(dense(64) for _ in range(trained)))
    context.is_fresh = lambda layer: True
    assert bool(found(frozen_layers, context)) == said


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (layer_of("Dense", weights=[("kernel", np.zeros((6, 8)))]), "0 in dense"),
        (layer_of("Dense", weights=[("kernel", np.full((6, 8), 0.1))]), "0.1 in dense"),
        (dense(), None),
        (layer_of("LayerNormalization", weights=[("gamma", np.ones((4, 4)))]), None),
        (layer_of("Embedding", weights=[("embeddings", np.zeros((4, 4)))]), None),
        (layer_of("GRU", weights=[("bias", np.zeros((2, 15)))]), None),
        (layer_of("Token", own=True, weights=[("token", np.zeros((1, 4)))]), None),
        (layer_of("Dense", trainable=False, weights=[("kernel", np.zeros((6, 8)))]), None),
        (layer_of("Own", own=True, weights=[("mean", np.eye(8)), ("deviation", np.full((8, 8), -4.0))]), None),
    ],
)
def test_units_that_start_alike(layer, said):
    findings = found(symmetric_init, built(layer, dense()))
    assert [f.evidence for f in findings] == (
        [] if said is None else [f"All units start with the same weights ({said})."]
    )
    assert found(symmetric_init, built(dense(), layer)) == []  # a last layer may


@pytest.mark.parametrize(
    ("rates", "said"), [((0.5,), []), ((0.9,), ["90% of its"]), ((0.8, 0.9), ["up to 90% of its"])]
)
def test_dropout_of_nearly_everything(rates, said):
    findings = found(excessive_dropout, built(dense(), *(layer_of("Dropout", rate=rate) for rate in rates)))
    assert [f.severity for f in findings] == ["warning"] * len(said)
    assert all(text in f.evidence for f, text in zip(findings, said, strict=True))


@pytest.mark.parametrize(
    ("rates", "stays", "said"),
    [([0.6] * 5, True, 1), ([0.6] * 5, False, 0), ([0.1] * 5, True, 0), ([0.9] * 2, True, 0)],
)
def test_many_dropouts_together_leave_nothing(rates, stays, said):
    context = built(dense(), *(layer_of("Dropout", rate=rate) for rate in rates), phase=Phase.STEP)
    context.history, context.step = at_chance(stays), 9
    findings = found(excessive_dropout, context)
    assert [(f.severity, f.step) for f in findings] == [("error", 9)] * said


@pytest.mark.parametrize(
    ("rate", "following", "said"),
    [(0.5, "BatchNormalization", 1), (0.0, "BatchNormalization", 0), (0.5, "LayerNormalization", 0)],
)
def test_dropout_before_a_batch_norm_is_a_note(rate, following, said):
    findings = found(dropout_before_norm, built(layer_of("Dropout", rate=rate), layer_of(following)))
    assert [f.severity for f in findings] == ["note"] * said


@pytest.mark.parametrize(("factor", "said"), [((-0.9, 0.9), 1), ((-0.1, 0.1), 0), ((-0.4, 0.4), 0)])
def test_colours_that_become_any_others(factor, said):
    hues = [layer_of("RandomHue", factor=factor, name=name) for name in ("first", "second")]
    findings = found(strong_augmentation, built(*hues, dense()))
    assert [f.where for f in findings] == ["layer first"] * said


@pytest.mark.parametrize(("units", "classes", "said"), [(1, 4, 1), (1, 2, 0), (2, 4, 0), (2, 10, 1), (3, 10, 0)])
def test_a_hidden_layer_of_few_units(units, classes, said):
    findings = found(collapsed_features, built(dense(units, name="narrow"), dense(classes, inputs=units)))
    assert [f.where for f in findings] == ["layer narrow"] * said


def recurrent(units, **more):
    state = {"output": SimpleNamespace(shape=(None, units)), "_inbound_nodes": [0], "return_sequences": False}
    return layer_of("LSTM", **state | more)


@pytest.mark.parametrize(
    ("layer", "said"), [(recurrent(1), 1), (recurrent(8), 0), (recurrent(1, return_sequences=True), 0)]
)
def test_a_last_state_of_one_number(layer, said):
    findings = found(collapsed_features, built(layer, dense(4)))
    assert ["the memory of the layer" in f.keras for f in findings] == [True] * said


@pytest.mark.parametrize(
    ("height", "size", "count", "said"), [(1, 3, 2, 1), (1, 3, 1, 0), (1, 1, 2, 0), (2, 3, 2, 0), (None, 3, 2, 0)]
)
def test_convolutions_of_a_single_pixel(height, size, count, said):
    convolutions = [convolution(size=size, height=height, name=f"conv{i}") for i in range(count)]
    findings = found(collapsed_features, built(*convolutions, dense(4)))
    assert [f.where for f in findings] == ["layers conv0, conv1"] * said


@pytest.mark.parametrize(("filters", "said"), [((16, 32), 0), ((32, 16), 1), ((32, 24), 0)])
@pytest.mark.parametrize("pools", [True, False])
def test_filters_that_become_fewer_on_smaller_maps_are_a_note(filters, said, pools):
    layers = [convolution(filters[0], "first"), convolution(filters[1], "second", height=4 if pools else 8), dense()]
    findings = found(shrinking_filters, built(*layers))
    assert [(f.severity, f.where) for f in findings] == [("note", "layer second")] * (said and pools)
    assert found(shrinking_filters, built(*layers, layer_of("Concatenate"))) == []  # branches also grow
    assert found(shrinking_filters, built(layers[0], convolution(4, height=None), dense())) == []  # of unknown size


@pytest.mark.parametrize(
    ("first", "size", "several", "said"),
    [
        ("LSTM", 9000.0, None, 1),
        ("Bidirectional", 9000.0, None, 1),
        ("LSTM", 1.0, None, 0),
        ("Flatten", 9000.0, None, 0),
        ("LSTM", 9000.0, {"a": np.full((8, 4, 3), 9000.0)}, 0),
    ],
)
def test_large_inputs_hold_the_gates_of_a_recurrent_layer(first, size, several, said):
    rows = size * np.random.default_rng(0).normal(size=(8, 4, 3)).astype(np.float32)
    context = built(layer_of("InputLayer"), layer_of(first), dense(), train=Images(rows))
    context.several = several
    findings = found(unscaled_input, context)
    assert ["its units saturate" in f.evidence for f in findings] == [True] * said


def test_a_recurrent_layer_whose_inputs_are_unknown():
    assert found(unscaled_input, built(layer_of("LSTM"), dense())) == []
