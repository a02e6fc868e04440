"""Losses of one's own, tried on right and wrong predictions: no network, no Keras."""

from dataclasses import replace

import numpy as np
import pytest

from doctor.passes import MSE, RNG, TEN, call, context_of, findings, layer, model_of
from exprun.doctor.causes import broadcast_loss, summed_loss
from exprun.doctor.instruments.labels import read_labels
from exprun.doctor.instruments.loss_trials import check_order, check_reported, is_sum
from exprun.doctor.instruments.objective import Objective
from exprun.doctor.subject import Pace

NUMBERS, MATCHES = RNG.normal(size=(16, 1)), (np.arange(16) % 2).reshape(-1, 1)
ROWS = np.eye(3)[RNG.integers(0, 3, 16)]


MASKS = RNG.integers(0, 2, (8, 4, 4, 1)).astype(float)


def tried(losses, labels, outputs=None, several=False, activation="linear"):
    """The causes that a loss of one's own shows; it returns one number, or one for each example."""
    objective = Objective("unknown", False, False, "own", lambda o, y: np.atleast_1d(losses(o, y)))
    outputs = np.zeros(labels.shape) if outputs is None else outputs
    calls = [call(outputs, outputs, activation=activation)]
    context = context_of(calls, outputs, labels=labels, objective=objective, several=several or None)
    return list(context.task)


def overlap(outputs, labels):
    return (2 * np.sum(outputs * labels) + 1) / (np.sum(outputs**2) + np.sum(labels**2) + 1)


def crossed(outputs, labels):
    """The difference of (n, 1) and (n,) is (n, n)."""
    return np.mean((labels.reshape(-1) - outputs.reshape(-1, 1)) ** 2)


def likelihood(outputs, labels):
    with np.errstate(all="ignore"):
        return -np.mean(labels * np.log(outputs))


def contrast(outputs, labels):
    """Distances are small for pairs that match, which have the label 1."""
    return np.mean(labels * outputs**2 + (1 - labels) * np.maximum(1 - outputs, 0) ** 2)


def test_masks_of_three_channels_for_an_output_of_one():
    outputs = RNG.random(MASKS.shape)
    assert tried(lambda o, y: 1 - overlap(o, y), MASKS.repeat(3, -1), outputs) == ["broadcast-loss"]
    assert tried(lambda o, y: 1 - overlap(o, y), MASKS, outputs) == []
    assert tried(lambda o, y: np.mean(y[..., 1:] * (o - y[..., :1]) ** 2), MASKS.repeat(2, -1), outputs) == []


@pytest.mark.parametrize(
    ("losses", "labels", "cause"),
    [
        (overlap, ROWS, ["wrong-loss"]),
        (lambda o, y: 1 - overlap(o, y), ROWS, []),
        (lambda o, y: -likelihood(o, y), ROWS, ["wrong-loss"]),  # 0 log 0 is no number
        (likelihood, ROWS, []),
        (lambda o, y: -np.mean((o - y) ** 2), NUMBERS, ["wrong-loss"]),
        (lambda o, y: -np.mean((o - y) ** 2), ROWS.reshape(16, 3, 1), ["wrong-loss"]),
        (lambda o, y: -np.mean((o - y) ** 2), RNG.normal(size=(16, 3, 2)), []),  # maps, of which it may take any part
        (crossed, NUMBERS, ["broadcast-loss"]),
        (crossed, NUMBERS[:, 0], ["broadcast-loss"]),
        (lambda o, y: (y.reshape(-1) - o) ** 2, NUMBERS, ["broadcast-loss"]),  # one row for each example
        (lambda o, y: np.mean((o - y) ** 2), NUMBERS, []),
        (lambda o, y: np.mean(o), NUMBERS, []),  # the model computes its loss itself
        (lambda o, y: abs(np.mean(o) - np.mean(y)) + 1, NUMBERS, []),  # compares whole batches, as some losses do
        (lambda o, y: np.mean(o * y), np.where(MATCHES, 1.0, -1.0), []),  # the loss of a critic
    ],
)
def test_a_loss_is_tried_on_right_and_wrong_predictions(losses, labels, cause):
    outputs = np.zeros((len(labels), *(labels.shape[1:] or (1,))))
    assert tried(losses, labels, outputs) == cause


@pytest.mark.parametrize(
    ("several", "activation", "cause"),
    [(True, "sigmoid", []), (False, "linear", []), (False, "sigmoid", ["wrong-loss"])],
)
def test_distances_are_large_for_pairs_that_do_not_match(several, activation, cause):
    assert tried(contrast, MATCHES, np.full((16, 1), 0.5), several, activation) == cause


def test_a_step_of_ones_own_reports_the_mean_over_all_pairs():
    labels, outputs = NUMBERS[:, 0], RNG.normal(size=(16, 1)).astype(np.float32)
    squares = (outputs - labels) ** 2
    (finding,) = check_reported(float(squares.mean()), outputs, labels)
    assert (finding.cause, finding.severity) == ("broadcast-loss", "error")
    assert "all 256 pairs" in finding.evidence
    assert list(check_reported(float(np.abs(outputs - labels).mean()), outputs, labels))
    assert not list(check_reported(float(squares.diagonal().mean()), outputs, labels))
    assert not list(check_reported(float(squares.mean()), outputs, NUMBERS))  # of the same shape


def test_the_reported_loss_is_compared_with_the_first_batch():
    labels, outputs = NUMBERS[:, 0], RNG.normal(size=(16, 1)).astype(np.float32)
    context = context_of([call(outputs, outputs)], outputs, labels=labels, first_outputs=[outputs + 1, outputs])
    for reported, count in ((None, 0), (float(((outputs - labels) ** 2).mean()), 1), (0.5, 0)):
        context.subject = replace(context.subject, first_loss=reported)
        assert len(findings(broadcast_loss, context)) == count


@pytest.mark.parametrize(
    ("total", "sums"),
    [
        (lambda o, y: np.sum((o - y) ** 2), True),
        (lambda o, y: np.mean((o - y) ** 2), False),
        (lambda o, y: 1 - overlap(o, y), False),
        (lambda o, y: 0.0, False),
        (lambda o, y: np.nan, False),
        (lambda o, y: o.reshape(16, 1).sum(), False),  # for one batch size
        (None, False),
    ],
)
def test_the_loss_of_a_batch_and_of_its_halves(total, sums):
    assert is_sum(replace(MSE, total=total), RNG.normal(size=(16, 1)), NUMBERS) is sums


def trained(rate, total=np.sum, optimizer="sgd", clipped=None, gradient=0.1):
    """The findings for a batch of 64 examples, of which a pass has 16, where all weights are 1."""
    one = layer(kernel=np.ones((4, 4)), name="dense")
    model = model_of(one)
    model.optimizer = type("SGD", (), {"clipnorm": clipped})()
    outputs = RNG.normal(size=(16, 4))
    context = context_of(
        [call(outputs, outputs, one)],
        losses=2.0,
        labels=np.zeros((16, 4)),
        objective=replace(TEN, total=lambda o, y: float(total((o - y) ** 2))),
        pace=Pace(optimizer, np.array([rate]), 100, 64),
        model=model,
        found={"gradients": [np.full((4, 4), gradient)]},  # of the mean loss
    )
    return findings(summed_loss, context)


@pytest.mark.parametrize(
    ("options", "severity"),
    [
        ({"rate": 0.05}, "warning"),  # 0.05 · 64 · 0.1
        ({"rate": 0.5}, "error"),
        ({"rate": 0.05 / 64}, None),
        ({"rate": 0.05, "gradient": 0.01}, None),  # the sum is divided by a number in the loss
        ({"rate": 0.015, "gradient": 0.5}, None),  # 64 times the rate is still usual
        ({"rate": 0.05, "total": np.mean}, None),
        ({"rate": 0.05, "optimizer": "adam"}, None),
        ({"rate": 0.05, "clipped": 1.0}, None),
    ],
)
def test_a_sum_is_reported_if_its_first_step_is_far_too_large(options, severity):
    assert [finding.severity for finding in trained(**options)] == ([] if severity is None else [severity])


@pytest.mark.parametrize("units", [1, 4])
def test_a_cross_entropy_with_swapped_arguments(units):
    labels = np.eye(units)[np.arange(40) % units] if units > 1 else (np.arange(40)[:, None] % 2).astype(float)

    def entropy(labels, outputs):
        outputs = np.clip(outputs, 1e-7, 1 - 1e-7)
        other = 0 if units > 1 else (1 - labels) * np.log(1 - outputs)
        return -(labels * np.log(outputs) + other).sum(-1)

    def found(losses):
        objective = Objective("unknown", False, False, "own", losses)
        return list(check_order(objective, read_labels(labels), np.full_like(labels, 0.5)))

    def smoothed(first, second, even):
        return 0.9 * entropy(first, second) + 0.1 * even

    [finding] = found(lambda outputs, y: entropy(outputs, y))
    assert (finding.cause, finding.severity) == ("wrong-loss", "error")
    assert len(found(lambda outputs, y: smoothed(outputs, y, 1.4))) == 1
    assert found(lambda outputs, y: smoothed(y, outputs, entropy(np.full_like(y, 1 / max(2, units)), outputs))) == []
    assert found(lambda outputs, y: entropy(y, outputs)) == []
    assert found(lambda outputs, y: ((y - outputs) ** 2).sum(-1)) == []
