"""After a training that has not learned, the callback tests whether the network can memorise a few images."""

import functools

import keras
import numpy as np
import pytest

from doctor.toy_data.images import digits
from exprun.doctor import Doctor
from exprun.doctor.cause import Finding
from exprun.doctor.causes import cannot_overfit
from exprun.doctor.history import Epoch, History
from exprun.doctor.instruments.chance import ChanceLevel
from exprun.doctor.keras import memory

SCALE = 1e-5  # of the signal of a network that cannot learn
(X, Y), _ = digits(8)
X = X / 255
NOISE = np.random.default_rng(0).permutation(Y)  # labels that no network predicts


def network(scale=1.0):
    keras.utils.set_random_seed(3)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(32),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dropout(0.2),
            layers.Rescaling(scale),
            layers.Dense(10, use_bias=False),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-6), loss, metrics=["accuracy"])
    return model


@functools.cache
def trained(scale, seconds):
    """A doctor, what it has reported, and what a training leaves; other causes than the test's are silenced."""
    silence = ("vanishing-signal", "learning-rate-low", "vanishing-gradient", "input-independent", "shuffled-labels")
    texts = []
    doctor = Doctor(silence=silence, report=texts.append, memory=seconds)  # ended by its steps
    model = network(scale)
    model.fit(X[:640], NOISE[:640], 16, 2, verbose=0, callbacks=[doctor])
    draws = [np.random.random(), float(keras.random.uniform(()))]
    return doctor, texts, [*model.get_weights(), *map(np.array, model.optimizer.variables), *draws]


def test_a_network_that_cannot_memorise_is_to_blame():
    doctor, *_ = trained(SCALE, 60.0)
    [finding] = [one for one in doctor.findings if one.severity != "note"]
    assert (finding.cause, finding.step) == ("cannot-overfit", 80)
    assert "steps from the first weights on 16 training images alone" in finding.evidence
    assert "So the fault lies in the network" in finding.evidence


@pytest.mark.slow
def test_a_network_that_memorises_is_not_to_blame_and_the_finding_says_so():
    doctor, texts, _ = trained(1.0, 60.0)
    [finding] = [one for one in doctor.findings if one.severity != "note"]
    assert finding.cause == "loss-at-chance"
    assert "from the first weights on 16 training images alone" in finding.evidence
    assert finding.evidence.endswith("so the network and its loss can learn.")
    assert str(finding).endswith(f"Try: {cannot_overfit.OTHERS}")
    assert texts[-1].startswith("doctor: [loss-at-chance] more evidence: In ")


@pytest.mark.parametrize("scale", [SCALE, pytest.param(1.0, marks=pytest.mark.slow)])
def test_the_test_changes_nothing(scale):
    (plain, _, before), (doctor, _, after) = trained(scale, 0.0), trained(scale, 60.0)
    assert (bool(plain.history.memory), bool(doctor.history.memory)) == (False, True)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.slow
def test_a_network_that_learns_is_not_tested():
    model, doctor = network(), Doctor(report=lambda text: None)
    model.optimizer.learning_rate = 3e-3
    model.fit(X[:640], Y[:640], 16, 4, verbose=0, callbacks=[doctor])
    assert doctor._watch.history.memory == []


def test_a_negative_time_is_refused():
    with pytest.raises(ValueError, match=r"memory is -1, but must not be negative; 0 is for no test\."):
        Doctor(memory=-1)


def history(loss=2.3, accuracy=0.1):
    result = History(ChanceLevel(float(np.log(10)), 0.1, 10), 80, 64)
    result.record_steps(np.full(80, loss), np.full(80, accuracy))
    result.record_epoch(Epoch(80, loss, accuracy, 0.01))
    return result


@pytest.mark.parametrize(
    ("causes", "loss", "open_"),
    [
        ([], 2.3, True),
        ([], 0.5, False),
        (["loss-at-chance"], 2.3, True),
        (["dead-relu"], 2.3, False),
        (["loss-at-chance", "learning-rate-high"], 2.3, False),
    ],
)
def test_only_what_nothing_explains_is_tested(causes, loss, open_):
    findings = [Finding(cause, "warning", "training", "Evidence.") for cause in causes]
    assert memory.is_open(findings, history(loss, 0.1 if loss > 2 else 0.9)) is open_


def test_large_networks_are_not_kept():
    model = network()
    assert memory.first_weights(model, 100) == []
    assert [one.shape for one in memory.first_weights(model)] == [tuple(one.shape) for one in model.variables]
