"""What the losses of epochs say, from made-up figures."""

import numpy as np
import pytest

from exprun.doctor.callback import limits_of
from exprun.doctor.curves import Chance, Epoch, check_oscillation, check_plateau, check_slow

LIMITS = limits_of({})
TEN = Chance(float(np.log(10)), 0.1)


def epochs(losses, rates=0.01, accuracy=0.15, steps=100):
    rates = np.broadcast_to(rates, len(losses))
    return [Epoch(steps * (n + 1), loss, accuracy, float(rates[n])) for n, loss in enumerate(losses)]


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([1.5, 2.2, 1.4, 2.3, 1.5, 2.2], True),
        ([1.5, 2.2, 1.4, 2.3, 1.5], False),  # too few
        ([2.2, 1.8, 1.9, 1.2, 1.3, 0.9], False),  # it falls
        ([1.5, 1.52, 1.49, 1.53, 1.5, 1.52], False),  # a little
        ([0.05, 0.09, 0.05, 0.09, 0.05, 0.09], False),  # it fits its images
        ([2.2, np.nan, 1.4, 2.3, 1.5, 2.2], False),
    ],
)
def test_a_loss_that_goes_up_and_down(losses, said):
    assert bool(list(check_oscillation(epochs(losses), TEN, LIMITS))) == said


def test_without_classes_the_first_epoch_says_what_is_small():
    swings = [1.5, 2.2, 1.4, 2.3, 1.5, 2.2]
    assert list(check_oscillation(epochs([3.0, *swings]), None, LIMITS))
    assert not list(check_oscillation(epochs([30.0, *swings]), None, LIMITS))


def test_a_loss_that_falls_no_further_is_a_note_with_the_reason_of_the_schedule():
    losses = [2.2, 2.0, 1.8, 1.6, 1.5, *[1.5] * 5]
    (found,) = check_plateau(epochs(losses), TEN, LIMITS)
    assert found.severity == "note"
    assert "no schedule has lowered it" in found.evidence
    (found,) = check_plateau(epochs(losses, [0.1] * 5 + [1e-4] * 5), TEN, LIMITS)
    assert "1,000 times less than at most: the schedule has ended learning" in found.evidence


@pytest.mark.parametrize("losses", [np.linspace(2.2, 1.2, 12), [0.1] * 12, [2.303] * 12, [1.5] * 9])
def test_what_is_no_plateau(losses):
    assert not list(check_plateau(epochs(losses), TEN, LIMITS))


def test_slow_is_what_is_near_guessing_after_half_of_the_run():
    (found,) = check_slow(epochs([2.25, 2.2, 2.15]), TEN, 600, LIMITS)
    assert (found.cause, found.severity) == ("slow-learning", "warning")
    assert not list(check_slow(epochs([2.25, 2.2, 2.15]), TEN, 700, LIMITS))  # not yet half
    assert not list(check_slow(epochs([2.25, 2.2, 2.15], accuracy=0.25), TEN, 600, LIMITS))
    assert not list(check_slow(epochs([2.25, 2.2, 1.9]), TEN, 600, LIMITS))
    assert not list(check_slow(epochs([2.303] * 3), TEN, 600, LIMITS))  # that is at chance
    assert not list(check_slow(epochs([2.25] * 3, steps=10), TEN, 60, LIMITS))
