"""The learning rate of each schedule, against formulas written here."""

import math

import numpy as np
import pytest

from exprun.config.optimisation import Schedule
from exprun.schedule import rate_at

BASE, PER_EPOCH, TOTAL = 0.2, 10, 100

SCHEDULES = {
    "constant": Schedule(name="constant"),
    "step": Schedule(name="step", every_epochs=3.0, factor=0.5),
    "milestones": Schedule(name="milestones", milestones=[2.0, 7.5], factor=0.1),
    "exponential": Schedule(name="exponential", factor=0.9),
    "inverse_time": Schedule(name="inverse_time", decay_rate=0.01),
    "cosine": Schedule(name="cosine", final_fraction=0.1),
    "one_cycle": Schedule(name="one_cycle", start_fraction=0.04, peak_at=0.3, final_fraction=0.001),
    "triangular": Schedule(name="triangular", start_fraction=0.2, peak_at=0.25, final_fraction=0.0),
    "plateau": Schedule(name="plateau", factor=0.1, patience=5, min_delta=1e-4),
    "by_epoch": Schedule(name="by_epoch", rates=[0.3, 0.2, 0.05]),
}


def rate(schedule, step):
    return float(rate_at(schedule, BASE, step, PER_EPOCH, TOTAL))


@pytest.mark.parametrize(
    ("name", "step", "expected"),
    [
        ("constant", 0, BASE),
        ("constant", TOTAL, BASE),
        ("plateau", 0, BASE),
        ("plateau", TOTAL, BASE),
        ("step", 29, BASE),
        ("step", 30, BASE * 0.5),
        ("step", 59, BASE * 0.5),
        ("step", 99, BASE * 0.5**3),
        ("milestones", 19, BASE),
        ("milestones", 20, BASE * 0.1),
        ("milestones", 74, BASE * 0.1),
        ("milestones", 75, BASE * 0.01),
        ("exponential", 0, BASE),
        ("exponential", 10, BASE * 0.9),
        ("exponential", 25, BASE * 0.9**2.5),
        ("inverse_time", 0, BASE),
        ("inverse_time", 50, BASE / (1 + 0.01 * 50)),
        ("cosine", 0, BASE),
        ("cosine", 30, BASE * (0.1 + 0.9 * (1 + math.cos(math.pi * 0.3)) / 2)),
        ("cosine", TOTAL, BASE * 0.1),
        ("one_cycle", 0, BASE * 0.04),
        ("one_cycle", 15, BASE * (0.04 + 0.96 * 0.5)),
        ("one_cycle", 30, BASE),
        ("one_cycle", 65, BASE * (0.001 + 0.999 * 0.5)),
        ("one_cycle", TOTAL, BASE * 0.001),
        ("triangular", 0, BASE * 0.2),
        ("triangular", 10, BASE * (0.2 + 0.8 * 10 / 25)),
        ("triangular", 25, BASE),
        ("triangular", 40, BASE * (1 - 15 / 75)),
        ("triangular", TOTAL, 0.0),
        ("by_epoch", 0, 0.3),
        ("by_epoch", 9, 0.3),
        ("by_epoch", 10, 0.2),
        ("by_epoch", 29, 0.05),
        ("by_epoch", 99, 0.05),
    ],
)
def test_rate_follows_its_formula(name, step, expected):
    assert rate(SCHEDULES[name], step) == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("lengthening", [1.5, *(pytest.param(one, marks=pytest.mark.slow) for one in (1.0, 2.0))])
def test_restarts_are_those_of_keras(lengthening):
    from keras.optimizers.schedules import CosineDecayRestarts

    reference = CosineDecayRestarts(BASE, 3 * PER_EPOCH, t_mul=lengthening, m_mul=0.8, alpha=0.1)
    schedule = Schedule(
        name="cosine_restarts", first_epochs=3.0, lengthening=lengthening, factor=0.8, final_fraction=0.1
    )
    steps = np.arange(2 * TOTAL)
    found = rate_at(schedule, BASE, steps, PER_EPOCH, TOTAL)
    np.testing.assert_allclose(found, [float(reference(step)) for step in steps], rtol=1e-4)


def test_the_first_restart_is_counted_from_the_end_of_the_warm_up():
    schedule = Schedule(
        name="cosine_restarts", first_epochs=3.0, lengthening=2.0, factor=1.0, final_fraction=0.0, warmup_epochs=2.0
    )
    assert rate(schedule, 9) == pytest.approx(BASE / 2)
    assert rate(schedule, 49) < 0.01 * BASE
    assert rate(schedule, 50) == pytest.approx(BASE)


def test_a_peak_at_the_start_only_falls():
    schedule = Schedule(name="triangular", start_fraction=0.5, peak_at=0.0, final_fraction=0.0)
    assert [rate(schedule, step) for step in (0, 50, 100)] == pytest.approx([BASE, BASE / 2, 0.0])


def test_warm_up_rises_in_a_straight_line_to_the_full_rate():
    schedule = Schedule(name="constant", warmup_epochs=2.0)
    assert [rate(schedule, step) for step in range(22)] == pytest.approx(
        [BASE * min((step + 1) / 20, 1) for step in range(22)]
    )


def test_the_cosine_begins_behind_the_warm_up():
    schedule = Schedule(name="cosine", final_fraction=0.0, warmup_epochs=2.0)
    assert rate(schedule, 20) == pytest.approx(BASE)
    assert rate(schedule, 60) == pytest.approx(BASE / 2)
    assert rate(schedule, TOTAL) == pytest.approx(0.0)


def test_warm_up_applies_to_rates_by_epoch_whose_epochs_are_those_of_the_run():
    schedule = Schedule(name="by_epoch", rates=[0.3, 0.2], warmup_epochs=2.0)
    assert [rate(schedule, step) for step in (0, 9, 10, 19, 20)] == pytest.approx(
        [0.3 / 20, 0.3 * 10 / 20, 0.2 * 11 / 20, 0.2, 0.2]
    )


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 1.5])
def test_many_steps_at_once_equal_one_at_a_time(name, warmup):
    from dataclasses import replace

    schedule = replace(SCHEDULES[name], warmup_epochs=warmup)
    steps = np.arange(TOTAL).reshape(4, 25)
    rates = rate_at(schedule, BASE, steps, PER_EPOCH, TOTAL)
    assert rates.dtype == np.float32
    assert rates.shape == steps.shape
    assert rates.ravel().tolist() == [rate(schedule, step) for step in range(TOTAL)]
    assert np.isfinite(rates).all()


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_run_of_one_step_has_a_rate(name):
    assert np.isfinite(rate_at(SCHEDULES[name], BASE, np.array([0]), 1, 1)).all()
