"""Causes that validation passes show: no generalisation, overfitting, moving averages that lag, labels mixed up."""

from types import SimpleNamespace

import numpy as np
import pytest

from doctor.contexts import found
from doctor.histories import TEN, Network, training
from exprun.doctor.cause import Finding, Phase
from exprun.doctor.causes import lagging_batch_norm, no_generalization, overfitting, shuffled_labels
from exprun.doctor.history import Epoch, History

CAUSES = {module.CAUSE.id: module for module in (shuffled_labels, lagging_batch_norm, no_generalization, overfitting)}


def normed(momentum=0.99):
    """A network with a batch norm."""
    network, kind = Network(), type("BatchNormalization", (), {"__module__": "keras.layers", "_layers": ()})
    layer = kind()
    layer.momentum = momentum
    network._flatten_layers = lambda include_self=False, recursive=True: [layer]
    return network


def evaluated(history, rows, inference=None, trained=None, model=None):
    """What is found in the evaluations after epochs, and not for the first time in a row, if that is needed.

    Args:
        history: the history before.
        rows: the training loss and accuracy, and the validation loss and accuracy, at each evaluation.
        inference: the loss of training images in inference mode.
        trained: the loss of the same images in training mode.
        model: the network.
    """
    confirmed = []
    for step, (loss, accuracy, val_loss, val_accuracy) in enumerate(rows, len(history.epochs) + 1):
        history.record_steps(np.array([loss]), np.array([accuracy]))
        history.record_epoch(Epoch(step, loss, accuracy, 0.1))
        history.record_evaluation(val_loss, val_accuracy)
        context = training(Phase.EVALUATION, history, step, model)
        vars(context).update(inference_loss=inference, training_loss=trained)
        for name, module in CAUSES.items():
            findings = found(module, context)
            needed = module.CAUSE.confirm.get(Phase.EVALUATION, 1)
            if needed == 1 or context.streak(name, bool(findings)) >= needed:
                confirmed += findings
    return confirmed


def names(*given, **more):
    return {(finding.cause, finding.severity) for finding in evaluated(*given, **more)}


def suspicious():
    history = History(TEN, 400, 64)
    history.suspect([Finding("shuffled-labels", "error", "labels", "")], np.full(10, 40))
    return history


def test_validation_worse_than_chance_level_while_training_learns():
    assert names(History(TEN, 400), [(1.0, 0.7, 9.0, 0.2)] * 2) == {("no-generalization", "warning")}
    assert not names(History(TEN, 400), [(1.0, 0.7, 9.0, 0.2), (0.8, 0.7, 0.9, 0.7)])  # once is no finding


def test_training_images_that_are_as_bad_in_evaluation_show_no_lack_of_generalisation():
    rows = [(1.0, 0.7, 9.0, 0.2)] * 2
    assert names(History(TEN, 400), rows, inference=4.0) == {("no-generalization", "warning")}
    assert not names(History(TEN, 400), rows, inference=5.0)


def test_overfitting_is_a_note():
    rows = [(0.5, 0.8, 0.9, 0.7), *[(0.05, 0.99, 1.6, 0.68)] * 4]
    findings = evaluated(History(TEN, 400), rows)
    assert {(f.cause, f.severity) for f in findings} == {("overfitting", "note")}
    assert findings[0].evidence == (
        "The loss is 0.050 in training and 1.600 in validation (lowest 0.900), and the accuracy is 99.0% and 68.0%."
    )
    assert not evaluated(History(TEN, 400), [(0.5, 0.8, 0.6, 0.78)] * 5)


@pytest.mark.parametrize(("inference", "causes"), [(0.1, {("overfitting", "note")}), (0.9, set())])
def test_training_images_that_evaluation_finds_no_easier_are_not_memorised(inference, causes):
    # Moving averages that still settle, or heavy dropout.
    assert names(History(TEN, 400), [(0.05, 0.99, 1.6, 0.68)] * 5, inference=inference) == causes


@pytest.mark.parametrize(
    ("images", "lowest", "row"),
    [
        (20, 0.5, (0.05, 0.99, 0.5, 0.65)),  # seven wrong
        (20, 0.02, (0.004, 1.0, 0.05, 0.95)),
        (20, 0.02, (0.004, 1.0, 0.05, np.nan)),
        (400, 0.02, (0.004, 1.0, 0.03, 0.9975)),  # one wrong
    ],
)
def test_few_validation_images_do_not_show_overfitting(images, lowest, row):
    history = History(TEN, 400)
    history.suspect([], np.full(10, images // 10))
    assert not evaluated(history, [(0.5, 0.8, lowest, 0.7), *[row] * 5])


@pytest.mark.parametrize(("momentum", "steps", "is_found"), [(0.99, 400, False), (0.99, 6, True), (0.1, 400, True)])
def test_moving_averages_that_are_still_to_settle_are_given_time(momentum, steps, is_found):
    rows = [(0.5, 0.8, 5.0, 0.1)] * 5
    causes = names(History(TEN, steps), rows, inference=5.0, trained=0.5, model=normed(momentum))
    assert causes == ({("lagging-batch-norm", "warning")} if is_found else set())


def test_a_lag_needs_three_evaluations_and_a_batch_norm():
    rows = [(0.5, 0.8, 5.0, 0.1)] * 2
    assert not names(History(TEN, 6), rows, inference=5.0, trained=0.5, model=normed(0.1))
    assert ("lagging-batch-norm", "warning") not in names(History(TEN, 6), rows * 2, inference=5.0, trained=0.5)
    assert not names(History(TEN, 6), rows * 2, inference=5.0, trained=4.0, model=normed(0.1))


def test_an_evaluation_in_which_moving_averages_lag_does_not_break_a_row_of_overfitting():
    history, rows, norm = History(TEN, 400), [(0.05, 0.99, 4.0, 0.2)], normed()
    for inference in (0.1, 0.1, 9.0):
        assert ("overfitting", "note") not in names(history, rows, inference=inference, trained=0.1, model=norm)
    assert ("overfitting", "note") in names(history, rows, inference=0.1, trained=0.1, model=norm)


@pytest.mark.parametrize(("trained", "causes"), [(2.2, set()), (1.5, {("shuffled-labels", "warning")})])
def test_validation_at_chance_level_confirms_a_suspicion_where_training_has_learned(trained, causes):
    assert names(suspicious(), [(trained, 0.2, 2.4, 0.1)] * 3) == causes
    assert not names(History(TEN, 400), [(trained, 0.2, 2.4, 0.1)] * 3)


def test_a_lag_explains_validation_at_chance_level_as_well_as_labels_do():
    rows = [(1.5, 0.2, 2.4, 0.1)] * 3
    assert not names(suspicious(), rows, inference=5.0, trained=1.5, model=normed())


def test_before_the_first_step_an_evaluation_shows_nothing():
    history = History(TEN, 400)
    history.record_evaluation(9.0, 0.1)
    context = training(Phase.EVALUATION, history, 0)
    vars(context).update(inference_loss=None)
    assert [finding for cause in CAUSES.values() for finding in found(cause, context)] == []


def test_a_model_without_a_loss_has_no_lag():
    history = History(TEN, 400)
    history.record_evaluation(9.0, 0.1)
    model = SimpleNamespace(_flatten_layers=normed()._flatten_layers, losses=())
    assert training(Phase.EVALUATION, history, 1, model).lag is None
