"""example-weights: weights that leave examples out of the loss, or make the loss tiny."""

from types import SimpleNamespace

import numpy as np
import pytest

from doctor.contexts import context_of, found
from doctor.histories import TEN, after_epochs
from exprun.doctor.causes import example_weights
from exprun.doctor.subject import Images, Pace

CLASSES = np.arange(80) % 4
BALANCED = np.array([1.0, 2.0, 0.5, 0.7])
SGD = Pace("sgd", np.array([0.01]), 100, 20)
ADAM = Pace("adam", np.array([0.001]), 100, 20, epsilon=1e-7)


def check(weights, classes=CLASSES, pace=SGD, val=None, gradient=1e-3, accuracy=0.1):
    each = np.split(np.asarray(weights, np.float32), 4)
    context = context_of(weights=each, weighted_classes=classes, pace=pace, val=val)
    context.history = after_epochs([2.3], accuracy=accuracy)
    context.history.chance = TEN
    vars(context)["forward"] = SimpleNamespace(gradients=[np.full((3, 4), gradient), None])
    return found(example_weights, context)


def test_usual_weights():
    assert check(np.ones(80)) == []
    assert check(BALANCED[CLASSES]) == []
    assert check(np.where(np.arange(80) % 3, 1.0, 0.0)) == []  # some examples are left out, of all classes
    assert check(0.05 * BALANCED[CLASSES]) == []  # a learning rate of 5e-4 is usual
    assert check(1e-3 * np.ones(80), pace=ADAM) == []  # Adam does not mind
    assert check(np.where(CLASSES == 2, 0.0, 1.0)[:20], CLASSES[:20]) == []  # too few to tell
    assert found(example_weights, context_of()) == []


def test_all_weights_are_zero():
    [finding] = check(np.zeros(80))
    assert (finding.severity, finding.where) == ("error", "weights in the loss")
    assert finding.evidence.startswith("All 80 examples checked have the weight 0")


def test_weights_that_are_not_finite():
    [finding] = check(np.where(CLASSES == 1, np.inf, 1.0))
    assert finding.evidence == "20 of 80 weights are NaN or infinite."
    assert "division by 0" in finding.keras


@pytest.mark.parametrize("validated", [False, True])
def test_a_class_without_weight(validated):
    val = Images(np.zeros((8, 1), np.float32), np.array([2, 2, 2, 2])) if validated else None
    [finding] = check(np.where(CLASSES == 2, 0.0, 1.0), val=val)
    assert finding.severity == ("error" if validated else "warning")
    assert finding.evidence.startswith("All 20 examples of class 2 have the weight 0, 25% of the examples checked")
    assert ("validation has this class" in finding.evidence) == validated


def test_labels_that_are_no_classes():
    assert check(np.where(CLASSES == 2, 0.0, 1.0), None) == []


def test_batches_without_weight():
    [finding] = check(np.arange(80) < 20, None)
    assert finding.evidence.startswith("In 3 of 4 batches, all examples have the weight 0")


def test_weights_whose_sum_is_one():
    [finding] = check(np.full(80, 1 / 1400))
    assert (finding.severity, finding.numbers["mean"]) == ("warning", pytest.approx(1 / 1400))
    assert "at learning rate 0.01 is then as long as one at 7e-06 without weights" in finding.evidence
    assert check(np.full(80, 1 / 1400), accuracy=0.6) == []  # it learns all the same


def test_a_gradient_that_falls_below_epsilon():
    [finding] = check(np.full(80, 1e-7), pace=ADAM)
    assert "the gradient is then around 1e-10, and adam, which adds its epsilon of 1e-07" in finding.evidence
    assert check(np.full(80, 1e-7), pace=ADAM, gradient=np.nan) == []
