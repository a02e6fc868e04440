"""Differences between images on their way through a network, and outputs that do not depend on images."""

import numpy as np
import pytest

from doctor.passes import RNG, call, context_of, findings, network
from exprun.doctor.cause import Phase
from exprun.doctor.causes import dead_relu, exploding_signal, input_independent, vanishing_signal
from exprun.doctor.diagnosis import examine
from exprun.doctor.history import History
from exprun.doctor.instruments.chance import ChanceLevel

HE = RNG.normal(0, np.sqrt(2 / 64), (64, 64))  # a matrix with the standard deviation of He initialisation


@pytest.mark.parametrize(("spreads", "said"), [((1.0, 5.0, 14.0), False), ((1.0, 2.0, 90.0), True)])
def test_differences_that_grow(spreads, said):
    found = findings(exploding_signal, context_of(network(spreads, kernel=HE)))
    assert [f.where for f in found] == ["layer layer1"] * said
    assert all("90 times larger; up to 15 times larger is normal" in f.evidence for f in found)


@pytest.mark.parametrize(
    ("kernel", "said", "remedy"),
    [(HE, False, "look for multiplications and additions in the code around layer0"), (9 * HE, True, "")],
)
def test_large_weights_are_named_where_they_explain_the_growth(kernel, said, remedy):
    (finding,) = findings(exploding_signal, context_of(network((1.0, 90.0), kernel=kernel)))
    assert ("the standard deviation of its weights" in finding.evidence) == said
    assert finding.keras.endswith(remedy + "." * bool(remedy))


@pytest.mark.parametrize(
    ("spreads", "said"),
    [
        ((1.0, 0.0005), True),
        ((1.0, 0.01), False),  # a network of few layers learns with so small a signal
        ((1.0, *[0.01] * 6), True),
        ((1.0, *[0.05] * 6), False),
        ((1e4, *[0.05] * 6), False),  # the signal is not small itself
        ((0.0, 0.0), False),
    ],
)
def test_differences_that_fade(spreads, said):
    assert len(findings(vanishing_signal, context_of(network(spreads)))) == said
    assert findings(exploding_signal, context_of(network(spreads))) == []


def test_a_single_layer_and_outputs_that_are_not_finite_show_no_signal():
    for calls, outputs in ((network((1.0,)), None), (network((1.0, 90.0)), np.full((16, 8), np.nan))):
        assert findings(exploding_signal, context_of(calls, outputs)) == []
        assert findings(vanishing_signal, context_of(calls, outputs)) == []


def test_the_signal_of_several_inputs_begins_at_the_input_that_differs_most():
    calls = network((0.001, 1.0))
    several = {"first": calls[0].inputs, "second": 1000 * calls[0].inputs, "number": np.arange(16) % 2}
    assert len(findings(exploding_signal, context_of(calls))) == 1
    assert findings(exploding_signal, context_of(calls, several=several)) == []
    assert findings(vanishing_signal, context_of(network((1.0, 1e-6)), several=several)) == []


def relu(dead, size=16, units=40, **attributes):
    """A call of a layer with a ReLU, of which a share of the units is zero for all images."""
    values = RNG.random((size, 4, units)).astype(np.float32) + 0.1
    values[..., : round(dead * units)] = 0
    return call(values, values, **{"kind": "Conv2D", "activation": "relu", "name": "conv"} | attributes)


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        ([relu(1.0)], "layer conv"),
        ([relu(0.95)], "layer conv"),
        ([relu(0.9)], None),
        ([relu(1.0, kind="ReLU", activation="linear", name="after")], "layer after"),
        ([relu(1.0, activation="tanh")], None),
        ([relu(1.0, size=7)], None),
        ([relu(0.96), relu(1.0, name="second")], "layer second"),
    ],
)
def test_units_that_are_zero_for_every_image(calls, said):
    found = findings(dead_relu, context_of(calls))
    assert [f.where for f in found] == ([] if said is None else [said])
    assert all(f.keras.startswith("scale the inputs") for f in found)


def test_a_layer_that_is_called_twice_is_judged_by_its_worst_call():
    first, second = relu(1.0, kind="ReLU"), relu(0.1, kind="ReLU")
    again = call(second.inputs, second.outputs, first.layer)
    assert len(findings(dead_relu, context_of([first, again]))) == 1


@pytest.mark.parametrize(("loss", "said"), [(0.5, 0), (2.3, 1)])
def test_a_network_that_fits_its_images_may_have_dead_units(loss, said):
    history = History(ChanceLevel(np.log(10), 0.1, 10))
    found = findings(dead_relu, context_of([relu(1.0)], losses=loss, history=history, phase=Phase.PROBE, step=50))
    assert [(f.step, f.keras) for f in found] == [(50, "")] * said


@pytest.mark.parametrize(
    ("outputs", "inputs", "said"),
    [
        (1 + 1e-6 * RNG.normal(size=(16, 3)), RNG.normal(size=(16, 5)), True),
        (1 + 1e-2 * RNG.normal(size=(16, 3)), RNG.normal(size=(16, 5)), False),
        (np.ones((16, 3)), np.ones((16, 5)), False),  # the images are the same
        (np.zeros((16, 3)), RNG.normal(size=(16, 5)), False),
        (np.ones((3, 3)), RNG.normal(size=(3, 5)), False),
        (np.full((16, 3), np.nan), RNG.normal(size=(16, 5)), False),
    ],
)
@pytest.mark.parametrize("phase", [Phase.FIRST_BATCH, Phase.PROBE])
def test_outputs_that_are_the_same_for_every_image(outputs, inputs, said, phase):
    context = context_of([call(inputs, outputs)], outputs, phase=phase, has_learned=False)
    found = findings(input_independent, context)
    assert [f.where for f in found] == ["output"] * said
    assert all(("print the output of each layer" in f.keras) == (phase is Phase.FIRST_BATCH) for f in found)


def test_a_network_that_has_learned_may_give_the_same_outputs():
    context = context_of([call(RNG.normal(size=(16, 5)), np.ones((16, 3)))], phase=Phase.PROBE, has_learned=True)
    assert findings(input_independent, context) == []


def test_dead_units_preempt_what_they_cause_in_the_same_batch():
    calls = [*network((1.0, 90.0)), relu(1.0)]
    assert [f.cause for f in examine(context_of(calls[:-1]))] == ["exploding-signal"]
    found = {f.cause for f in examine(context_of(calls))}
    assert "dead-relu" in found
    assert "exploding-signal" not in found
