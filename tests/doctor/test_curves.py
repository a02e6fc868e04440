"""What the losses of epochs say, from made-up figures."""

from dataclasses import replace

import numpy as np
import pytest

from exprun.doctor.callback import limits_of
from exprun.doctor.chance import ChanceLevel
from exprun.doctor.curves import Epoch, check_fallen, check_oscillation, check_plateau, check_slow

LIMITS = limits_of({})
TEN = ChanceLevel(float(np.log(10)), 0.1, 10)


def epochs(losses, rates=0.01, accuracy=0.15, steps=100):
    rates = np.broadcast_to(rates, len(losses))
    return [Epoch(steps * (n + 1), loss, accuracy, float(rates[n])) for n, loss in enumerate(losses)]


SWINGS = [1.5, 2.2, 1.4, 2.3, 1.5, 2.2, 1.6, 2.1]


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        (SWINGS, True),
        (SWINGS[:7], False),  # too few
        ([2.2, 1.8, 1.9, 1.2, 1.3, 0.9, 1.0, 0.8], False),  # it falls
        ([1.5, 1.52, 1.49, 1.53, 1.5, 1.52, 1.5, 1.52], False),  # a little
        ([0.05, 0.09, 0.05, 0.09, 0.05, 0.09, 0.05, 0.09], False),  # it fits its images
        ([2.2, np.nan, *SWINGS[2:]], False),
    ],
)
def test_a_loss_that_goes_up_and_down(losses, said):
    assert bool(list(check_oscillation(epochs(losses), TEN, LIMITS))) == said


def test_swings_of_the_noise_of_few_batches_and_of_a_cyclic_rate_are_no_finding():
    noisy = [replace(epoch, noise=0.2) for epoch in epochs(SWINGS)]
    assert not list(check_oscillation(noisy, TEN, LIMITS))
    assert not list(check_oscillation(epochs(SWINGS, steps=10), TEN, LIMITS))
    assert not list(check_oscillation(epochs(SWINGS, [0.1, 0.001] * 4), TEN, LIMITS))


def test_without_classes_the_first_epoch_says_what_is_small_and_it_is_a_note():
    (found,) = check_oscillation(epochs([3.0, *SWINGS]), None, LIMITS)
    assert found.severity == "note"
    assert not list(check_oscillation(epochs([30.0, *SWINGS]), None, LIMITS))


def test_a_loss_that_falls_no_further_is_a_note_with_what_the_schedule_did():
    losses = [2.2, 2.0, 1.8, 1.6, 1.5, *[1.5] * 5]
    (found,) = check_plateau(epochs(losses), TEN, None, LIMITS)
    assert found.severity == "note"
    assert "as high as before" in found.evidence
    (found,) = check_plateau(epochs(losses, [0.1] * 5 + [0.05] * 5), TEN, None, LIMITS)
    assert "lowered from 0.1" in found.evidence
    decayed = epochs(losses, [0.1] * 5 + [1e-4] * 5)
    (found,) = check_plateau(decayed, TEN, 5000, LIMITS)
    assert "the schedule has ended learning" in found.evidence
    assert not list(check_plateau(decayed, TEN, 1000, LIMITS))  # its end is flat by design


@pytest.mark.parametrize("losses", [np.linspace(2.2, 1.2, 12), [0.1] * 12, [2.303] * 12, [1.5] * 9])
def test_what_is_no_plateau(losses):
    assert not list(check_plateau(epochs(losses), TEN, None, LIMITS))


def test_slow_is_what_creeps_and_will_not_arrive():
    creeping = epochs([2.24, 2.23, 2.22, 2.21])
    (found,) = check_slow(creeping, TEN, 800, LIMITS)
    assert (found.cause, found.severity) == ("slow-learning", "warning")
    assert "at this pace it ends at 2.170" in found.evidence
    assert not list(check_slow(creeping, TEN, 900, LIMITS))  # not yet half
    assert not list(check_slow(epochs([2.24, 2.23, 2.22, 2.21], accuracy=0.3), TEN, 800, LIMITS))
    assert not list(check_slow(epochs([2.24, 2.23, 2.22, 2.21], accuracy=np.nan), TEN, 800, LIMITS))
    assert not list(check_slow(epochs([2.24, 2.2, 2.1, 2.0]), TEN, 800, LIMITS))  # fast enough
    assert not list(check_slow(epochs([2.2] * 4), TEN, 800, LIMITS))  # flat: a plateau
    assert not list(check_slow(epochs([2.303] * 4), TEN, 800, LIMITS))  # that is at chance
    assert not list(check_slow(epochs([2.24, 2.23, 2.22, 2.21], steps=10), TEN, 60, LIMITS))


@pytest.mark.parametrize(
    ("rates", "losses", "steps", "said"),
    [
        ([1, 0.1, 0.01], [1.0, 0.8, 0.7], 100, ["learning-rate-decay"]),
        ([1, 0.1, 0.01], [1.0, 0.999, 0.998], 100, []),  # it had stopped falling
        ([1, 0.1, 0.01], [1.0, 0.8, 0.7], 40, []),  # the end of the run
        ([1, 0.1, 0.01], [1.0, 0.3, 0.1], 100, []),  # all is fitted
        ([1, 1, 0.1, 0.1, 0.01], [1.0, 0.9, 0.8, 0.75, 0.74], 100, ["learning-rate-decay"]),
        ([1, 1, 0.1, 0.1, 0.01], [1.0, 0.999, 0.8, 0.799, 0.7], 100, []),  # lowered once it had stopped falling
        ([1, 0.9, 0.8], [1.0, 0.8, 0.7], 100, []),
    ],
)
def test_a_rate_that_collapses_while_the_loss_falls_is_found(rates, losses, steps, said):
    assert [f.cause for f in check_fallen(epochs(losses, rates, accuracy=0.5, steps=10), steps)] == said
