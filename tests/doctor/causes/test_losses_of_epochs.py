"""Causes that the losses of whole epochs show: they swing, they fall no further, or they fall too slowly."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from doctor.contexts import found
from doctor.histories import TEN, Network, after_epochs, training
from exprun.doctor.cause import Phase
from exprun.doctor.causes import (
    learning_rate_decay,
    long_sequence,
    low_capacity,
    oscillating_loss,
    plateau,
    slow_learning,
)


def found_by(cause, *given, model=None, **more):
    history = after_epochs(*given, **more)
    return found(cause, training(Phase.EPOCH, history, history.epochs[-1].step, model))


def regularised():
    network = Network()
    network.losses = [0.1]  # so that losses cannot be compared with chance level
    return network


SWINGS = [1.5, 2.2, 1.4, 2.3, 1.5, 2.2, 1.6, 2.1]


@pytest.mark.parametrize(
    ("losses", "is_found"),
    [
        (SWINGS, True),
        (SWINGS[:7], False),  # too few
        ([2.2, 1.8, 1.9, 1.2, 1.3, 0.9, 1.0, 0.8], False),  # it falls
        ([1.5, 1.52, 1.49, 1.53, 1.5, 1.52, 1.5, 1.52], False),  # a little
        ([0.05, 0.09, 0.05, 0.09, 0.05, 0.09, 0.05, 0.09], False),  # it fits its images
        ([2.2, np.nan, *SWINGS[2:]], False),
    ],
)
def test_a_loss_that_rises_and_falls_in_turn(losses, is_found):
    assert [f.severity for f in found_by(oscillating_loss, losses)] == ["warning"] * is_found


def test_swings_of_the_noise_of_few_batches_and_of_a_cyclic_learning_rate_are_no_finding():
    assert not found_by(oscillating_loss, SWINGS, noise=0.2)
    assert not found_by(oscillating_loss, SWINGS, steps=10)
    assert not found_by(oscillating_loss, SWINGS, [0.1, 0.001] * 4)


def test_without_a_chance_level_a_loss_is_compared_with_the_first_epoch_and_it_is_a_note():
    (finding,) = found_by(oscillating_loss, [3.0, *SWINGS], model=regularised())
    assert finding.severity == "note"
    assert not found_by(oscillating_loss, [30.0, *SWINGS], model=regularised())


FLAT = [2.2, 2.0, 1.8, 1.6, 1.5, *[1.5] * 5]


def test_a_loss_that_falls_no_further_is_a_note_that_says_what_the_schedule_did():
    (finding,) = found_by(plateau, FLAT)
    assert finding.severity == "note"
    assert "as high as before" in finding.evidence
    assert finding.remedies is None
    (finding,) = found_by(plateau, FLAT, [0.1] * 5 + [0.05] * 5)
    assert "lowered from 0.1" in finding.evidence
    assert finding.remedies == ()
    decayed = [0.1] * 5 + [1e-4] * 5
    (finding,) = found_by(plateau, FLAT, decayed, total=5000)
    assert "the schedule has ended learning" in finding.evidence
    assert not found_by(plateau, FLAT, decayed, total=1000)  # its end is flat by design


@pytest.mark.parametrize("losses", [np.linspace(2.2, 1.2, 12), [0.1] * 12, [2.303] * 12, [1.5] * 9])
def test_what_is_no_plateau(losses):
    assert not found_by(plateau, losses)


def test_a_loss_near_the_lowest_of_mixed_labels_is_neither_a_plateau_nor_swings():
    mixed = replace(TEN, floor=1.3)
    assert not found_by(plateau, FLAT, chance=mixed)
    assert not found_by(oscillating_loss, [loss - 0.3 for loss in SWINGS], chance=mixed)
    assert found_by(plateau, [loss + 0.3 for loss in FLAT], chance=mixed)


def test_a_loss_that_cannot_be_compared_with_chance_level_is_neither_flat_nor_slow():
    assert not found_by(plateau, FLAT, model=regularised())
    assert not found_by(slow_learning, [2.24, 2.23, 2.22, 2.21], total=800, model=regularised())


def test_slow_is_a_loss_that_creeps_and_will_be_high_at_the_end():
    creeping = [2.24, 2.23, 2.22, 2.21]
    (finding,) = found_by(slow_learning, creeping, total=800)
    assert (finding.cause, finding.severity) == ("slow-learning", "warning")
    assert "at this pace it ends at 2.170" in finding.evidence
    assert not found_by(slow_learning, creeping, total=900)  # not yet half
    assert not found_by(slow_learning, creeping)  # its end is unknown
    assert not found_by(slow_learning, creeping, accuracy=0.3, total=800)
    assert not found_by(slow_learning, creeping, accuracy=np.nan, total=800)
    assert not found_by(slow_learning, [2.24, 2.2, 2.1, 2.0], total=800)  # fast enough
    assert not found_by(slow_learning, [2.2] * 4, total=800)  # flat: a plateau
    assert not found_by(slow_learning, [2.303] * 4, total=800)  # that is at chance level
    assert not found_by(slow_learning, creeping, steps=10, total=60)


@pytest.mark.parametrize(
    ("rates", "losses", "is_found"),
    [
        ([1, 1, 1e-4, 1e-4, 1e-4], [2.3, 1.8, 1.79, 1.789, 1.788], True),
        ([1, 1e-4, 1e-4, 1e-4], [2.3, 2.25, 2.25, 2.25], True),
        ([1, 1, 1e-4, 1e-4, 1e-4], [2.3, 1.8, 1.6, 1.5, 1.4], False),  # it still falls
        ([1, 1, 1e-4, 1e-4, 1e-4], [1.8, 1.79, 1.79, 1.79, 1.79], False),  # it had stopped falling
        ([1, 1, 0.1, 0.1, 0.1], [2.3, 1.8, 1.79, 1.789, 1.788], False),
        ([1, 1, 1e-4, 1e-4], [2.3, 1.8, 1.79, 1.789], False),  # too few epochs
        ([1, 1e-4, 1e-4, 1e-4], [0.3, 0.3, 0.3, 0.3], False),  # it has learned
    ],
)
def test_a_learning_rate_that_ends_learning_at_once(rates, losses, is_found):
    findings = found_by(learning_rate_decay, losses, rates, accuracy=0.5, steps=10, total=200)
    assert ["hardly fallen" in finding.evidence for finding in findings] == [True] * is_found


@pytest.mark.parametrize(
    ("rates", "losses", "total", "is_found"),
    [
        ([1, 0.1, 0.01], [1.0, 0.8, 0.7], 100, True),
        ([1, 0.1, 0.01], [1.0, 0.999, 0.998], 100, False),  # it had stopped falling
        ([1, 0.1, 0.01], [1.0, 0.8, 0.7], 40, False),  # the end of the run
        ([1, 0.1, 0.01], [1.0, 0.3, 0.1], 100, False),  # all is fitted
        ([1, 0.1, np.nan], [1.0, 0.8, 0.7], 100, False),
        ([1, 1, 0.1, 0.1, 0.01], [1.0, 0.9, 0.8, 0.75, 0.74], 100, True),
        ([1, 1, 0.1, 0.1, 0.01], [1.0, 0.999, 0.8, 0.799, 0.7], 100, False),  # lowered once it had stopped falling
        ([1, 0.9, 0.8], [1.0, 0.8, 0.7], 100, False),
    ],
)
def test_a_learning_rate_that_collapses_while_the_loss_falls(rates, losses, total, is_found):
    findings = found_by(learning_rate_decay, losses, rates, accuracy=0.5, steps=10, total=total)
    assert [(f.severity, f.where) for f in findings] == [("warning", "training")] * is_found


@pytest.mark.parametrize(
    ("widths", "losses", "count"),
    [
        ((1, 10), [2.2, 2.0, *[1.9] * 8], 1),
        ((16, 2, 10), [2.2, 2.0, *[1.9] * 8], 1),
        ((16, 10), [2.2, 2.0, *[1.9] * 8], 0),
        ((16, 1), [2.2, 2.0, *[1.9] * 8], 0),  # the last layer
        ((1, 10), [2.2, 1.0, *[0.9] * 8], 0),  # enough for what there is to learn
        ((1, 10), list(np.linspace(2.3, 1.4, 10)), 0),  # it still falls
        ((1, 10), [2.2, 2.0, 1.9, 1.9], 0),
    ],
)
def test_a_hidden_layer_of_hardly_any_units(widths, losses, count):
    history = after_epochs(losses, total=100 * len(losses))
    context = training(Phase.EPOCH, history, history.epochs[-1].step)
    layers = [SimpleNamespace(width=n, name=f"dense_{n}", is_weighted=True) for n in widths]
    context.__dict__["all_layers"] = layers
    assert [f.severity for f in found(low_capacity, context)] == ["warning"] * count


@pytest.mark.parametrize(
    ("length", "recurrent", "losses", "count"),
    [
        (784, True, [2.3, 2.29], 1),
        (784, False, [2.3, 2.29], 0),
        (28, True, [2.3, 2.29], 0),
        (None, True, [2.3, 2.29], 0),
        (784, True, [2.3, 1.5], 0),
        (784, True, [2.3, np.nan], 0),
    ],
)
def test_a_recurrent_layer_over_many_steps_that_learns_nothing(length, recurrent, losses, count):
    history = after_epochs(losses, total=100 * len(losses))
    context = training(Phase.EPOCH, history, history.epochs[-1].step)
    context.__dict__["all_layers"] = [SimpleNamespace(length=length, name="lstm", isa=lambda *names: recurrent)]
    assert [f.severity for f in found(long_sequence, context)] == ["warning"] * count
