"""Gradients of a batch: those that vanish, that are missing, that are zero, and those of a penalty."""

import numpy as np
import pytest

from doctor.passes import RNG, Variable, context_of, findings, layer, model_of
from exprun.doctor.cause import Phase
from exprun.doctor.causes import (
    bypassed_layers,
    strong_regularization,
    symmetric_init,
    untrained_variables,
    vanishing_gradient,
    zero_gradient,
)


def trained(gradients, weights=1.0, penalties=(), losses=2.3, biases=False, **more):
    """A context of layers with one matrix each, whose gradients have these sizes; None for no gradient."""
    variables = [
        [Variable(f"layer{n}/kernel", np.full((2, 2), weights)), *([Variable(f"layer{n}/bias", [0.0])] * biases)]
        for n in range(len(gradients))
    ]
    model = model_of(*(layer(name=f"layer{n}", variables=own) for n, own in enumerate(variables)))
    sizes = [size for size in gradients for _ in range(1 + biases)]
    found = {
        "gradients": [None if size is None else np.full((2, 2), size) for size in sizes],
        "penalties": [None if size is None else np.full((2, 2), size) for size in penalties],
        "penalty": more.pop("penalty", 0.0),
    }
    return context_of(outputs=np.zeros((16, 3)), losses=losses, model=model, found=found, **more)


@pytest.mark.parametrize(
    ("gradients", "losses", "said"),
    [
        ((1e-9, 1e-5, 1e-2), 2.3, True),
        ((1e-6, 1e-5, 1e-2), 2.3, False),
        ((1e-9, 1e-2), 2.3, False),  # too few layers to vanish in
        ((None, 1e-9, 1e-5, 1e-2), 2.3, True),
        ((1e-9, 1e-5, 0.0), 2.3, False),
        ((1e-9, 1e-5, 1e-2), np.nan, False),
    ],
)
def test_gradients_that_shrink_from_layer_to_layer(gradients, losses, said):
    found = findings(vanishing_gradient, trained(gradients, losses=losses))
    assert [f.where for f in found] == [f"layer layer{int(gradients[0] is None)}"] * said
    assert all("1.0e-09 in this layer and 1.0e-02 in the last one; up to 100,000 times" in f.evidence for f in found)


@pytest.mark.parametrize(("losses", "learned", "said"), [(2.3, False, 1), (2.3, True, 0), (None, False, 0)])
def test_gradients_that_vanish_while_the_network_has_not_learned(losses, learned, said):
    context = trained((1e-9, 1e-5, 1e-2), losses=losses, phase=Phase.PROBE, has_learned=learned, step=50)
    assert [f.step for f in findings(vanishing_gradient, context)] == [50] * said


@pytest.mark.parametrize(
    ("gradients", "losses", "learned", "said"),
    [
        ((0.0, 0.0, 0.0), 2.3, False, True),
        ((0.0, 0.0, 1e-9), 2.3, False, False),
        ((0.0,), 2.3, False, False),
        ((0.0, 0.0), 2.3, True, False),
        ((0.0, 0.0), np.nan, False, False),
        ((None, None), 2.3, False, False),
    ],
)
def test_a_gradient_that_is_lost_at_the_end_of_the_network(gradients, losses, learned, said):
    context = trained(gradients, losses=losses, phase=Phase.PROBE, has_learned=learned, step=50)
    found = findings(zero_gradient, context)
    assert [f.where for f in found] == [f"layer layer{len(gradients) - 1}"] * said


@pytest.mark.parametrize(
    ("gradients", "biases", "ignored", "said"),
    [
        ((1.0, 1.0), False, False, None),
        ((None, 1.0), True, False, ("layer layer0", "2 of 4 trainable variables get no gradient")),
        ((None, 1.0), False, False, ("layer layer0", "1 of 2 trainable variables gets no gradient")),
        ((None, 1.0), False, True, ("layer layer0", "stays the same if the outputs of their layers are set to 0")),
        ((None,) * 5 + (1.0,), False, False, ("layers layer0, layer1, layer2, layer3 and more", "5 of 6")),
    ],
)
def test_layers_without_a_gradient(gradients, biases, ignored, said):
    context = trained(gradients, biases=biases, ignores_unreached=ignored)
    found = {module: findings(module, context) for module in (bypassed_layers, untrained_variables)}
    assert found[untrained_variables if ignored else bypassed_layers] == []
    found = found[bypassed_layers if ignored else untrained_variables]
    assert [f.where for f in found] == ([] if said is None else [said[0]])
    assert all(said[1] in f.evidence and f.keras == "" for f in found)


def test_single_variables_without_a_gradient_are_named_themselves():
    context = trained((1.0, 1.0), biases=True, ignores_unreached=False)
    context.forward.gradients[1] = None
    (finding,) = findings(untrained_variables, context)
    assert finding.where == "variable layer0/bias"
    assert finding.keras.startswith("use each of these variables in call")


def test_variables_that_no_layer_holds_are_not_bypassed():
    context = trained((None, 1.0))
    context.model._flatten_layers = lambda include_self, recursive=True: []
    assert not context.ignores_unreached
    assert [f.where for f in findings(untrained_variables, context)] == ["variable layer0/kernel"]


@pytest.mark.parametrize(
    ("gradients", "weights", "said"),
    [
        ((0.0, 0.0), 0.0, ["layer0/kernel, layer1/kernel"]),
        ((0.0,) * 5, 0.0, ["layer0/kernel, layer1/kernel, layer2/kernel, layer3/kernel and more"]),
        ((0.0, 0.1), 0.0, []),  # once the second has changed, the first can
        ((0.0, 0.0), 1.0, []),
        ((0.0,), 0.0, []),
        ((None, 0.0), 0.0, []),
    ],
)
def test_matrices_of_zeros_that_are_multiplied(gradients, weights, said):
    assert [f.where for f in findings(symmetric_init, trained(gradients, weights))] == said


@pytest.mark.parametrize(
    ("penalties", "penalty", "said"),
    [
        ((5.0, 5.0, 0.1), 1.0, True),
        ((5.0, 0.1, 0.1), 1.0, False),
        ((0.1, 0.1, 0.1), 50.0, True),
        ((None, 0.1, 0.0), 50.0, True),
        ((None, None, 0.0), 50.0, False),
        ((), 0.0, False),
    ],
)
def test_penalties_that_outweigh_the_data(penalties, penalty, said):
    found = findings(strong_regularization, trained((1.0, 1.0, 1.0), penalties=penalties, penalty=penalty))
    assert [(f.where[:34], f.remedies) for f in found] == [("regularised weights, most of all l", ())] * said


def test_the_largest_penalty_is_named():
    gradients, penalties = RNG.permutation(4) + 1.0, np.array([8.0, 9.0, 99.0, 9.0])
    (finding,) = findings(strong_regularization, trained(gradients, penalties=penalties, penalty=99.0))
    assert finding.where.endswith("layer2/kernel")
    assert finding.numbers["ratio"] == pytest.approx(99.0 / gradients[2])
