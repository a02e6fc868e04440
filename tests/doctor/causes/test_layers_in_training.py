"""Layers whose training mode is not what it should be: random outputs, frozen averages, and the like."""

import numpy as np
import pytest

from doctor.passes import RNG, TEN, Variable, call, context_of, findings, layer
from exprun.doctor.cause import Phase
from exprun.doctor.causes import erasing_layer, frozen_statistics, no_training_mode, random_output

X = RNG.normal(size=(16, 6))


def weighted(outputs):
    """The last layer of weights."""
    return call(X, outputs, layer(name="head"))


def dropped(values, kind="Dropout", share=0.5):
    return call(values, np.where(RNG.random(values.shape) < share, 0.0, 2 * values), kind, name="last")


def noisy(values, size):
    return call(values, values + RNG.normal(scale=size, size=values.shape), "GaussianNoise", name="last")


def ends(calls, losses=None):
    """The findings for a network that ends in these calls, of which each has a loss of its own."""
    context = context_of(calls, losses=1.0 if losses else None, objective=TEN if losses else None)
    context.losses = lambda outputs, labels: losses[np.array_equal(outputs, np.float32(calls[-1].inputs))]
    return [finding.severity for finding in findings(random_output, context)]


def test_dropout_after_the_last_weights_drops_predictions():
    softmax = np.exp(X) / np.exp(X).sum(1, keepdims=True)
    assert ends([weighted(X), call(X, softmax, "Softmax"), dropped(softmax)], (9.4, 2.3)) == ["error"]
    assert ends([weighted(X), dropped(X)], (2.4, 2.3)) == ["warning"]
    assert ends([weighted(X), dropped(X)]) == ["warning"]
    logits = dropped(X)
    assert ends([weighted(X), logits, call(logits.outputs, softmax, "Softmax")], (2.4, 2.3)) == ["warning"]


def test_dropout_elsewhere_is_as_usual():
    hidden = dropped(X)
    assert ends([weighted(X), hidden, call(hidden.outputs, X, layer(name="next"))]) == []
    assert ends([weighted(X), call(X, X, "Dropout")]) == []  # of nothing
    assert ends([weighted(X), dropped(2 * X), call(X, X, "Softmax")]) == []  # on another path
    assert ends([dropped(X)]) == []
    maps = dropped(RNG.normal(size=(16, 4, 4, 6)))
    pooled = maps.outputs.mean((1, 2))
    assert (
        ends([call(X, maps.inputs, layer("Conv2D")), maps, call(maps.outputs, pooled, "GlobalAveragePooling2D")]) == []
    )


@pytest.mark.parametrize(
    ("losses", "severities"), [((5.0, 2.3), ["error"]), ((3.0, 2.3), ["warning"]), ((2.35, 2.3), [])]
)
def test_noise_on_predictions_counts_by_what_it_costs(losses, severities):
    assert ends([weighted(X), noisy(X, 1.0)], losses) == severities


def norm(mean=0.0, deviation=1.0, name="norm", channels=6, **more):
    """A batch norm with these moving averages."""
    made = layer("BatchNormalization", name)
    full = {"moving_mean": np.full(channels, mean), "moving_variance": np.full(channels, deviation**2)}
    weights = {"gamma": np.full(channels, 1.5), "beta": np.full(channels, 0.5)}
    vars(made.layer).update(full | weights | {"epsilon": 0.0, "scale": True, "center": True, "axis": -1} | more)
    return made


def normalises(inputs, made, by_averages=True):
    """The call of a batch norm, which uses its averages or those of its inputs."""
    at = made.layer
    mean, deviation = at.moving_mean, np.sqrt(at.moving_variance)
    if not by_averages:
        mean, deviation = inputs.mean(0), inputs.std(0)
    return call(inputs, 1.5 * (inputs - mean) / deviation + 0.5, made)


@pytest.mark.parametrize(
    ("inputs", "made", "by_averages", "count"),
    [
        (X / 255, norm(1.0, 1.01), True, 1),
        (X * 255, norm(1.0, 1.01), True, 1),
        (X + 40, norm(1.0, 1.01), True, 1),
        (X * 3 + 2, norm(1.0, 1.01), True, 0),  # other images than those before
        (X / 255, norm(1.0, 1.01), False, 0),  # it trains
        (X / 255, norm(), True, 0),  # it was never trained
        (X / 255, norm(0.1, 1.05), True, 0),  # it was trained for a few steps
    ],
)
def test_frozen_averages_and_what_reaches_them(inputs, made, by_averages, count):
    found = findings(frozen_statistics, context_of([normalises(inputs, made, by_averages)]))
    assert [finding.where for finding in found] == ["layer norm"] * count


def test_only_the_first_of_several_frozen_norms_is_compared():
    good, bad = normalises(X, norm(1.0, 1.01)), normalises(X / 255, norm(1.0, 1.01))
    assert findings(frozen_statistics, context_of([good, bad])) == []
    (finding,) = findings(frozen_statistics, context_of([bad, good]))
    assert "2 batch norms" in finding.evidence
    assert "have 1/" in finding.evidence


def idle(*layers):
    return [
        (f.severity, f.where)
        for f in findings(no_training_mode, context_of([call(X, X)], phase=Phase.FIRST_STEP, idle=layers))
    ]


def test_layers_that_train_in_inference_mode():
    dropout = layer("Dropout")
    assert idle() == []
    assert idle(dropout) == [("warning", "layer dropout")]
    assert idle(norm(), norm(name="other"), dropout) == [("error", "layers norm, other")]


def erased(*calls):
    return findings(erasing_layer, context_of(calls))


def test_the_layer_that_makes_all_examples_equal():
    same = np.zeros((16, 6))
    made = layer("LayerNormalization", "norm", variables=[Variable("gamma", [1.0])])
    made.layer.axis = [-1]
    one = call(X[..., None], same[..., None], made)
    (finding,) = erased(one, call(same, same))
    assert (finding.severity, finding.where) == ("error", "layer norm")
    assert "an axis with one value" in finding.evidence
    (finding,) = erased(call(X, same, "Lambda", name="code"), call(same, same))
    assert finding.where == "layer code"
    assert finding.keras == ""


def test_examples_that_become_equal_by_weights_or_not_at_all():
    same = np.zeros((16, 6))
    assert erased(call(X, X, "Lambda"), call(X, X)) == []
    assert erased(call(X, same, "ReLU"), call(same, same)) == []
    assert erased(call(X, same), call(same, same)) == []
    assert erased(call(X, X), call(X[:, :1], same[:, :1], "Softmax")) == []
    assert erased(call(X, same, "Lambda"), call(X, X)) == []  # a branch
    assert erased(call(same, same, "Lambda"), call(same, same)) == []  # equal inputs


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softmax"])
def test_activations_that_large_inputs_saturate_erase_nothing_themselves(activation):
    same = np.zeros((16, 6))
    assert erased(call(1e4 * X, same, "Activation", activation=activation), call(same, same)) == []
    assert erased(call(X[:, :1], same[:, :1], "Activation", activation=activation), call(same, same))
