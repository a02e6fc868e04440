"""Accuracies that do not count right predictions: made of arrays, without Keras."""

from dataclasses import replace

import numpy as np
import pytest

from doctor.passes import MSE, RNG, TEN, YES_OR_NO, call, context_of, findings
from exprun.doctor.cause import Phase
from exprun.doctor.causes import misleading_metric
from exprun.doctor.instruments.accuracies import Accuracy

LOGITS, ROWS = replace(YES_OR_NO, from_logits=True), replace(TEN, sparse=False, from_logits=False)
CLASSES = np.arange(32) % 4
HOT = np.eye(4)[CLASSES]
TWO = (np.arange(32) % 2).astype(np.float32)
TARGETS = RNG.normal(size=32)


def equal(labels, outputs):
    return np.mean(labels == outputs)


def above(threshold):
    return lambda labels, outputs: np.mean((outputs > threshold) == (labels.reshape(len(labels), -1) == 1))


def categorical(labels, outputs):
    return np.mean(labels.argmax(-1) == outputs.argmax(-1))


def sparse(labels, outputs):
    return np.mean(labels == outputs.argmax(-1))


def fails(labels, outputs):
    return None


def read(value, labels, objective, activation="linear", units=1, phase=Phase.FIRST_BATCH, outputs=None):
    """The findings about an accuracy of a network that ends in this activation."""
    if outputs is None:
        outputs = RNG.normal(size=(len(labels), units))
        outputs = np.exp(outputs) / np.exp(outputs).sum(1, keepdims=True) if activation == "softmax" else outputs
        outputs = 1 / (1 + np.exp(-outputs)) if activation == "sigmoid" else outputs
    calls = [call(outputs, outputs, activation=activation)]
    some = [] if value is None else [Accuracy("accuracy", "BinaryAccuracy", value)]
    context = context_of(calls, outputs, labels=labels, objective=objective, phase=phase, accuracies=some)
    return findings(misleading_metric, context)


@pytest.mark.parametrize(
    ("value", "labels", "objective", "activation", "units", "severity"),
    [
        (equal, HOT, ROWS, "softmax", 4, "warning"),
        (categorical, HOT, ROWS, "softmax", 4, None),
        (above(0.5), np.eye(10)[np.arange(32) % 10], ROWS, "softmax", 10, "warning"),
        (lambda y, p: np.mean(y == np.round(p[:, 0])), CLASSES, TEN, "linear", 4, "warning"),
        (lambda y, p: np.mean(y.argmax(-1) == p.argmax(-1)), CLASSES, TEN, "linear", 4, "warning"),
        (sparse, CLASSES, TEN, "linear", 4, None),
        (above(0.5), TWO, LOGITS, "linear", 1, "note"),
        (above(0.0), TWO, LOGITS, "linear", 1, None),
        (above(0.5), TWO, YES_OR_NO, "sigmoid", 1, None),
        (above(0.3), TWO, YES_OR_NO, "sigmoid", 1, None),  # a threshold that may be meant
        (equal, TWO[:, None], YES_OR_NO, "sigmoid", 1, "warning"),
        (above(0.5), TWO, MSE, "linear", 1, None),
        (equal, TARGETS, MSE, "linear", 1, "note"),
        (lambda y, p: np.mean(np.abs(y - p[:, 0]) < 0.1), TARGETS, MSE, "linear", 1, None),  # a tolerance
        (equal, TARGETS, ROWS, "softmax", 4, None),
        (fails, HOT, ROWS, "softmax", 4, None),
        (None, HOT, ROWS, "softmax", 4, None),
    ],
)
def test_an_accuracy_is_tried_on_right_and_wrong_predictions(value, labels, objective, activation, units, severity):
    found = read(value, labels, objective, activation, units)
    assert [finding.severity for finding in found] == ([] if severity is None else [severity])


@pytest.mark.parametrize(("size", "count"), [(0.3, 1), (9.0, 0)])
def test_small_logits_are_right_below_a_threshold(size, count):
    outputs = size * np.where(TWO == 1, 1.0, -1.0)[:, None]
    found = read(above(0.5), TWO, LOGITS, phase=Phase.PROBE, outputs=outputs)
    assert [finding.severity for finding in found] == ["warning"] * count
    assert all("50% for 32 examples of which the network predicts 100%" in finding.evidence for finding in found)
    assert all("threshold=0.0" in finding.keras for finding in found)


def test_a_threshold_of_probabilities_is_not_measured():
    outputs = np.where(TWO == 1, 0.4, 0.1)[:, None]  # of which 0.3 tells all, and 0.5 half
    assert read(above(0.3), TWO, YES_OR_NO, "sigmoid", phase=Phase.PROBE, outputs=outputs) == []


def among_first_two(labels, outputs):
    return np.mean([label in row for label, row in zip(labels, outputs.argsort(-1)[:, -2:], strict=True)])


def near_or_equal(labels, outputs):
    return np.mean(np.abs(labels - outputs.argmax(-1)) <= 1)


@pytest.mark.parametrize("value", [among_first_two, near_or_equal])
@pytest.mark.parametrize("phase", [Phase.FIRST_BATCH, Phase.PROBE])
def test_functions_of_ones_own_may_count_near_misses(value, phase):
    outputs = np.eye(4)[(CLASSES + 1) % 4] * (CLASSES < 3)[:, None] + 0.5 * np.eye(4)[CLASSES]
    own, plain = Accuracy("own_acc", "own_acc", value, is_own=True), Accuracy("accuracy", "Sparse", sparse)
    for accuracies, severities in (([own], ["note"]), ([own, plain], []), ([plain], [])):
        calls = [call(outputs, outputs)]
        context = context_of(calls, outputs, labels=CLASSES, objective=TEN, phase=phase, accuracies=accuracies)
        found = [finding.severity for finding in findings(misleading_metric, context)]
        assert set(found) <= set(severities)
    assert [f.severity for f in read(equal, HOT, ROWS, "softmax", 4)] == ["warning"]
