"""stopped-early: early stopping that ends a run that still learns, or that restores weights which are not the best."""

import numpy as np
import pytest

from doctor.contexts import found
from doctor.histories import after_epochs, training
from exprun.doctor.cause import Phase
from exprun.doctor.causes import stopped_early
from exprun.doctor.history import Evaluation
from exprun.doctor.instruments.stopping import Stopping, right_mode

FALLING = [2.2, 1.9, 1.6, 1.4]


def check(losses, val=None, accuracies=None, **more):
    history = after_epochs(losses)
    history.val_images = 300
    for loss, accuracy in zip(val or [], accuracies or [np.nan] * len(val or []), strict=True):
        history.evaluations.append(Evaluation(loss, accuracy, np.nan, np.nan))
    history.lowest_val_loss = min(val or [np.inf])
    history.stopping = Stopping(**{"monitor": "val_loss", "mode": "min", "patience": 2, "planned": 50} | more)
    return found(stopped_early, training(Phase.END, history, 400))


def test_a_stop_while_the_losses_fall():
    [finding] = check(FALLING, FALLING, has_stopped=True, settings=", min_delta=0.5")
    assert finding.severity == "warning"
    assert finding.where == "EarlyStopping(monitor='val_loss', patience=2, min_delta=0.5)"
    assert finding.evidence.startswith("The run has ended after 4 of 50 epochs, although the training loss still falls")
    assert check(FALLING, has_stopped=True, monitor="loss")


@pytest.mark.parametrize(
    ("losses", "val", "planned"),
    [
        (FALLING, [2.2, 1.9, 2.0, 2.1], 50),  # it overfits
        ([2.2, 1.5, 1.5, 1.5], [2.2, 1.5, 1.5, 1.5], 50),  # it falls no further
        ([1.5, 0.9, 0.5, 0.3], [1.5, 0.9, 0.5, 0.3], 50),  # it has learned
        (FALLING, FALLING, 6),  # most of the run is done
        ([2.2], [2.2], 50),
        ([2.2, 1.9, 1.6, np.nan], None, 50),
    ],
)
def test_a_stop_in_time(losses, val, planned):
    assert check(losses, val, planned=planned, has_stopped=True) == []


def test_a_run_that_was_not_stopped():
    assert check(FALLING, FALLING, has_stopped=False) == []
    history = after_epochs(FALLING)
    assert found(stopped_early, training(Phase.END, history, 400)) == []


def test_an_accuracy_that_counts_as_better_when_it_is_lower():
    accuracies = [0.2, 0.3, 0.45, 0.55]
    more = {"monitor": "val_accuracy", "mode": "min", "has_stopped": True, "restored": 1}
    [finding] = check(FALLING, FALLING, accuracies, **more)
    assert finding.severity == "error"
    assert "restored the weights of epoch 1, with a validation loss of 2.2 and an accuracy of 20.0%" in finding.evidence
    assert "the best epoch, 4, had 1.4 and 55.0%." in finding.evidence
    assert finding.keras == "mode='max', because val_accuracy is better if it is higher."


def test_weights_that_are_restored_in_a_run_of_full_length():
    accuracies = [0.2, 0.3, 0.45, 0.55]
    assert check(FALLING, FALLING, accuracies, has_stopped=False, restored=1)
    assert check(FALLING, FALLING, accuracies, has_stopped=False, restored=4) == []
    near = [0.50, 0.52, 0.53, 0.55]  # by luck
    assert check(FALLING, FALLING, near, has_stopped=False, restored=1) == []
    assert check(FALLING, FALLING[1:], accuracies[1:], has_stopped=False, restored=1) == []  # not after each epoch


def test_weights_that_another_metric_has_chosen_are_not_compared_by_the_loss():
    more = {"monitor": "val_auc", "has_stopped": False, "restored": 1}
    assert check(FALLING, FALLING, mode="max", **more) == []
    assert [f.severity for f in check(FALLING, FALLING, mode="min", **more)] == ["error"]
    assert check(FALLING, FALLING, monitor="val_loss", has_stopped=False, restored=1)


def test_epochs_are_numbered_as_keras_does_and_earlier_fits_do_not_count():
    losses = [2.3, 2.3, *FALLING]
    more = {"has_stopped": False, "restored": 11, "first": 10, "epochs": 2, "evaluations": 2}
    [finding] = check(losses, losses, **more)
    assert "It has restored the weights of epoch 11, with a validation loss of 2.2; the best epoch, 14, had 1.4." in (
        finding.evidence
    )
    assert finding.numbers["epochs"] == 4
    assert check(losses, losses, **more | {"restored": 14}) == []
    assert check(losses, losses, **more | {"restored": 1}) == []
    assert check([1.4, 2.2], [1.4, 2.2], has_stopped=False, restored=1, epochs=1, evaluations=1) == []  # loop of fits


@pytest.mark.parametrize(
    ("metric", "mode"),
    [
        ("val_loss", "min"),
        ("val_mae", "min"),
        ("accuracy", "max"),
        ("val_auc", "max"),
        ("f1_score", "max"),
        ("iou", ""),
    ],
)
def test_the_direction_of_a_metric(metric, mode):
    assert right_mode(metric) == mode
