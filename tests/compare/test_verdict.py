"""The verdict of a comparison: two sentences, whatever was found."""

from dataclasses import replace

import pytest

from compare.fake_runs import write_run, write_sweep
from exprun.compare.analysis import analyse
from exprun.compare.selection import select
from exprun.compare.verdict import verdict


def verdict_of(folder, **more):
    return verdict(analyse(select([str(folder)]), **more))


def test_the_best_arm_and_the_largest_decided_difference_are_named(tmp_path):
    best, difference = verdict_of(write_sweep(tmp_path / "s"))
    assert best.startswith("Of 4 arms, norm=batch optim=")
    assert "has the best val/accuracy: 91." in best
    assert " % (mean of 3 seeds, 95 % interval 8" in best
    assert difference.startswith("norm=batch is better than norm=none by 10.0 points of val/accuracy (95 % interval 5.")
    assert difference.endswith(", p < 0.0001).")


def test_of_losses_the_lower_one_is_better(tmp_path):
    best, difference = verdict_of(write_sweep(tmp_path / "s"), metric="val/loss")
    assert "norm=batch" in best
    assert difference.startswith(
        "norm=batch is better than norm=none by 0.1 of val/loss (95 % interval 0.0852 to 0.115, "
    )


def test_the_better_side_comes_first(tmp_path):
    _, difference = verdict_of(write_sweep(tmp_path / "s", effect=-0.1))
    assert difference.startswith("norm=none is better than norm=batch by 10.0 points of val/accuracy (95 % interval 4.")


def test_without_a_decision_it_says_what_decides(tmp_path):
    best, difference = verdict_of(write_sweep(tmp_path / "s", effect=0.002))
    assert "not shown to be worse" in best
    assert difference.startswith("No difference is decided: the largest, ")
    assert " of each arm would decide a difference of this size." in difference


def test_equivalence_is_a_verdict(tmp_path):
    folder = write_sweep(tmp_path / "s", effect=0.0, seeds=range(20))
    assert verdict_of(folder, margin=20)[1] == "No difference is above 20.0 points."


@pytest.mark.parametrize("seeds", [1, 2])
def test_other_images_and_single_seeds_are_said(tmp_path, seeds):
    folder = write_sweep(
        tmp_path / "s", effect=0.05, seeds=range(3 if seeds > 1 else 1), environment={"val_images": "40"}
    )
    best, difference = verdict_of(folder)
    if seeds == 1:
        assert best.endswith(" % (1 seed).")
        assert difference.startswith("No difference is decided, because an arm with one seed")
    else:
        assert difference.endswith("; this is more than seed noise, but other images may show no difference.")


def test_an_interaction_alone_is_named_as_such(tmp_path):
    for norm, optim, accuracy in (("none", "a", 0.8), ("batch", "a", 0.9), ("none", "b", 0.9), ("batch", "b", 0.8)):
        for seed in (0, 1, 2):
            write_run(
                tmp_path / "s" / f"{norm}{optim}{seed}", accuracy + 0.001 * (seed - 1), norm__name=norm,
                optim__name=optim, seed=seed,
            )  # fmt: skip
    _, difference = verdict_of(tmp_path / "s")
    assert difference.startswith("The settings depend on each other: norm=")
    assert "by 20.0 points of val/accuracy (95 % interval " in difference


def test_runs_that_differ_only_in_the_seed_have_a_mean(tmp_path):
    for seed in (0, 1, 2):
        write_run(tmp_path / "s" / str(seed), 0.8 + 0.01 * seed, seed=seed)
    best, difference = verdict_of(tmp_path / "s")
    assert best.startswith("The runs differ in nothing but the seed; their val/accuracy is 81.0 % (mean of 3 seeds, ")
    assert difference.startswith("No difference was tested, as there are no two arms")


def test_folds_are_named(tmp_path):
    for fold in range(5):
        for norm in ("none", "batch"):
            accuracy = 0.8 + 0.01 * fold + 0.001 * (fold % 2) * (norm == "batch")
            settings = {"norm__name": norm, "data__folds": 5, "data__fold": fold, "data__split_seed": 0}
            write_run(tmp_path / "s" / f"{norm}{fold}", accuracy, **settings)
    best, difference = verdict_of(tmp_path / "s")
    assert "(mean of 5 folds, 95 % interval " in best
    assert "seed" not in best
    assert difference.startswith("No difference is decided: ")


def test_a_difference_that_depends_on_another_setting_is_an_average(tmp_path):
    for norm in ("none", "batch"):
        for optim in ("sgd_momentum", "rmsprop"):
            for seed in range(3):
                gain = 0.2 if (norm, optim) == ("batch", "rmsprop") else 0.0
                accuracy = 0.7 + gain + 0.01 * seed + 0.01 * (norm == "batch")
                write_run(tmp_path / f"{norm}{optim}{seed}", accuracy, seed=seed, norm__name=norm, optim__name=optim)
    assert verdict_of(tmp_path)[1].startswith(
        "On average over optim, which changes this difference, norm=batch is better than norm=none by 11."
    )


def test_no_difference_beyond_the_arms_that_are_shown_to_be_worse(tmp_path):
    folder = write_sweep(tmp_path / "s", effect=0.002)
    found = analyse(select([str(folder)]))
    best, difference = verdict(replace(found, best=found.arms[:2]))
    assert "is not shown to be worse" in best
    assert difference.startswith("Beyond that, no difference is decided: the largest, ")


def test_two_arms_are_not_said_to_have_a_further_difference(tmp_path):
    for norm, accuracies in (("none", (0.1, 0.5, 0.2)), ("batch", (0.7, 0.825, 0.85))):
        for seed, accuracy in enumerate(accuracies):
            write_run(tmp_path / f"{norm}{seed}", accuracy, seed=seed, norm__name=norm)
    best, difference = verdict_of(tmp_path)
    assert best.endswith("and the other one is shown to be worse.")
    start = (
        "A test in both directions does not decide this: norm=batch against norm=none is +52.5 points (95 % interval "
    )
    assert difference.startswith(start)


def test_runs_with_the_same_value_are_not_judged(tmp_path):
    for norm, accuracy in (("none", 0.8), ("batch", 0.9)):
        for seed in range(3):
            write_run(tmp_path / f"{norm}{seed}", accuracy, seed=seed, norm__name=norm)
    difference = "norm=batch against norm=none, is +10.0 points, which cannot be judged because the runs of each arm"
    assert verdict_of(tmp_path)[1] == f"No difference is decided: the largest, {difference} have the same value."


def test_the_interval_of_a_loss_has_no_negative_end(tmp_path):
    for norm, losses in (("none", (0.1, 0.9)), ("batch", (0.2, 0.3))):
        for seed, loss in enumerate(losses):
            write_run(tmp_path / f"{norm}{seed}", 1 - loss, seed=seed, norm__name=norm)
    found = analyse(select([str(tmp_path)]), metric="val/loss")
    assert [found.interval(arm)[0] for arm in found.arms] == [0.0, 0.0]
    assert all(arm.interval.low < 0 for arm in found.arms)
