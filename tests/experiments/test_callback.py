"""The callback that proves what it finds."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from exprun.doctor import Doctor
from exprun.experiments import evidence, proof
from exprun.experiments.changes import standard
from exprun.experiments.reference import Reference

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, 300)
X = (3 * np.eye(3, 4)[Y] + RNG.normal(size=(300, 4))).astype("float32")
FASTER = next(change for change in standard() if change.name == "10 times the learning rate")


def fitted(*callbacks, rate=1e-3, seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    history = model.fit(X, Y, epochs=6, verbose=0, validation_split=0.2, callbacks=[*callbacks])
    return model, history


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(proof, "standard", lambda: [FASTER])
    for module in (proof, evidence):
        monkeypatch.setattr(module, "references", lambda *_: iter([Reference("a linear model", 0.9, 0.1)]))


def test_the_change_that_makes_it_learn_becomes_the_first_finding_and_the_training_stays_the_same(quick):
    def drawn():
        return random.random(), np.random.rand(), float(tf.random.uniform([]))

    said = []
    doctor = Doctor(prove=1, report=said.append)
    plain, history = fitted(rate=3e-3)
    after = drawn()
    watched, other = fitted(doctor, rate=3e-3)
    assert drawn() == after
    assert doctor.evidence is not None
    assert doctor.findings[0].cause == "learning-rate-low"
    assert any("From its first weights" in line for line in said)
    assert history.history == other.history
    assert all(np.array_equal(a, b) for a, b in zip(plain.get_weights(), watched.get_weights(), strict=True))


@pytest.mark.slow
def test_without_prove_nothing_is_tried(monkeypatch):
    monkeypatch.setattr(evidence, "prove", None)
    doctor = Doctor(report=lambda text: None)
    fitted(doctor)
    assert doctor.evidence is None


def test_minutes_are_not_negative():
    with pytest.raises(ValueError, match="negative"):
        Doctor(prove=-1)
