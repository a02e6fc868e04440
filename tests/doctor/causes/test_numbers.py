"""Causes that show in the losses of networks that predict numbers: the yardstick is the mean of the targets."""

from dataclasses import replace

import numpy as np
import pytest

from doctor.contexts import found
from doctor.histories import TEN, after_steps, training
from doctor.passes import MSE, call, context_of, findings
from exprun.doctor.cause import Phase
from exprun.doctor.causes import (
    collapsed_predictions,
    large_first_loss,
    learning_rate_high,
    loss_at_chance,
    no_generalization,
    slow_learning,
    too_few_steps,
)
from exprun.doctor.diagnosis import examine, ordered
from exprun.doctor.history import Epoch, History
from exprun.doctor.instruments.chance import ChanceLevel
from exprun.doctor.subject import Pace

RNG = np.random.default_rng(0)
MEAN = ChanceLevel(80.0, np.nan, 0, "mean")
CAUSES = (learning_rate_high, loss_at_chance)


def names(losses, chance=MEAN, steps=400, **more):
    context = training(Phase.STEP, after_steps(losses, np.nan, steps, chance, **more))
    return [finding.cause for cause in CAUSES for finding in found(cause, context)]


def epochs(losses, chance=MEAN, steps=20, total=None, noise=0.0):
    """The history of a run that has ended after epochs of this loss."""
    history = History(chance, total or steps * len(losses), 32)
    history.record_steps(np.repeat(losses, steps).astype(float), np.full(steps * len(losses), np.nan))
    for number, loss in enumerate(losses, 1):
        history.record_epoch(Epoch(steps * number, float(loss), np.nan, 0.01))
        history.epochs[-1] = replace(history.epochs[-1], noise=noise)
    return history


def short(history):
    return [(one.severity, one.evidence) for one in found(too_few_steps, training(Phase.EPOCH, history))]


def test_a_loss_like_that_of_the_mean_is_at_chance():
    assert names(np.full(100, 80.0)) == ["loss-at-chance"]
    context = training(Phase.STEP, after_steps(np.full(100, 80.0), np.nan, 400, MEAN))
    (finding,) = found(loss_at_chance, context)
    assert finding.evidence == (
        "Over the last 100 steps, the loss is 80; always predicting the mean of the targets gives a loss of 80."
    )


def test_a_loss_far_above_that_of_the_mean_is_at_chance_unless_it_falls():
    assert names(np.full(100, 5000.0)) == ["loss-at-chance"]
    assert names(np.linspace(5000, 3000, 100)) == []


def test_a_loss_below_that_of_the_mean_is_better_than_chance():
    assert names(np.full(100, 70.0)) == []


def test_losses_that_vary_too_much_prove_nothing():
    assert names([10.0, 150.0] * 50) == []
    assert names([75.0, 85.0] * 50) == ["loss-at-chance"]


def test_a_level_of_few_labels_is_uncertain():
    assert names(np.full(100, 80.0), replace(MEAN, error=10.0)) == []
    assert names(np.full(100, 101.0), replace(MEAN, error=10.0)) == ["loss-at-chance"]


def test_a_loss_with_weights_or_penalties_cannot_be_compared():
    assert names(np.full(100, 80.0), weighted=True) == []
    assert names(np.full(100, 80.0), penalised=True) == []
    for more in ({"weighted": True}, {"penalised": True}):  # classes without an accuracy
        assert names(np.full(100, 2.0), TEN, **more) == []
        assert names(np.full(100, 2.31), TEN, **more) == []
    assert names(np.full(100, 2.31), TEN) == ["loss-at-chance"]


def test_a_loss_of_ones_own_may_be_negative_and_rise_above_zero():
    history = History(None, 400)
    history.record_steps(np.array([-0.145, -1.43, *[0.07] * 200]), np.full(202, np.nan))
    assert not history.has_diverged
    history.record_steps(np.full(200, 30.0), np.full(200, np.nan))
    assert history.has_diverged


def test_a_loss_that_rises_far_above_the_first_one_has_diverged():
    assert names([90.0, *np.full(100, 900.0)]) == ["learning-rate-high"]
    assert names([60.0, *np.full(100, 110.0)]) == ["loss-at-chance"]  # a first batch may be lucky
    assert names([90.0, *np.full(100, 900.0)], replace(MEAN, error=1000.0)) == []


def test_a_run_that_ends_while_the_loss_falls_towards_the_mean_is_too_short():
    ((severity, evidence),) = short(epochs(np.linspace(4000, 2000, 12)))
    assert severity == "warning"
    assert evidence == (
        "The run ends after 240 steps in 12 epochs with a training loss of 2,000; always predicting the mean of the "
        "targets gives a loss of 80. The loss still falls, from 2,545 60 steps earlier."
    )


def test_a_run_that_has_learned_or_no_longer_falls_is_not_too_short():
    assert short(epochs(np.linspace(80, 20, 12))) == []
    assert short(epochs(np.full(12, 79.0))) == []
    assert short(epochs(np.linspace(80, 70, 12), noise=5.0)) == []
    assert short(epochs(np.linspace(4000, 2000, 12), total=400)) == []  # it has not ended


def test_a_run_that_has_learned_half_and_falls_is_worth_a_note():
    assert [severity for severity, _ in short(epochs(np.linspace(80, 55, 12)))] == ["note"]


def test_a_short_run_is_compared_within_its_last_steps():
    history = epochs(np.linspace(4000, 2000, 5), steps=200)
    history.recent.extend((loss, np.nan) for loss in np.linspace(3000, 1500, 100))
    ((_, evidence),) = short(history)
    assert evidence.endswith("The loss still falls, from 2,061 25 steps earlier.")


def test_a_fit_after_another_one_of_the_same_network_is_not_too_short():
    history = epochs([80.0], steps=5)
    history.follows = True
    assert short(history) == []


def test_a_run_of_very_few_steps_is_too_short():
    assert [severity for severity, _ in short(epochs([80.0], steps=5))] == ["warning"]
    assert short(epochs([80.0], steps=1)) == []  # 32 rows may be a part of a longer training
    assert short(epochs([30.0], steps=5)) == []
    assert short(epochs([80.0, 800.0], steps=5)) == []  # the loss rises: more steps do not help


def slow(losses, total):
    return found(slow_learning, training(Phase.EPOCH, epochs(losses, steps=100, total=total)))


def test_a_loss_that_does_not_reach_that_of_the_mean_is_slow():
    (finding,) = slow(np.linspace(4000, 3000, 10), 1500)
    assert finding.evidence == (
        "After 1,000 of 1,500 steps, the training loss is 3,000; always predicting the mean of the targets gives a "
        "loss of 80. At this pace the run ends at 2,444, still worse than that."
    )
    assert slow(np.linspace(79, 75, 10), 1500) == []  # numbers may be hard to predict
    assert slow(np.linspace(4000, 500, 10), 1500) == []
    assert slow(np.linspace(80.3, 80.2, 10), 1500) == []  # it is at that of the mean


def evaluated(loss, val_chance=MEAN):
    history = epochs(np.linspace(80, 8, 10))
    history.val_chance = val_chance
    history.record_evaluation(loss, np.nan)
    context = training(Phase.EVALUATION, history)
    context.__dict__["inference_loss"] = 8.0
    return found(no_generalization, context)


def test_validation_that_is_worse_than_the_mean_of_its_own_targets():
    (finding,) = evaluated(200.0)
    assert finding.evidence == (
        "The loss is 8 in training and 200 in validation; always predicting the mean of the targets gives a loss of 80."
    )
    assert evaluated(100.0) == []
    assert evaluated(200.0, replace(MEAN, loss=150.0)) == []  # its targets vary more
    assert evaluated(200.0, None) == []


def predicting(outputs, losses, history):
    """A probe of rows with these outputs, whose targets have a standard deviation of about 9."""
    labels = RNG.normal(50, 9, (len(outputs), 1)).astype(np.float32)
    given = [call(RNG.normal(size=(len(outputs), 3)), outputs)]
    made = context_of(given, losses=losses, phase=Phase.PROBE, labels=labels, objective=MSE, history=history, step=200)
    made.losses = lambda outputs, labels: ((outputs - labels) ** 2).mean(1)
    return findings(collapsed_predictions, made)


def test_the_same_number_for_all_rows():
    stuck, learns = (after_steps(np.full(100, loss), np.nan, 400, MEAN) for loss in (80.0, 30.0))
    same, different = 50 + RNG.normal(0, 0.01, (16, 1)), 50 + RNG.normal(0, 5, (16, 1))
    (finding,) = predicting(same, 120.0, stuck)
    assert finding.evidence.startswith("The predictions for 16 examples have a standard deviation of 0.0")
    assert finding.evidence.endswith("always predicting the mean of the targets gives a loss of 80.")
    assert predicting(different, 120.0, stuck) == []
    assert predicting(same, 120.0, learns) == []
    assert predicting(same, 20.0, stuck) == []


@pytest.mark.parametrize(("size", "severities"), [(1.0, []), (100.0, ["note"])])
def test_first_predictions_that_are_far_larger_than_the_targets(size, severities):
    outputs, labels = (RNG.normal(0, wide, (64, 1)).astype(np.float32) for wide in (size, 1.0))
    made = context_of([call(RNG.normal(size=(64, 3)), outputs)], losses=size**2, labels=labels, objective=MSE, task={})
    made.losses = lambda outputs, labels: ((outputs - labels) ** 2).mean(1)
    assert [finding.severity for finding in findings(large_first_loss, made)] == severities


def test_a_probe_has_learned_if_its_loss_is_below_that_of_the_mean_of_its_targets():
    labels = RNG.normal(50, 9, (16, 1)).astype(np.float32)
    learned = []
    for loss in (120.0, 30.0):
        history = after_steps(np.full(100, loss), np.nan, 400, MEAN)
        history.first_probe_loss = 40.0
        given = [call(labels, labels)]
        made = context_of(given, losses=loss, phase=Phase.PROBE, labels=labels, objective=MSE, history=history)
        made.losses = lambda outputs, labels: ((outputs - labels) ** 2).mean(1)
        learned.append(made.has_learned)
    assert learned == [False, True]


def diverging(size_of_inputs, size_of_targets, rate=0.01, optimizer="sgd"):
    """The causes of a loss that rises beyond all numbers at a learning rate, at the step in which it does."""
    history = History(None)
    history.record_steps(np.array([2.0, 5.0, 80.0, 1e9, np.inf]), np.full(5, np.nan))
    x, y = size_of_inputs * RNG.normal(size=(64, 3)), size_of_targets * RNG.normal(size=(64, 1))
    pace = Pace(optimizer, np.array([rate]), 100, 32)
    more = {"labels": y, "objective": MSE, "pace": pace, "history": history, "step": 5}
    context = context_of([call(x, y, activation="linear")], y, phase=Phase.STEP, **more)
    return [one.cause for one in ordered(examine(context))]


def test_large_numbers_make_steps_overshoot_at_a_usual_learning_rate():
    assert diverging(300.0, 1.0) == ["unscaled-input"]
    assert diverging(1.0, 300.0) == ["unscaled-target"]
    assert diverging(300.0, 300.0) == ["unscaled-input", "unscaled-target"]
    assert diverging(1.0, 1.0) == ["learning-rate-high"]
    assert diverging(300.0, 1.0, rate=50.0) == ["learning-rate-high"]
    assert diverging(1.0, 300.0, optimizer="adam") == ["learning-rate-high"]  # whose steps do not grow with the loss
