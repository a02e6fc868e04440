"""changing-input: inputs whose scale changes from epoch to epoch."""

import numpy as np
import pytest

from doctor.contexts import found
from doctor.histories import after_epochs, training
from exprun.doctor.cause import Phase
from exprun.doctor.causes import changing_input
from exprun.doctor.instruments.passing import Passed

STEPS = 12
PIXELS = np.random.default_rng(0).uniform(0, 255, (STEPS, 8, 6, 6, 1)).astype(np.float32)


def passed(batches, steps=STEPS):
    one = Passed()
    for number, batch in enumerate(batches):
        one.take(batch, number, steps)
    return one


def check(*epochs, steps=STEPS):
    history = after_epochs([1.0] * len(epochs))
    history.passed = [passed(batches, steps) for batches in epochs]
    return found(changing_input, training(Phase.EPOCH, history, 1))


def test_pixels_that_are_scaled_again():
    [finding] = check(PIXELS, PIXELS / 255)
    assert (finding.cause, finding.severity, finding.where) == ("changing-input", "error", "training batches")
    assert finding.evidence.startswith("The inputs have mean 127 and standard deviation 70.1")
    assert finding.evidence.endswith(
        "but mean 0.5 and standard deviation 0.276 in epoch 2 (each batch without its extreme values)."
    )
    assert check(PIXELS, PIXELS, PIXELS / 127.5 - 1)
    assert check(PIXELS / 255, PIXELS)


def test_a_mean_that_is_subtracted_again():
    assert [f.severity for f in check(PIXELS - 128, PIXELS - 128 - 4 * 74)] == ["warning"]


@pytest.mark.parametrize(
    "later",
    [
        PIXELS[::-1],
        PIXELS * 2,  # augmentation that has become stronger
        PIXELS + 100,
        np.where(np.arange(STEPS)[:, None, None, None, None] % 2, PIXELS, PIXELS / 255),  # scales that both epochs have
        [],
        PIXELS[:2] / 255,  # too few batches
    ],
)
def test_inputs_with_the_same_scale(later):
    assert check(PIXELS, later) == []


def test_a_series_that_drifts_within_epochs_too():
    trend = PIXELS * np.linspace(1, 5, STEPS)[:, None, None, None, None]
    assert check(trend, 5 * trend) == []
    level = PIXELS + 100 * np.arange(STEPS)[:, None, None, None, None]
    assert check(level, level + 100 * STEPS) == []


@pytest.mark.parametrize("place", [0, STEPS - 2])
def test_a_batch_that_was_scaled_more_often_than_the_others(place):
    first = PIXELS.copy()
    first[place] /= 255
    [finding] = check(first, first / 255)
    assert finding.severity == "error"
    assert check(first, first) == []


def test_an_epoch_whose_end_is_unknown_shows_nothing_until_the_next_one():
    assert check(PIXELS, PIXELS / 255, steps=None) == []


def test_an_epoch_of_few_batches():
    assert check(PIXELS[:3], PIXELS[:3] / 255, steps=3)
    assert check(PIXELS[:2], PIXELS[:2] / 255, steps=2) == []


def test_one_epoch_and_inputs_that_are_constant_or_broken():
    assert check(PIXELS) == []
    assert check(PIXELS * 0, PIXELS) == []
    assert check(PIXELS, PIXELS * np.nan) == []


def test_text_and_large_batches_are_measured_at_few_values_or_not_at_all():
    assert passed([np.array(["a"])], 1).first.means == []
    large = np.tile(np.arange(1000.0), 1000)
    assert passed([large], 1).first.deviation == pytest.approx(large.std(), rel=0.1)


@pytest.mark.slow
def test_rare_codes_that_one_epoch_has_at_its_beginning_and_another_at_its_end():
    rng = np.random.default_rng(0)
    for share in (0.3, 0.6):
        epochs = rng.normal(size=(300, STEPS, 16, 5))
        row = rng.integers(0, 16, (300, STEPS))
        where = rng.random((300, STEPS)) < share
        for epoch, step in zip(*np.nonzero(where), strict=True):
            epochs[epoch, step, row[epoch, step], 2] = -999
        assert not any(check(*epochs[number : number + 2]) for number in range(299))


def test_a_scale_that_the_later_epoch_has_only_at_its_beginning():
    later = PIXELS.copy()
    later[:4] /= 255
    assert check(PIXELS, later) == []
