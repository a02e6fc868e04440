"""Causes that the losses of training steps show: a loss at chance level, and one that rises or is not finite."""

from types import SimpleNamespace

import numpy as np
import pytest

from doctor.contexts import found
from doctor.histories import Network, after_steps, training
from exprun.doctor.cause import Finding, Phase
from exprun.doctor.causes import exploding_gradient, learning_rate_high, loss_at_chance, not_finite, shuffled_labels

CAUSES = (shuffled_labels, learning_rate_high, exploding_gradient, not_finite, loss_at_chance)


def all_found(history, **more):
    context = training(Phase.STEP, history, **more)
    return [finding for cause in CAUSES for finding in found(cause, context)]


def names(history, **more):
    return [finding.cause for finding in all_found(history, **more)]


def recurrent(**optimizer):
    """A network with a plain recurrent layer."""
    network, kind = Network(), type("SimpleRNN", (), {"__module__": "keras.layers", "name": "rnn", "_layers": ()})
    network._flatten_layers = lambda include_self=False, recursive=True: [kind()]
    network.optimizer = SimpleNamespace(**optimizer)
    return network


def test_a_loss_at_chance_level_is_found_after_enough_steps():
    assert names(after_steps([2.303] * 99)) == []
    assert names(after_steps([2.303] * 100)) == ["loss-at-chance"]
    assert names(after_steps([2.303] * 100, np.nan)) == ["loss-at-chance"]


def test_a_loss_at_chance_level_is_an_error_after_half_of_the_run():
    (early,) = all_found(after_steps([2.303] * 100, steps=400))
    (late,) = all_found(after_steps([2.303] * 100, steps=200))
    assert (early.severity, late.severity) == ("warning", "error")
    assert late.evidence == (
        "Over the last 100 steps, the loss is 2.303 and the accuracy is 10.0%; chance level is a loss of 2.303 and an "
        "accuracy of about 10.0%."
    )


def test_a_loss_that_falls_or_an_accuracy_above_chance_level_is_no_finding():
    assert names(after_steps(np.linspace(2.3, 2.0, 120))) == []
    assert names(after_steps([2.303] * 120, 0.14)) == []


def test_without_a_chance_level_no_loss_is_at_it():
    assert names(after_steps([2.303] * 100, chance=None)) == []


def test_a_loss_at_chance_level_confirms_a_suspicion_about_labels():
    history = after_steps([2.303] * 100)
    history.suspect([Finding("shuffled-labels", "note", "training labels", "")])
    confirmed, _ = all_found(history)
    assert (confirmed.cause, confirmed.severity, confirmed.step) == ("shuffled-labels", "warning", 100)
    history = after_steps([2.0] * 100)
    history.suspect([Finding("shuffled-labels", "note", "training labels", "")])
    assert names(history) == []


@pytest.mark.parametrize(
    ("losses", "model", "causes"),
    [
        ([2.3, 2.2, np.nan], Network(), ["not-finite"]),
        ([2.3, 2.2, 90.0, np.inf], Network(), ["learning-rate-high"]),
        ([2.3, 2.2, np.nan], recurrent(), ["exploding-gradient"]),
        ([2.3, 2.2, np.nan], recurrent(clipnorm=1.0), ["not-finite"]),
        ([2.3, 2.2, 2.1], recurrent(), []),
        ([2.3, 2.2, 2.1], Network(), []),
    ],
)
def test_a_loss_that_is_not_finite_is_explained_by_what_came_before(losses, model, causes):
    assert names(after_steps(losses), model=model) == causes


def test_a_loss_that_was_never_finite_is_not_a_matter_of_the_learning_rate():
    network = Network()
    network.compute_dtype = "float16"
    for model, remedies in ((Network(), ()), (network, ("trainer.precision=float32",))):
        (finding,) = all_found(after_steps([np.nan, np.nan]), model=model)
        assert finding.cause == "not-finite"
        assert finding.evidence == "The loss is nan, and has not been finite since the first reported loss."
        assert finding.keras.startswith("check inputs and labels with np.isfinite")
        assert finding.remedies == remedies


@pytest.mark.parametrize(("model", "cause"), [(Network(), "learning-rate-high"), (recurrent(), "exploding-gradient")])
def test_a_loss_that_grows_and_stays_high(model, cause):
    (finding,) = all_found(after_steps([2.3, 1.9, *np.full(120, 80.0)]), model=model)
    assert finding.cause == cause
    assert finding.evidence.startswith(
        "Over the last 100 steps, the loss is 80; it started at 2.3, and its lowest value was 1.9."
    )


def test_a_loss_that_grows_while_the_accuracy_does_not():
    assert names(after_steps([2.3, 1.9, *np.full(120, 80.0)], 0.5)) == ["learning-rate-high"]
    assert names(after_steps([2.3, 1.9, *np.full(120, 15.0)], 0.5)) == []
