"""Labels that belong to other images, and problems that are only hard."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from doctor.contexts import context_of, found
from exprun.doctor.cause import Finding, Phase
from exprun.doctor.causes import shuffled_labels
from exprun.doctor.history import Epoch, History
from exprun.doctor.instruments.chance import ChanceLevel
from exprun.doctor.subject import Images


def digits(count=600):
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return (images[:count] * 15.9).astype(np.uint8).reshape(-1, 8, 8, 1), labels[:count]


def told(train, val=None):
    splits = [
        None if split is None else Images(split[0], pixels=split[0], pixel_labels=split[1]) for split in (train, val)
    ]
    return found(shuffled_labels, context_of(*splits))


def severities(train, val=None):
    return [finding.severity for finding in told(train, val)]


def test_labels_that_belong_to_their_images_are_left_alone():
    x, y = digits()
    assert told((x[:400], y[:400]), (x[400:], y[400:])) == []
    assert found(shuffled_labels, context_of(Images(x))) == []


def test_shuffled_labels_are_an_error_with_a_reference_and_a_suspicion_without():
    x, y = digits()
    wrong = np.random.default_rng(0).permutation(y)
    [finding] = told((x[:400], wrong[:400]), (x[400:], y[400:]))
    assert (finding.cause, finding.severity, finding.where) == ("shuffled-labels", "error", "training labels")
    assert "Fitted on validation images, the best classifier has an accuracy of" in finding.evidence
    [finding] = told((x[:400], wrong[:400]))
    assert finding.severity == "note"
    assert finding.evidence.endswith("the labels may be mixed up.")


def test_few_images_say_nothing_about_labels():
    x, y = digits(40)
    assert told((x, np.random.default_rng(0).permutation(y))) == []


def xor(rng, count):
    x = rng.uniform(-1, 1, (count, 2))
    return x, x[:, 0] * x[:, 1] > 0


def rings(rng, count):
    x = rng.normal(size=(count, 2))
    return x, np.hypot(x[:, 0], x[:, 1]) > 1.18


def parity(rng, count):
    x = rng.integers(0, 2, (count, 4)) + rng.normal(0, 0.1, (count, 4))
    return x, x.round().sum(1) % 2


def xor_of_pixels(rng, count):
    x, bright = rng.random((count, 6, 6, 1)), rng.integers(0, 2, (2, count))
    x[:, :2, :2, 0] += bright[0, :, None, None]
    x[:, 4:, 4:, 0] += bright[1, :, None, None]
    return x, bright[0] ^ bright[1]


def waves(rng, count):
    y = rng.integers(0, 3, count)
    phases = 2 * np.pi * ((y[:, None] + 2) * np.arange(48) / 24 + rng.random((count, 1)))
    return (np.sin(phases) + rng.normal(0, 0.2, (count, 48)))[..., None], y


def rare(rng, count):
    y = (rng.random(count) < 0.25).astype(int)
    return rng.normal(size=(count, 8)) + 0.7 * y[:, None], y


def many(rng, count):
    y = rng.integers(0, 40, count)
    return np.eye(40)[y].reshape(count, 5, 8, 1) + rng.normal(0, 0.5, (count, 5, 8, 1)), y


@pytest.mark.parametrize(
    "problem",
    [rare, *(pytest.param(one, marks=pytest.mark.slow) for one in (xor, waves, rings, parity, xor_of_pixels, many))],
)
def test_labels_that_need_more_than_a_linear_answer_are_left_alone_and_shuffled_ones_are_found(problem):
    rng = np.random.default_rng(0)
    x, y = problem(rng, 700)
    y = y.astype(int)
    assert severities((x[:500], y[:500]), (x[500:], y[500:])) == []
    assert severities((x[:500], rng.permutation(y[:500])), (x[500:], y[500:])) == ["error"]


def test_labels_that_belong_to_nothing_in_both_splits_are_a_suspicion():
    rng = np.random.default_rng(0)
    x, y = rng.random((500, 6, 6, 1)), rng.integers(0, 3, 500)
    assert severities((x[:300], y[:300]), (x[300:], y[300:])) == ["note"]


@pytest.mark.slow
def test_images_unlike_those_of_validation_prove_nothing():
    x, y = digits(800)
    rng = np.random.default_rng(0)
    turned = np.stack([np.rot90(one, rng.integers(4)) for one in x[:110]])
    augmented = np.where(rng.random((110, 1, 1, 1)) < 0.5, 255 - turned, turned)
    assert "error" not in severities((augmented, y[:110]), (x[110:], y[110:]))
    wrong = rng.permutation(y[:110])
    assert severities((augmented, wrong), (x[110:], y[110:])) == ["note"]
    assert severities((x[:110], wrong), (x[110:], y[110:])) == ["error"]


def test_exact_copies_count_once():
    rng = np.random.default_rng(0)
    x, y = digits(400)
    wrong = rng.permutation(y[:200])
    copied = np.tile(x[:200], (4, 1, 1, 1)), np.tile(wrong, 4)  # which each classifier would find again
    assert severities(copied, (x[200:], y[200:])) == ["error"]
    assert severities((np.tile(x[:80], (4, 1, 1, 1)), np.tile(wrong[:80], 4))) == []
    assert severities((np.ones((200, 8, 8, 1)), np.arange(200) % 4)) == []


SEVERAL = ChanceLevel(0.4, np.nan, 0, "frequency")  # of several labels, whose accuracy is not compared


def suspected(trained, validated):
    """A context of a run with suspicious labels, with the training and the validation loss of two evaluations."""
    history = History(SEVERAL)
    history.suspect([Finding("shuffled-labels", "note", "training labels", "")])
    x, y = digits(4)
    for step in (10, 20):
        history.record_steps(np.full(10, trained), np.full(10, np.nan))
        history.record_epoch(Epoch(step, trained, np.nan, 0.1))
        history.record_evaluation(validated, np.nan)
        context = context_of(Images(x, pixel_labels=y), phase=Phase.EVALUATION, model=keras.Sequential())
        findings = found(shuffled_labels, replace(context, history=history))
    return history, findings


def test_the_loss_of_several_labels_confirms_or_refutes_a_suspicion():
    history, findings = suspected(0.1, 0.9)
    assert [one.severity for one in findings] == ["warning"]
    history, findings = suspected(0.1, 0.3)
    assert findings == []
    assert history.suspicion is not None
    history, findings = suspected(0.1, 0.15)
    assert findings == []
    assert history.suspicion is None
