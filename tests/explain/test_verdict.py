"""What made-up figures prove."""

import math

import pytest

from exprun.explain.candidates import AS_IT_IS, OTHER
from exprun.explain.trials import Trial
from exprun.explain.verdict import ValidationChance, of_changes, of_groups, summaries

NAN = float("nan")
CHANCE = 0.1
TEN = ValidationChance(CHANCE, math.log(10), 1000)


def trials(label, accuracies, losses=None, steps=100, failure=""):
    """One a seed; None stands for a run that failed."""
    losses = losses or [2.3 - 2 * (accuracy or 0) for accuracy in accuracies]
    return [
        Trial(label, "last rung", seed, steps, loss, accuracy, loss, 1.0, "", "")
        if accuracy is not None
        else Trial(label, "last rung", seed, steps, NAN, NAN, NAN, 1.0, failure or "the loss at step 3 is nan", "")
        for seed, (accuracy, loss) in enumerate(zip(accuracies, losses, strict=True))
    ]


def changes(*groups, pair=None):
    done = [trial for group in groups for trial in group]
    return of_changes(summaries(done, CHANCE), pair, TEN)


def groups(*parts, pair=None):
    done = [trial for part in parts for trial in part]
    return of_groups(summaries(done, CHANCE), pair, TEN)


STUCK = trials(AS_IT_IS, [0.1, 0.1, 0.1])


def test_differences_are_paired_by_seed():
    done = [*trials(AS_IT_IS, [0.2, 0.5, 0.8]), *trials("norm=batch", [0.3, 0.6, 0.9])]
    row = summaries(done, CHANCE)[1]
    assert row.gain.mean == pytest.approx(0.1)
    assert row.gain.half == pytest.approx(0.0, abs=1e-9)
    assert row.accuracy.half > 0.5


def test_rows_are_ranked_with_what_was_given_up_last():
    early = [t for label in ("c", AS_IT_IS) for t in trials(label, [0.9], steps=25)]
    done = [*early, *STUCK, *trials("a", [0.3] * 3), *trials("b", [0.5] * 3)]
    found = summaries(done, CHANCE)
    assert [row.label for row in found] == [AS_IT_IS, "b", "a", "c"]
    assert [row.in_full for row in found] == [True, True, True, False]
    assert found[3].gain.mean == 0.0  # against the run of as many steps


def test_one_change_makes_it_learn():
    verdict = changes(STUCK, trials("norm=batch", [0.85, 0.87, 0.866]), trials("init=he_normal", [0.1, 0.11, 0.1]))
    assert verdict.label == "norm=batch"
    assert verdict.sentence == (
        "With norm=batch alone, validation accuracy goes from 10.0 % to 86.2 % (3 seeds, ±2.6); no other change helps."
    )


def test_others_that_do_so_too_are_named():
    early = [t for label in ("c", "d", AS_IT_IS) for t in trials(label, [0.5 if label == "c" else 0.1], steps=25)]
    verdict = changes(early, STUCK, trials("a", [0.8, 0.81, 0.8]), trials("b", [0.6, 0.61, 0.6]))
    assert verdict.label == "a"
    assert "b (60.3 %) helps too" in verdict.sentence
    early_clear = [*trials(AS_IT_IS, [0.1], steps=25), *trials("c", [0.5], steps=25)]
    verdict = changes(early_clear, STUCK, trials("a", [0.8, 0.81, 0.8]))
    assert "c helped after 25 steps but was not measured further" in verdict.sentence


def test_a_loss_far_above_guessing_that_falls_below_it_is_a_proof():
    flat = trials(AS_IT_IS, [0.3, 0.35, 0.4], [240.0, 140.0, 180.0])
    mended = trials("input=raw", [0.45, 0.35, 0.4], [1.8, 1.6, 1.7])
    found = changes(flat, mended)
    assert found.sentence.startswith(
        "The config learns as it is, to 35.0 %, but its validation loss is 186.7 and chance level is 2.3. "
        "With input=raw alone, validation loss goes from 186.7 to 1.7 (chance level is 2.3), and accuracy from 35.0 % "
        "to 40.0 % (3 seeds); no other change helps."
    )
    assert found.label == "input=raw"
    by_accuracy = changes(flat, trials("norm=batch", [0.8, 0.85, 0.9]), mended)
    assert "input=raw (1.7) brings the loss below chance level" in by_accuracy.sentence
    # Only from 2.4 to 2.0, or not below chance: no proof.
    assert changes(trials(AS_IT_IS, [0.3] * 3, [2.4, 2.5, 2.6]), mended).label is None
    assert changes(flat, trials("input=raw", [0.35] * 3, [2.4, 2.5, 2.6])).label is None


def test_what_may_do_so_too_is_not_passed_over():
    found = changes(STUCK, trials("norm=batch", [0.8, 0.85, 0.9]), trials("init=he_normal", [0.11, 0.9]))
    assert "; init=he_normal (50.5 %, 2 seeds) may help too, but that is not certain" in found.sentence
    assert found.label == "norm=batch"


def test_a_gain_that_may_be_none_is_no_proof():
    verdict = changes(STUCK, trials("norm=batch", [0.1, 0.1, 0.9]))
    assert verdict.label is None
    assert verdict.sentence.startswith(
        "None of the changes makes it learn; with the best, norm=batch, validation accuracy goes"
    )
    assert "may be chance: more --seeds show whether it is" in verdict.sentence


def test_a_certain_gain_within_chance_is_no_proof():
    verdict = changes(STUCK, trials("norm=batch", [0.11, 0.11, 0.11]))
    assert verdict.label is None


def test_only_the_pair_makes_it_learn():
    pair = ("init=he_normal", "input=standardize")
    parts = [trials(pair[0], [0.1] * 3), trials(pair[1], [0.1] * 3), trials(" ".join(pair), [0.7, 0.72, 0.71])]
    verdict = changes(STUCK, *parts, pair=pair)
    assert verdict.label == "init=he_normal input=standardize"
    assert verdict.sentence.startswith(
        "With init=he_normal and input=standardize together, validation accuracy goes from"
    )


def test_a_single_change_is_preferred_to_a_pair():
    verdict = changes(STUCK, trials("a", [0.8] * 3), trials("b", [0.1] * 3), trials("a b", [0.9] * 3), pair=("a", "b"))
    assert verdict.label == "a"
    assert "no other change helps" in verdict.sentence


def test_one_seed_is_said_to_be_few():
    verdict = changes(trials(AS_IT_IS, [0.1]), trials("norm=batch", [0.8]))
    assert verdict.label == "norm=batch"
    assert "(1 seed)" in verdict.sentence
    assert "One seed gives no interval" in verdict.sentence


def test_runs_that_fail_count_as_guessing():
    verdict = changes(trials(AS_IT_IS, [None] * 3), trials("norm=batch", [0.8, 0.81, 0.8]))
    assert verdict.label == "norm=batch"
    assert "from chance level (every run failed) to 80.3 %" in verdict.sentence
    assert changes(STUCK, trials("norm=batch", [0.8, None, 0.8])).label is None


def test_all_runs_fail():
    verdict = changes(trials(AS_IT_IS, [None]), trials("norm=batch", [None]))
    assert verdict.label is None
    assert verdict.sentence == "Every run failed: the loss at step 3 is nan."


def test_a_config_that_learns_can_be_improved():
    verdict = changes(trials(AS_IT_IS, [0.6, 0.61, 0.6]), trials("norm=batch", [0.8, 0.81, 0.8]))
    assert verdict.sentence.startswith(
        "The config learns as it is, to 60.3 %. With norm=batch alone, validation accuracy goes"
    )
    verdict = changes(trials(AS_IT_IS, [0.6, 0.7, 0.65]), trials("norm=batch", [0.62, 0.66, 0.66]))
    assert verdict.label is None
    assert "None of the changes is certain to improve it" in verdict.sentence


def test_a_config_that_learns_with_some_seeds_is_not_said_to_learn():
    verdict = changes(trials(AS_IT_IS, [0.1, 0.28, 0.33]), trials("norm=batch", [0.94, 0.91, 0.91]))
    assert verdict.sentence.startswith("With norm=batch alone, validation accuracy goes from 23.7 % to 92.0 %")


def test_nothing_was_measured():
    assert changes(STUCK).label is None
    assert groups(STUCK).sentence.startswith("Too few runs")


def test_a_group_carries_the_gap():
    other = trials(OTHER, [0.8, 0.81, 0.8])
    verdict = groups(
        STUCK, other, trials("optim=adam", [0.7, 0.71, 0.7]), trials("init=orthogonal", [0.13, 0.13, 0.12])
    )
    assert verdict.label == "optim=adam"
    assert verdict.sentence == (
        "optim=adam accounts for the gap: alone it closes 86 % of the gap from 10.0 % to 80.3 % of validation accuracy "
        "(3 seeds); the next, init=orthogonal, closes 4 %."
    )


def test_only_two_groups_together_carry_the_gap():
    other = trials(OTHER, [0.8, 0.81, 0.8])
    parts = [trials("a", [0.2] * 3), trials("b", [0.3] * 3), trials("b a", [0.75] * 3)]
    verdict = groups(STUCK, other, *parts, pair=("b", "a"))
    assert verdict.label == "b a"
    assert verdict.sentence.startswith("b and a together close 92 %; no single change closes half of the gap")
    verdict = groups(STUCK, other, *parts[:2])
    assert verdict.label is None
    assert verdict.sentence.startswith("No single change closes half of the gap")


def test_a_group_spoils_a_good_config():
    verdict = groups(trials(AS_IT_IS, [0.8] * 3), trials(OTHER, [0.1] * 3), trials("norm=none", [0.1] * 3))
    assert verdict.label == "norm=none"
    assert "closes 100 % of the gap from 80.0 % to 10.0 %" in verdict.sentence


def test_two_configs_do_not_differ():
    verdict = groups(
        trials(AS_IT_IS, [0.5, 0.6, 0.55]), trials(OTHER, [0.58, 0.52, 0.56]), trials("optim=adam", [0.5, 0.6, 0.5])
    )
    assert verdict.label is None
    assert "no difference between the two is certain" in verdict.sentence


def test_the_loss_tells_what_accuracies_do_not():
    base, other = trials(AS_IT_IS, [0.1] * 3, [2.303] * 3), trials(OTHER, [0.1] * 3, [2.0, 2.01, 2.0])
    verdict = groups(base, other, trials("optim=adam", [0.1] * 3, [2.1, 2.11, 2.1]))
    assert verdict.label == "optim=adam"
    assert "2.303 to 2.003 of validation loss" in verdict.sentence
