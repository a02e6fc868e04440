"""How the time is shared out among changes."""

import pytest

from exprun.explain.halving import MIN_STEPS, LastRung, plan_last_rung, rungs, seconds_of, steps_that_fit, survivors
from exprun.explain.trials import RunTime, Trial

NAN = float("nan")


def trial(label, loss, accuracy=0.1, failure=""):
    return Trial(label, "rung 1", 0, 10, loss, accuracy, loss, 1.0, failure, "")


@pytest.mark.parametrize(
    ("changes", "finalists", "wanted"),
    [
        (2, 3, []),
        (3, 3, []),
        (4, 3, [(4, 0.25)]),
        (6, 2, [(6, 0.25)]),
        (7, 3, [(7, 0.25), (4, 0.5)]),
        (12, 3, [(12, 0.25), (6, 0.5)]),
    ],
)
def test_the_better_half_goes_on(changes, finalists, wanted):
    assert rungs(changes, finalists) == wanted


@pytest.mark.parametrize("changes", [1, 4, 9])
@pytest.mark.parametrize("fixed", [1, 2])
@pytest.mark.parametrize("step", [0.001, 0.1, 1.0, 5.0])
@pytest.mark.parametrize("seconds", [60.0, 600.0])
def test_a_plan_fits_into_the_time(changes, fixed, step, seconds):
    run_time = RunTime(step, 2.0)
    planned = plan_last_rung(changes, fixed, 3, seconds, run_time, 1000)
    assert planned.finalists <= changes
    if planned.steps:
        assert seconds_of(planned, changes, fixed, 3, run_time) <= seconds
    if planned.steps < 1000:
        assert seconds_of(LastRung(planned.steps + 40, *_rest(planned)), changes, fixed, 3, run_time) > 0.8 * seconds


def _rest(planned):
    return planned.finalists, planned.pair


def test_little_time_measures_fewer_changes_rather_than_too_few_steps():
    much, little = (plan_last_rung(6, 1, 3, seconds, RunTime(1.0, 5.0), 500) for seconds in (3000.0, 600.0))
    assert (much.finalists, much.pair) == (3, True)
    assert (little.finalists, little.pair) == (1, False)
    assert much.steps > little.steps > MIN_STEPS


def test_a_short_run_of_the_person_is_not_made_longer():
    assert plan_last_rung(3, 1, 3, 3600.0, RunTime(0.001, 1.0), 60).steps == 60


def test_steps_follow_the_pace_that_was_measured():
    slow, fast = RunTime(1.0, 10.0, 2.0), RunTime(0.5, 4.0, 1.0)
    steps = steps_that_fit([slow, fast], 3, 200.0, 10_000)
    taken = slow.of(steps, 3) + fast.of(steps, 3)
    assert 160.0 < taken <= 170.0
    assert steps_that_fit([slow], 3, 5.0, 100) == 0
    assert steps_that_fit([slow], 3, 1e6, 100) == 100


def test_the_lowest_loss_goes_on_and_failures_come_last():
    taken = [trial("a", 2.3), trial("b", NAN, NAN, "diverged"), trial("c", 0.5), trial("d", 1.0)]
    assert survivors(taken, 2, 0.2) == ["c", "d"]
    assert survivors(taken, 4, 0.2) == ["c", "d", "a", "b"]


def test_what_learns_goes_before_what_guesses_at_a_low_loss():
    taken = [trial("guesses", 2.303), trial("learns", 51.0, 0.35)]
    assert survivors(taken, 1, 0.2) == ["learns"]


def test_the_worst_goes_on_where_the_other_config_is_the_worse():
    taken = [trial("a", 2.3), trial("b", NAN, NAN, "diverged"), trial("c", 0.5, 0.9)]
    assert survivors(taken, 3, 0.2, sign=-1.0) == ["b", "a", "c"]
