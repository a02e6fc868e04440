"""Causes that a probe shows: broken weights, one class for all images, weights that move too little or too far."""

from types import SimpleNamespace

import numpy as np
import pytest

from doctor.contexts import found
from doctor.histories import TEN, training
from exprun.doctor.cause import Phase
from exprun.doctor.causes import (
    collapsed_predictions,
    learning_rate_high,
    learning_rate_low,
    not_finite,
    untrained_variables,
)
from exprun.doctor.history import History
from exprun.doctor.instruments.passes import Pass
from exprun.doctor.instruments.weights import Weight
from exprun.doctor.subject import Images


class Variable:
    """A variable that looks like one of Keras."""

    def __init__(self, path, values):
        self.path, self.name, self.values, self.shape = path, path.split("/")[-1], values, values.shape

    def __array__(self, dtype=None, copy=None):
        return self.values


def probed(before, now, steps=20, gradients=(), loss=2.3, outputs=None, chance=TEN, labels=range(4), **more):
    """The context of a probe.

    Args:
        before: the value of each matrix at the probe before, 2 × 2 times that value.
        now: the same now.
        steps: the steps between the probes.
        gradients: the gradient of each matrix, in the same way.
        loss: the loss of the images of the probe.
        outputs: the outputs of the network for them.
        chance: the chance level.
        labels: the labels of the images.
        **more: other arguments of `training`.
    """
    history, labels = History(chance, 400), np.asarray(labels)
    variables = [Variable(f"dense_{number}/kernel", np.full((2, 2), value)) for number, value in enumerate(now)]
    history.record_probe(20, [np.full(4, value) for value in before], 2.3)
    history.record_probe(20 + steps, [v.values.ravel() for v in variables], loss)
    layers = [SimpleNamespace(name=v.path.split("/")[0], _layers=(), variables=[v]) for v in variables]
    model = SimpleNamespace(_flatten_layers=lambda include_self, recursive=True: layers)
    images = Images(np.zeros((len(labels), 1), np.float32))
    context = training(Phase.PROBE, history, 20 + steps, model, train=images, labels=labels, **more)
    outputs = np.eye(4) if outputs is None else outputs
    gradients = [None if value is None else np.full((2, 2), value) for value in gradients]
    context.__dict__["forward"] = Pass([], outputs, np.array([loss]), gradients=gradients)
    context.__dict__["weights"] = [Weight(v, v.values.ravel()) for v in variables]
    return context


def found_by(*causes, others=()):
    """What some causes find in a probe in which other checks find something."""

    def find(context):
        context.finds = lambda identifier: identifier in others
        return [(f.cause, f.severity) for cause in causes for f in found(cause, context)]

    return find


@pytest.mark.parametrize(("value", "causes"), [(0.5, []), (np.nan, ["not-finite"]), (np.inf, ["not-finite"])])
def test_weights_that_are_not_finite(value, causes):
    findings = found(not_finite, probed([0.5, 0.5], [0.5, value]))
    assert [finding.cause for finding in findings] == causes
    if findings:
        assert "1 of 2 variables contain NaN or infinity, the first of them dense_1/kernel" in findings[0].evidence


@pytest.mark.parametrize(("classes", "called"), [(("cat", "dog", "eel"), "eel"), ((), "2")])
def test_one_class_for_all_images_is_called_by_its_name_if_that_is_known(classes, called):
    context = probed([], [], outputs=np.array([[0, 0, 1]] * 3), labels=range(3), classes=classes)
    (finding,) = found(collapsed_predictions, context)
    assert finding.evidence == (
        f"The network predicts class {called} for all 3 rows of the probe, but they belong to 3 classes."
    )


@pytest.mark.parametrize(
    "twin",
    [
        {"outputs": np.eye(4)},
        {"labels": [0, 0, 1, 1]},
        {"loss": 1.0},
        {"steps": -1},  # many networks start so
        {"chance": None},
        {"outputs": np.zeros((4, 1))},
        {"outputs": np.zeros((4, 5, 3))},
    ],
)
def test_predictions_that_are_not_collapsed(twin):
    one_class = {"outputs": np.eye(4)[[2, 2, 2, 2]]}
    assert found(collapsed_predictions, probed([], [], **one_class))
    assert not found(collapsed_predictions, probed([], [], **one_class | twin))


def test_predictions_collapse_in_three_probes_in_a_row():
    assert collapsed_predictions.CAUSE.confirm == {Phase.PROBE: 3}


LOW, HIGH = ("learning-rate-low", "warning"), ("learning-rate-high", "warning")
RATES = found_by(learning_rate_low, learning_rate_high)


@pytest.mark.parametrize(
    ("now", "more", "expected"),
    [
        ([1.0, 1.0], {}, [LOW]),
        ([1.0, 1.0], {"loss": 1.0}, []),
        ([1.01, 1.01], {}, []),
        ([5.0, 5.0], {}, [HIGH]),
        ([5.0, 5.0], {"loss": 1.0}, []),
        ([5.0, 5.0], {"steps": 19}, []),
        ([5.0, 5.0], {"chance": None}, []),
        ([3.0, 3.0], {}, []),
        ([3.0, 3.0], {"limits": {"large_update": 1.5}}, [HIGH]),
    ],
)
def test_weights_that_hardly_move_or_move_too_far(now, more, expected):
    assert RATES(probed([1.0, 1.0], now, **more)) == expected


def test_without_a_chance_level_the_first_probe_tells_what_a_network_has_learned():
    assert RATES(probed([1.0], [1.0], loss=1.2, chance=None)) == [LOW]
    assert RATES(probed([1.0], [1.0], loss=1.1, chance=None)) == []


def test_the_evidence_about_weights_that_hardly_move():
    (finding,) = found(learning_rate_low, probed([1.0], [1.0 + 1e-6]))
    assert finding.evidence == (
        "In 20 steps, the weights have changed by 1.0e-06 of their size (5.0e-08 in each step; about 1e-3 is normal)."
    )


@pytest.mark.parametrize(
    ("other", "now", "expected"),
    [
        ("dead-relu", 1.0, []),
        ("dead-relu", 5.0, []),
        ("vanishing-gradient", 1.0, [LOW]),
        ("vanishing-gradient", 5.0, []),
    ],
)
def test_dead_units_and_vanishing_gradients_explain_how_weights_move(other, now, expected):
    assert found_by(learning_rate_low, learning_rate_high, others=[other])(probed([1.0], [now])) == expected


LEFT = ("untrained-variables", "error")


@pytest.mark.parametrize(
    ("now", "gradients", "others", "expected"),
    [
        ([1.0, 1.1, 1.1], [1.0, 1.0, 1.0], [], [LEFT]),
        ([1.1, 1.1, 1.1], [1.0, 1.0, 1.0], [], []),
        ([1.0, 1.1, 1.1], [0.05, 1.0, 1.0], [], []),  # its gradient is small
        ([1.0, 1.1, 1.1], [None, 1.0, 1.0], [], []),
        ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [], []),  # nothing moves
        ([1.0, 1.1, 1.1], [], [], []),
        ([1.0, 1.1, 1.1], [1.0, 1.0, 1.0], ["dead-relu"], []),
        ([1.0, 1.1, 1.1], [1.0, 1.0, 1.0], ["vanishing-gradient"], []),
    ],
)
def test_matrices_that_the_step_leaves_out(now, gradients, others, expected):
    context = probed([1.0, 1.0, 1.0], now, gradients=gradients)
    assert found_by(untrained_variables, others=others)(context) == expected


def test_the_layers_of_matrices_that_are_left_out_are_named():
    (finding,) = found(untrained_variables, probed([1.0, 1.0], [1.0, 1.1], gradients=[1.0, 1.0]))
    assert finding.where == "layer dense_0"
    assert "In 20 steps, 1 of 2 matrices of weights have not changed at all" in finding.evidence


def test_an_embedding_may_stay_as_it_is():
    context = probed([1.0, 1.0], [1.0, 1.1], gradients=[1.0, 1.0])
    context.weights[0].variable.name = "embeddings"  # a step changes few of its rows
    assert not found(untrained_variables, context)


def test_matrices_that_are_left_out_do_not_make_a_learning_rate_low():
    context = probed([1.0] * 5, [1.0] * 3 + [1.1] * 2, gradients=[1.0] * 5)
    assert RATES(context) == []


def test_the_first_probe_has_nothing_to_compare_with():
    context = probed([], [], outputs=np.eye(4))
    assert found_by(untrained_variables, learning_rate_low, learning_rate_high)(context) == []
