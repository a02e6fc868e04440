"""Findings in the light of references and experiments."""

import itertools
from dataclasses import replace

import keras
import numpy as np
import pytest

from exprun.doctor.cause import Finding
from exprun.experiments.evidence import Evidence, Training, as_record, weighed
from exprun.experiments.evidence import evidence as proven
from exprun.experiments.proof import Proof
from exprun.experiments.reference import Reference, references
from exprun.experiments.trials import Change, Network, Trial

SMALL = (Reference("a small CNN", 0.9, 3.0),)
FASTER = Change("10 times the learning rate", "", ("learning-rate-low",), lambda setup: True)
SCALED = Change("inputs standardised", "a Normalization layer.", ("unscaled-input", "dead-relu"), lambda setup: True)


def finding(cause, severity="warning"):
    return Finding(cause, severity, "somewhere", "A number is 1.")


def trial(score, *changes):
    causes = tuple(cause for change in changes for cause in change.causes)
    return Trial(changes, causes, 0, score, (1.0, 0.5), 100, 1.0)


def evidence(own, decisive=None):
    tried = () if decisive is None else (decisive, trial(0.1, FASTER))
    plain = () if decisive is None else (trial(0.0),)
    return Evidence(own, Proof(SMALL, plain, tried, decisive, decisive))


def said(findings, found):
    return [(one.cause, one.severity) for one in weighed(findings, found)]


def test_a_network_as_good_as_the_references_refutes_that_it_cannot_learn():
    findings = [finding("vanishing-signal", "error"), finding("learning-rate-low"), finding("overfitting", "note")]
    expected = [("vanishing-signal", "note"), ("learning-rate-low", "note"), ("overfitting", "note")]
    assert said(findings, evidence(0.85)) == expected
    assert said(findings, evidence(0.5)) == [(one.cause, one.severity) for one in findings]


def test_learning_well_does_not_refute_what_is_wrong_with_the_data():
    assert said([finding("leaked-test", "error")], evidence(0.9)) == [("leaked-test", "error")]
    assert said([finding("missing-nonlinearity", "error")], evidence(0.9)) == [("missing-nonlinearity", "note")]


@pytest.mark.parametrize("is_held_out", [True, False])
def test_a_network_that_predicts_rare_classes_does_not_suffer_from_imbalance(is_held_out):
    found = replace(evidence(0.9), is_held_out=is_held_out)
    assert said([finding("class-imbalance")], found) == [("class-imbalance", "note")]
    assert said([finding("class-imbalance")], replace(evidence(0.1), is_held_out=is_held_out)) == [
        ("class-imbalance", "warning")
    ]


def test_a_finding_whose_change_fails_does_not_explain_what_another_change_has_shown():
    slower = Change("a tenth of the learning rate", "", ("learning-rate-high",), lambda setup: True)
    found = evidence(0.0, trial(0.8, slower))
    tried = (*found.proof.tried, trial(0.0, SCALED))
    findings = [finding("unscaled-input", "error")]
    assert said(findings, found)[0][0] == "unscaled-input"  # which makes a usual rate too high
    failed = replace(found, proof=replace(found.proof, tried=tried, least=0.5))
    assert said(findings, failed)[0][0] == "learning-rate-high"


def test_a_step_of_ones_own_that_fails_where_that_of_keras_learns():
    learned = Proof(SMALL, (trial(0.9), trial(0.85)))
    found = replace(evidence(0.05), proof=learned, may_cross=True)
    (first,) = weighed([], found)
    assert (first.cause, first.severity) == ("broadcast-loss", "warning")
    assert said([], replace(found, may_cross=False)) == []
    assert said([], replace(found, own=0.85)) == []


@pytest.mark.parametrize(
    ("labels", "own", "crosses"),
    [(1, True, True), *(pytest.param(*one, marks=pytest.mark.slow) for one in ((2, True, False), (1, False, False)))],
)
def test_labels_without_the_axis_of_the_outputs_in_a_step_of_ones_own(labels, own, crosses):
    class Own(keras.Model):
        def train_step(self, data):
            return {}

    inputs = keras.Input((2,))
    model = (Own if own else keras.Model)(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(60, 2)).astype("float32")
    y = x[:, 0] if labels == 1 else x[:, :1]
    network = Network(model, [np.array(v.numpy()) for v in model.variables], 20)
    found = proven(Training(network, (x, y), None, 40), [], 0.01, lambda text: None)
    assert found.may_cross == crosses


def test_a_change_that_was_not_confirmed_is_no_proof():
    found = evidence(0.0, trial(0.8, SCALED))
    assert said([finding("unscaled-input")], replace(found, proof=replace(found.proof, confirmed=None))) == [
        ("unscaled-input", "warning")
    ]


def test_a_network_that_was_trained_on_the_tested_rows_refutes_nothing():
    found = replace(evidence(0.99), is_held_out=False)
    assert said([finding("overfitting")], found) == [("overfitting", "warning")]
    assert said([finding("vanishing-signal", "error")], found) == [("vanishing-signal", "note")]  # it has learned them


def test_where_no_reference_learns_a_network_at_chance_level_refutes_nothing():
    found = evidence(0.02)
    hard = replace(found, proof=replace(found.proof, references=(Reference("a small CNN", 0.02, 3.0),)))
    assert ("loss-at-chance", "warning") in said([finding("loss-at-chance")], hard)


def test_labels_that_a_reference_predicts_are_not_shuffled():
    assert said([finding("shuffled-labels")], evidence(0.0)) == [("shuffled-labels", "note")]


def test_the_cause_whose_change_helps_comes_first_and_warnings_that_do_not_help_become_notes():
    findings = [finding(cause) for cause in ("learning-rate-low", "unscaled-input", "leaked-validation")]
    expected = [("unscaled-input", "error"), ("learning-rate-low", "note"), ("leaked-validation", "warning")]
    assert said(findings, evidence(0.0, trial(0.8, SCALED))) == expected


def test_a_cause_that_was_not_found_is_added_with_the_evidence():
    (added,) = weighed([], evidence(0.0, trial(0.8, SCALED)))
    assert (added.cause, added.severity) == ("unscaled-input", "error")
    assert "100 steps bring the network 0% of the way" in added.evidence
    assert "80% with inputs standardised" in added.evidence
    assert added.keras == "a Normalization layer."


def test_a_stateful_network_that_takes_batches_of_one_size_is_tried():
    x = np.random.default_rng(0).integers(0, 2, (160, 6, 1)).astype("float32")
    y = x[:, -1, 0]
    model = keras.Sequential([keras.layers.LSTM(8, stateful=True), keras.layers.Dense(1, "sigmoid")])
    model.build((20, 6, 1))
    model.compile("adam", "binary_crossentropy")
    initial = [np.array(v.numpy()) for v in model.variables]
    training = Training(Network(model, initial, 20), (x, y), (x[:60], y[:60]), 40)
    found = proven(training, [], 0.01, lambda text: None)
    assert found is not None
    assert np.isfinite(found.own)


def test_labels_that_nothing_predicts_belong_to_other_rows():
    lost = evidence(0.02)
    lost = replace(lost, proof=replace(lost.proof, references=(Reference("a small CNN", 0.04, 3.0),)))
    assert said([finding("loss-at-chance"), finding("shuffled-labels")], lost) == [
        ("shuffled-labels", "warning"),
        ("loss-at-chance", "warning"),
    ]
    assert as_record(lost)["alone"] == ["shuffled-labels"]
    assert said([], replace(lost, is_certain=False)) == []
    assert said([], replace(lost, own=0.5)) == []
    broken = finding("wrong-loss", "error")  # explains as well that nothing was learned
    assert said([broken], lost)[0][0] == "wrong-loss"
    memorised = replace(lost, own=0.9, is_held_out=False)  # on rows that it was trained on
    assert said([], replace(memorised, proof=replace(memorised.proof, plain=(trial(0.0),)))) == [
        ("shuffled-labels", "warning")
    ]


@pytest.mark.slow
def test_a_network_without_validation_that_memorises_labels_of_other_rows(monkeypatch):
    monkeypatch.setattr("exprun.experiments.proof.standard", lambda: ())
    monkeypatch.setattr("exprun.experiments.proof.references", lambda *_: [Reference("a linear model", 0.0, 1.0)])
    y = np.random.default_rng(0).integers(0, 2, 600)
    x = np.eye(600, dtype="float32")  # a row says nothing about the label of another
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((600,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.Adam(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network = Network(model, [np.array(v.numpy()) for v in model.variables], 100)
    model.fit(x, y, 100, epochs=5, verbose=0)
    found = proven(Training(network, (x, y), None, 30), [], 60.0, lambda text: None)
    assert found.own > 0.9
    (only,) = weighed([], found)
    assert only.cause == "shuffled-labels"
    assert only.numbers["own"] < 0.1  # of a copy, on rows that it was not trained on


def test_an_error_that_the_decisive_change_removes_too_comes_first():
    fitting = Change("the loss that fits", "", ("wrong-loss", "label-out-of-range"), lambda setup: True)
    found = evidence(0.0, replace(trial(0.8, fitting), causes=("output-activation",)))
    assert said([finding("label-out-of-range", "error")], found) == [("label-out-of-range", "error")]
    assert said([finding("label-out-of-range")], found)[0] == ("output-activation", "error")


def test_a_finding_that_explains_what_the_change_compensates_comes_first():
    lagging = Change("batch norm as in training", "", ("lagging-batch-norm",), lambda setup: True)
    found = evidence(0.0, trial(0.8, lagging))
    assert said([finding("unscaled-evaluation", "error")], found)[0] == ("unscaled-evaluation", "error")


def test_outputs_of_an_unknown_loss_are_not_scored():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("adam", lambda labels, outputs: keras.ops.mean(outputs**2))
    x, y = np.zeros((40, 4), "float32"), np.arange(40) % 2
    training = Training(Network(model, [np.array(v.numpy()) for v in model.variables], 8), (x, y), None, 10)
    assert proven(training, [], 0.01, lambda text: None) is None


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "expected"), [(1, ["unscaled-evaluation"]), (0, [])])
def test_validation_labels_of_another_encoder(monkeypatch, shift, expected):
    for module in ("proof", "evidence"):  # the fastest reference alone
        name = f"exprun.experiments.{module}.references"
        monkeypatch.setattr(name, lambda *given: itertools.islice(references(*given), 1))
    monkeypatch.setattr("exprun.experiments.proof.standard", lambda: ())
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 900)
    x = (np.eye(4)[y] + rng.normal(0, 0.2, (900, 4))).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    network = Network(model, [np.array(v.numpy()) for v in model.variables], 32)
    model.fit(x[:600], y[:600], epochs=5, verbose=0)
    validation = x[600:], (y[600:] + shift) % 4
    found = proven(Training(network, (x[:600], y[:600]), validation, 30), [], 60.0, lambda text: None)
    assert [one.cause for one in weighed([], found)] == expected


def test_a_change_that_removes_the_cause_of_a_symptom_comes_before_the_symptom():
    slower = Change("a tenth of the learning rate", "", ("learning-rate-high", "not-finite"), lambda setup: True)
    found = evidence(-np.inf, trial(0.8, slower))
    assert [cause for cause, _ in said([finding("not-finite", "error")], found)] == ["learning-rate-high", "not-finite"]


@pytest.mark.slow
def test_masks_are_scored_whatever_the_loss_is():
    def dice(y, p):
        return 1 - 2 * keras.ops.sum(y * p) / (keras.ops.sum(y) + keras.ops.sum(p) + 1)

    x = np.random.default_rng(0).normal(size=(48, 8, 8, 1)).astype("float32")
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 1, activation="sigmoid")])
    model.compile("adam", dice)
    network = Network(model, [np.array(v.numpy()) for v in model.variables], 16)
    masks = (x > 0).astype("float32")
    assert proven(Training(network, (x, masks), None, 40), [], 0.01, lambda text: None) is not None
    places = Training(network, (x, x), None, 40)
    assert proven(places, [], 0.01, lambda text: None) is None


@pytest.mark.parametrize(("slower", "first"), [(-np.inf, "not-finite"), (0.2, "unscaled-input")])
def test_a_change_that_only_avoids_a_loss_that_is_not_finite(slower, first):
    slow = Change("a tenth of the learning rate", "", ("learning-rate-high", "not-finite"), lambda setup: True)
    decisive = trial(0.8, SCALED)
    proof = Proof(SMALL, (trial(-np.inf),), (decisive, trial(slower, slow)), decisive, decisive)
    assert said([finding("not-finite", "error")], Evidence(-np.inf, proof))[0][0] == first


def test_a_symptom_that_a_change_removes_is_not_its_cause():
    slower = Change(
        "a tenth of the learning rate", "", ("learning-rate-high",), lambda setup: True, ("loss-at-chance", "dead-relu")
    )
    found = evidence(0.0, trial(0.8, slower))
    assert said([finding("loss-at-chance", "error")], found)[0] == ("learning-rate-high", "error")
