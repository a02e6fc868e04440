"""Checks of the settings of a run: learning rates, weight decay, and batch norm."""

from types import SimpleNamespace

import numpy as np
import pytest

from doctor.contexts import context_of, found
from doctor.layer_fakes import dense, layer_of, model_of
from exprun.doctor.cause import Phase
from exprun.doctor.causes import (
    lagging_batch_norm,
    learning_rate_decay,
    learning_rate_high,
    learning_rate_low,
    small_batch_norm,
    strong_regularization,
)
from exprun.doctor.instruments.chance import ChanceLevel
from exprun.doctor.subject import Pace


def run_of(optimizer="adam", rates=(1e-3,) * 5, steps=100, batch=32, decay=0.0, phase=Phase.SETUP, model=None):
    """A context of a run with these settings."""
    pace = Pace(optimizer, np.asarray(rates, np.float64), steps, batch, decay)
    return context_of(model=model, pace=pace, phase=phase)


@pytest.mark.parametrize(
    ("rate", "low", "high"), [(1e-7, True, False), (1e-3, False, False), (10.0, False, True), (np.nan, False, False)]
)
def test_a_rate_outside_of_the_usual_range(rate, low, high):
    for module, said, text in ((learning_rate_low, low, "higher values"), (learning_rate_high, high, "lower values")):
        findings = found(module, run_of(rates=[np.nan, rate, rate]))
        assert [f.severity for f in findings] == ["warning"] * said
        assert all(f"learning_rate=0.001, then {text}" in f.keras for f in findings)


@pytest.mark.parametrize("rate", [np.float32(1e-4), np.float32(1.0), 1e-4, 1.0])
def test_the_ends_of_the_usual_range_are_usual(rate):
    for module in (learning_rate_low, learning_rate_high):
        assert found(module, run_of("sgd", rates=[float(rate)])) == []


def test_a_rate_below_zero_is_not_too_low():
    (finding,) = found(learning_rate_low, run_of(rates=[-1e-3]))
    assert (finding.severity, finding.keras) == ("error", "learning_rate=0.001.")
    assert finding.evidence.endswith("each step goes uphill, and the loss rises.")


def test_an_optimiser_without_usual_rates_and_a_run_without_settings():
    for module in (learning_rate_low, learning_rate_high):
        assert found(module, run_of("", [1e9])) == []
        assert found(module, context_of(phase=Phase.SETUP)) == []


@pytest.mark.parametrize(("decay", "said"), [(0.9, ["each step removes 4.5% of every weight"]), (0.05, [])])
def test_a_decay_that_takes_the_weights_away(decay, said):
    findings = found(strong_regularization, run_of("sgd", [0.05] * 5, decay=decay))
    assert [text in f.evidence for f, text in zip(findings, said, strict=True)] == [True] * len(said)
    assert found(strong_regularization, run_of("muon_nesterov", [0.24] * 5, decay=decay)) == []
    assert found(strong_regularization, context_of(phase=Phase.SETUP)) == []


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ([1e-3] * 20, False),
        ([1e-3, 1e-3, *[1e-6] * 18], True),
        (np.geomspace(1e-3, 1e-6, 20), False),
        ([*[1e-6] * 18, 1e-3, 1e-6], False),  # a long warm-up
    ],
)
def test_a_schedule_that_ends_too_early(rates, said):
    findings = found(learning_rate_decay, run_of(rates=rates))
    assert [f.where for f in findings] == ["schedule"] * said
    assert found(learning_rate_decay, context_of(phase=Phase.SETUP)) == []


@pytest.mark.parametrize(
    ("rate", "stays", "said"), [(2e-5, True, 1), (2e-5, False, 0), (1e-3, True, 0), (1e-9, True, 0)]
)
def test_a_rate_for_fine_tuning_is_named_at_chance(rate, stays, said):
    context = run_of(rates=[rate] * 5, phase=Phase.STEP)
    chance = ChanceLevel(1.386, 0.25, 4)
    context.history, context.step = SimpleNamespace(is_at_chance=stays, mean_loss=1.39, chance=chance), 50
    findings = found(learning_rate_low, context)
    assert ["after 50 steps the loss is 1.390; chance level is 1.386" in f.evidence for f in findings] == [True] * said


def norms(dimensions=4, momentum=0.99, **more):
    layers = [layer_of("BatchNormalization", name=f"norm{i}", momentum=momentum, **more) for i in range(2)]
    for layer in layers:
        layer.layer.input_spec = SimpleNamespace(ndim=dimensions)
    return model_of(dense(), *layers, dense())


@pytest.mark.parametrize(("batch", "dimensions", "said"), [(1, 4, 1), (2, 4, 1), (3, 4, 0), (3, 2, 1), (4, 2, 0)])
def test_batch_norm_over_few_images(batch, dimensions, said):
    findings = found(small_batch_norm, run_of(batch=batch, model=norms(dimensions)))
    assert [f.where for f in findings] == ["layer norm0 and 1 more"] * said
    for model in (norms(trainable=False), norms(own=True), model_of(dense())):
        assert found(small_batch_norm, run_of(batch=1, model=model)) == []


@pytest.mark.parametrize(("momentum", "steps", "said"), [(0.99, 20, 1), (0.99, 1000, 0), (0.9, 20, 0), (0.99, None, 0)])
def test_moving_averages_that_do_not_settle(momentum, steps, said):
    findings = found(lagging_batch_norm, run_of(steps=steps, model=norms(momentum=momentum)))
    assert ["82% of a moving average" in f.evidence for f in findings] == [True] * said
    assert found(lagging_batch_norm, run_of(steps=steps, model=norms(momentum=momentum, trainable=False))) == []
