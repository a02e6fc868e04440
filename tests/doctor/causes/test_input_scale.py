"""Inputs that are far from 1, the first loss, and augmentation that changes images too much."""

import re
from dataclasses import replace

import numpy as np
import pytest

from doctor.passes import MSE, RNG, TEN, YES_OR_NO, call, context_of, findings, layer, network
from exprun.doctor.causes import exploding_signal, large_first_loss, strong_augmentation, unscaled_input
from exprun.doctor.diagnosis import examine

CLASSES = RNG.integers(0, 10, 16)


def scaled(size, shape=(16, 8, 8, 3), middle=(), **more):
    """A network on inputs of this size, with layers after the first one."""
    x = size * RNG.random(shape).astype(np.float32)
    hidden = RNG.normal(size=(len(x), 10)).astype(np.float32)
    first = call(x, hidden, "Conv2D" if x.ndim == 4 else "Dense", name="first")
    return context_of([first, *middle, call(hidden, hidden, name="last")], **more)


@pytest.mark.parametrize(
    ("size", "shape", "norm", "said"),
    [
        (1.0, (16, 8, 8, 3), False, None),
        (1 / 255, (16, 8, 8, 3), False, "divide by 255 once"),
        (1 / 255, (16, 8, 8, 3), True, None),
        (1 / 255, (16, 12), False, None),  # daily returns are that small
        (1e-6, (16, 12), False, "layers.Normalization adapted"),
        (0.0, (16, 12), False, None),
    ],
)
def test_very_small_inputs(size, shape, norm, said):
    middle = [call(np.zeros((16, 10)), np.zeros((16, 10)), "BatchNormalization")] * norm
    found = findings(unscaled_input, scaled(size, shape, middle))
    assert [said in f.keras for f in found] == ([] if said is None else [True])


@pytest.mark.parametrize(
    ("objective", "losses", "labels", "said"),
    [
        (TEN, 400.0, CLASSES, "chance level for one of 10 classes is 2.303"),
        (TEN, 2.5, CLASSES, None),
        (YES_OR_NO, 400.0, np.ones(16), "chance level for yes or no is 0.693"),
        (MSE, 400.0, 0.1 + 0.01 * RNG.random((16, 10)), "but the labels around 0.1"),
        (MSE, 400.0, 1.0 + RNG.random((16, 10)), None),
    ],
)
def test_large_inputs_matter_where_they_harm(objective, losses, labels, said):
    outputs = {} if objective.kind != "sigmoid" else {"outputs": np.full((16, 1), 0.5)}
    context = scaled(90.0, objective=objective, losses=losses, labels=labels, says_accuracy=False, **outputs)
    context.__dict__["task"] = {}
    found = findings(unscaled_input, context)
    assert [said in f.evidence for f in found] == ([] if said is None else [True])


@pytest.mark.parametrize(("share", "said"), [(0.9, True), (0.5, False)])
@pytest.mark.parametrize(("activation", "end"), [("sigmoid", 0.0), ("tanh", -1.0)])
def test_large_inputs_that_saturate_a_layer(activation, end, share, said):
    values = np.full((16, 100), 0.3)
    values[:, : round(100 * share)] = end
    context = scaled(90.0, (16, 12), [call(values, values, activation=activation, name="hidden")], losses=2.3)
    context.subject = replace(context.subject, objective=TEN)
    context.__dict__["task"] = {}
    found = findings(unscaled_input, context)
    assert [f"90% of the outputs of hidden ({activation})" in f.evidence for f in found] == [True] * said


@pytest.mark.parametrize("norm", [True, False])
def test_a_norm_directly_after_the_first_layer_undoes_the_size_of_inputs(norm):
    middle = [call(np.zeros((16, 10)), np.zeros((16, 10)), "BatchNormalization" if norm else "Dropout")]
    context = scaled(90.0, middle=middle, objective=TEN, losses=400.0, task={})
    assert len(findings(unscaled_input, context)) == (not norm)


@pytest.mark.parametrize(("least", "said"), [(0, ""), (-128, "a layers.Normalization adapted")])
def test_flattened_pixels_are_divided_and_other_large_values_normalised(least, said):
    rows = (least + RNG.integers(0, 256, (32, 60))).astype(np.float32)
    calls = [call(rows, rows), call(rows, rows)]
    (finding,) = findings(unscaled_input, context_of(calls, objective=TEN, losses=400.0, task={}))
    assert finding.keras.startswith(said)
    assert bool(finding.keras) == bool(said)


def several(size, scale=1.0, **more):
    """A network that joins two inputs, of which the second has this size."""
    parts = {"first": RNG.normal(size=(16, 6)), "second": size * RNG.normal(size=(16, 2))}
    joined = np.concatenate([parts["first"], scale * parts["second"]], axis=1).astype(np.float32)
    calls = [call(parts["first"], parts["first"], "Dropout"), call(joined, joined), call(joined, joined)]
    more = {"objective": TEN, "losses": 400.0, "task": {}} | more
    return context_of(calls, several=parts, **more)


@pytest.mark.parametrize(
    ("context", "said"),
    [
        (several(1e3), ["input second"]),
        (several(1.0), []),
        (several(1e3, scale=1e-3), []),  # the network scales it
        (several(1e3, losses=2.3), []),
        (several(1e3, losses=None), []),
        (several(1e3, task={"wrong-loss": []}), []),
    ],
)
def test_one_of_several_inputs_that_is_large(context, said):
    assert [f.where for f in findings(unscaled_input, context)] == said


def test_an_unscaled_input_explains_that_the_signal_of_several_inputs_grows():
    for task, said in (({}, 0), ({"wrong-loss": []}, 1)):
        context = context_of(network((1.0, 1e6)), objective=TEN, losses=400.0, task=task, several=several(1e3).several)
        context.__dict__["forward"].calls.insert(0, call(context.several["second"], np.zeros((16, 2)), name="taker"))
        assert len(findings(exploding_signal, context)) == said


@pytest.mark.parametrize(
    ("loss", "objective", "said"),
    [
        (2.4, TEN, None),
        (10.0, TEN, "note"),
        (30.0, TEN, "warning"),
        (np.inf, TEN, None),
        (30.0, MSE, None),
        (30.0, None, None),
        (2.4, YES_OR_NO, None),
        (3.0, YES_OR_NO, "note"),
    ],
)
def test_a_first_loss_far_above_chance_level(loss, objective, said):
    context = context_of(outputs=np.zeros((16, 10)), losses=loss, objective=objective)
    assert [f.severity for f in findings(large_first_loss, context)] == ([] if said is None else [said])


def test_labels_that_do_not_fit_the_loss_preempt_what_the_size_of_the_loss_says():
    fine, wrong = np.arange(16) % 10, np.eye(10)[np.arange(16) % 10]
    for labels, said in ((fine, ["unscaled-input", "large-first-loss"]), (wrong, ["label-encoding"])):
        context = scaled(90.0, objective=replace(TEN, from_logits=False), losses=400.0, labels=labels)
        context.forward.calls[-1].layer.layer.activation.__name__ = "softmax"
        assert [f.cause for f in examine(context)] == said


def test_images_that_are_scaled_twice_are_found_beside_labels_that_do_not_fit():
    labels = np.eye(10)[np.arange(16) % 10]
    context = scaled(1 / 255, objective=TEN, losses=2.3, labels=labels)
    assert {"label-encoding", "unscaled-input"} <= {f.cause for f in examine(context)}


def test_a_last_layer_that_does_not_fit_does_not_hide_very_large_inputs():
    def outputs_of(size):
        x, hidden = size * RNG.random((16, 12)), size * RNG.normal(size=(16, 10))
        calls = [call(x, hidden, name="first"), call(hidden, RNG.normal(size=(16, 10)), name="last")]
        return context_of(calls, losses=2.3, objective=TEN, labels=CLASSES, task={"output-units": [None]})

    (finding,) = findings(unscaled_input, outputs_of(1e9))
    assert re.search(r"the outputs of first are around [\d.]+e\+0[89]", finding.evidence)
    assert findings(unscaled_input, outputs_of(20.0)) == []


def test_labels_that_are_not_finite_say_nothing_about_the_scale():
    labels = np.where(np.arange(16) == 3, np.nan, np.arange(16) % 10)
    context = scaled(90.0, objective=TEN, losses=400.0, labels=labels)
    assert context.task == {}
    assert findings(unscaled_input, context) == []


@pytest.mark.parametrize(
    ("factor", "shift", "said"), [(1.0, 0.0, 0), (2.0, 0.0, 0), (5.0, 0.0, 1), (1.0, 9.0, 1), (1.0, np.inf, 0)]
)
def test_augmentation_that_makes_images_unlike_the_real_ones(factor, shift, said):
    x = RNG.normal(size=(16, 6))
    first = layer("Conv2D", "first")
    context = context_of([call(factor * x + shift, x, "Rescaling"), call(factor * x + shift, x, first)])
    context.__dict__["evaluated"] = context_of([call(x, x, first)]).forward
    assert [f.where for f in findings(strong_augmentation, context)] == ["input of layer first"] * said


def test_augmentation_is_not_seen_where_the_two_modes_begin_with_other_layers():
    x = RNG.normal(size=(16, 6))
    context = context_of([call(9 * x, x, "Conv2D", name="first")])
    context.__dict__["evaluated"] = context_of([call(x, x, "Conv2D", name="second")]).forward
    assert findings(strong_augmentation, context) == []
