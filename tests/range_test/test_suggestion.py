"""The learning rate to take from the curves of a range test."""

from dataclasses import replace

import numpy as np
import pytest

from exprun.range_test.suggestion import Chance, Curve, Trial, decided, enough, judge, judge_curve, smoothed
from range_test.curves import CHANCE, curve, report


def test_the_range_is_where_the_loss_falls():
    found = judge_curve(curve(begins=1e-3, best=1e-1), CHANCE)
    assert 5e-4 < found.low < 4e-3
    assert 0.05 < found.high < 0.4
    assert found.low < found.take < found.high


@pytest.mark.parametrize("factor", [0.01, 1.0, 10.0])
def test_the_suggestion_moves_with_the_curve(factor):
    found, usual = (judge_curve(curve(begins=1e-3 * f, best=1e-1 * f), CHANCE) for f in (factor, 1.0))
    assert found.take / usual.take == pytest.approx(factor, rel=0.3)


@pytest.mark.parametrize(
    "flat",
    [
        curve(lowest=2.5, start=2.5),  # nothing changes but the noise
        curve(start=CHANCE.loss, lowest=CHANCE.loss, noise=0.2),
        curve(
            start=1000.0, lowest=CHANCE.loss, noise=0.0
        ),  # from a bad start to the chance level, as a network that dies
        curve(start=CHANCE.loss, lowest=CHANCE.loss - 0.05, noise=0.0),  # hardly below
    ],
)
def test_a_network_that_does_not_get_below_the_chance_level_does_not_learn(flat):
    assert judge_curve(flat, CHANCE) is None


def test_an_accuracy_above_the_chance_level_shows_a_network_that_started_far_above_it():
    high = {"start": 4.0, "lowest": CHANCE.loss}
    assert judge([curve(**high, accuracy=0.3)], CHANCE) is not None
    assert judge([curve(**high, accuracy=0.12)], CHANCE) is None
    assert judge([curve(seed, **high, accuracy=0.15) for seed in range(3)], CHANCE) is not None  # all seeds together


def test_a_fall_after_the_loss_has_risen_does_not_count():
    usual = curve(start=4.0, lowest=2.0, noise=0.0)
    ruined = usual.losses.copy()
    ruined[-12:] = 1.9
    found = judge_curve(replace(usual, losses=ruined), CHANCE)
    assert found == judge_curve(usual, CHANCE)


def test_a_curve_that_ends_at_once_has_no_range():
    assert judge_curve(Curve(0, np.array([1e-5]), np.array([2.3]), np.array([0.1]), "not finite"), CHANCE) is None


def test_of_three_seeds_the_median_is_taken():
    curves = [curve(0, best=0.03), curve(1, best=0.1), curve(2, best=3.0)]
    single = [judge_curve(one, CHANCE) for one in curves]
    found = judge(curves, CHANCE)
    assert found.take == pytest.approx(sorted(one.take for one in single)[1], rel=0.35)
    assert found.take == float(f"{found.take:.1g}")


def test_one_seed_that_does_not_learn_does_not_matter_but_two_do():
    learns, stays = curve(0), curve(1, start=CHANCE.loss, lowest=CHANCE.loss)
    assert judge([learns, learns, stays], CHANCE) is not None
    assert judge([learns, stays, stays], CHANCE) is None


def test_smoothing_is_corrected_for_its_start():
    assert smoothed(np.full(20, 3.0), 20) == pytest.approx(np.full(20, 3.0))


def test_a_curve_ends_when_the_loss_has_grown():
    assert enough(np.array([2.0, 1.0, 0.5, 1.9])) == 0
    assert enough(np.array([2.0, 1.0, 0.5, 1.9, 2.1, 9.0])) == 5


@pytest.mark.parametrize(
    ("configured", "place", "said"),
    [(1e-5, "too low", "is too low"), (0.05, "within", "within this range"), (5.0, "beyond", "is beyond this range")],
)
def test_the_configured_learning_rate_has_its_place(configured, place, said):
    found = report(curve(0), curve(1), curve(2), words=[f"optim.learning_rate={configured}"])
    assert found.place == place
    assert any(said in sentence for sentence in found.sentences())
    assert found.word == f"optim.learning_rate={found.found.take:.3g}"


def test_where_nothing_learns_check_is_the_next_command():
    stays = curve(start=CHANCE.loss, lowest=CHANCE.loss)
    found = report(stays, stays, stays, overrides="model=vgg16 norm=none")
    assert found.word == ""
    assert found.title == "The network learns at no learning rate within 120 steps"
    assert found.sentences()[-1].endswith("python -m exprun check model=vgg16 norm=none")
    assert not any("--minutes" in sentence for sentence in found.sentences())


def test_a_test_with_too_little_time_for_its_verdict_says_so():
    stays = curve(start=CHANCE.loss, lowest=CHANCE.loss)
    found = report(stays, overrides="model=vgg16", minutes=12)
    assert any(sentence.endswith("rate model=vgg16 --minutes 12") for sentence in found.sentences())
    assert not any("--minutes" in sentence for sentence in report(curve(), minutes=12).sentences())


def test_the_short_training_with_the_lowest_median_decides():
    found = judge([curve(0)], CHANCE)
    trials = [Trial(0.04, (0.1, np.inf, np.inf), 60), Trial(0.01, (0.5, 0.4, 0.6), 60), Trial(0.004, (0.9,) * 3, 60)]
    assert decided(found, trials).take == 0.01
    assert decided(found, [trials[0]]) == found  # all have failed: nothing is known but the curves
    assert decided(found, []) == found
    assert decided(None, []) is None
    told = report(curve(0), trials=trials)
    assert told.word == "optim.learning_rate=0.01"
    assert "Short trainings of 60 steps end with a loss of 0.5 at 0.01 and 0.9 at 0.004 and fail at 0.04." in (
        told.sentences()
    )


def test_regularisation_does_not_raise_the_fall_that_counts_as_learning():
    falls = curve(start=CHANCE.loss, lowest=CHANCE.loss - 0.2, noise=0.0)
    assert judge_curve(falls, CHANCE) is not None
    regularised = replace(falls, losses=falls.losses + 10)
    assert judge_curve(regularised, Chance(CHANCE.loss + 10, 0.1, 16, 10.0)) is not None
