"""How `compare` judges the runs of deciding sweeps."""

import json

import numpy as np
import pytest

from compare.fake_runs import write_run
from exprun import cli
from exprun.compare import deciding
from exprun.compare.analysis import analyse
from exprun.compare.selection import select
from exprun.compare.verdict import verdict

DECIDE = {"name": "decide", "goal": "best", "metric": "val/accuracy", "max_seeds": 10, "margin": None}


def write(folder, counts, first=0, sweep=DECIDE, **more):
    """Runs of two arms, with some seeds each; the second is 5 points better."""
    number = len(list(folder.glob("*"))) if folder.exists() else 0
    for arm, count in enumerate(counts):
        for seed in range(first, first + count):
            accuracy = 0.8 + 0.05 * arm + 0.01 * np.random.default_rng([arm, seed]).normal()
            write_run(folder / str(number), accuracy, norm__name="ab"[arm], seed=seed, sweep=sweep, **more)
            number += 1
    return folder


def compared(*folders, **options):
    return analyse(select([str(folder) for folder in folders]), **options)


def test_p_values_and_intervals_hold_at_any_look(tmp_path):
    fixed = compared(write(tmp_path / "fixed", (5, 5), sweep={"name": "grid"}))
    found = compared(write(tmp_path / "decided", (5, 5)))
    (one,), (other,) = found.effects, fixed.effects
    assert one.mean == other.mean
    assert one.seed_half > 1.2 * other.seed_half
    assert one.probability > 1.5 * other.probability
    assert one.needed is None
    for arm, before in zip(found.arms, fixed.arms, strict=True):
        assert arm.interval.half > before.interval.half
    assert "Sequential: the sweep looked for the best arm by val/accuracy, after 3 to 10 seeds" in found.summary()[0]
    assert "took 10 of at most 20 runs" in found.summary()[0]
    assert found.summary()[-1].startswith("Best: ")  # the description in MLflow begins with it
    assert fixed.rule is None


def test_a_contrast_uses_the_seeds_that_its_arms_share(tmp_path):
    alike = compared(write(tmp_path / "alike", (4, 4)))
    more = compared(write(tmp_path / "more", (4, 9)))
    assert more.effects[0].probability == alike.effects[0].probability
    assert more.effects[0].mean == alike.effects[0].mean
    assert [len(arm.values) for arm in more.arms] == [9, 4]
    assert not any("same seeds" in warning for warning in more.warnings)


def test_the_smallest_p_value_of_all_looks_counts(tmp_path):
    write(tmp_path / "runs", (5, 5))
    early = compared(tmp_path / "runs").effects[0].probability
    for seed in (5, 6):
        for arm in range(2):  # later seeds that do not fit
            accuracy = (0.9, 0.4)[(arm + seed) % 2]
            write_run(tmp_path / "runs" / f"{arm}{seed}", accuracy, norm__name="ab"[arm], seed=seed, sweep=DECIDE)
    later = compared(tmp_path / "runs")
    assert later.effects[0].probability == early
    assert later.effects[0].seed_half > later.effects[0].mean
    assert later.sentences()[0].endswith(": more than seed noise.")
    assert compared(tmp_path / "runs", metric="val/loss").sentences()[0].endswith(": more than seed noise.")


def test_the_best_arm_is_that_of_the_rule(tmp_path):
    found = compared(write(tmp_path / "runs", (5, 5)))
    assert [arm.levels for arm in found.best] == [("b",)]
    early = compared(write(tmp_path / "early", (2, 2)))
    assert early.best is None
    assert np.isnan(early.effects[0].probability)


def test_before_its_first_look_nothing_is_judged(tmp_path):
    found = compared(write(tmp_path / "early", (2, 2)))
    assert found.sentences()[0].endswith(" (2 seeds each), which may be seed noise: run more seeds to find out.")
    assert verdict(found)[1] == ("No difference is decided, because not all arms share the 3 seeds of a first look.")


def test_the_verdict_names_the_best_arm_and_not_a_dropped_one(tmp_path):
    write(tmp_path / "runs", (3, 3))
    for seed in range(3, 6):  # later seeds of the better arm, which bring its mean below that of the dropped one
        write_run(tmp_path / "runs" / f"b{seed}", 0.5, norm__name="b", seed=seed, sweep=DECIDE)
    found = compared(tmp_path / "runs")
    assert found.arms[0].levels == ("a",)
    best, _ = verdict(found)
    assert best.startswith("Of 2 arms, norm=b is the best by the looks of the sweep, with a val/accuracy of 6")
    assert best.endswith(", and the other one is shown to be worse.")


def test_the_metric_of_the_sweep_is_compared(tmp_path):
    write(tmp_path / "runs", (4, 4), sweep=DECIDE | {"metric": "val/loss"})
    assert compared(tmp_path / "runs").metric == "val/loss"
    assert compared(tmp_path / "runs", metric="val/accuracy").metric == "val/accuracy"


def test_the_margin_of_the_sweep_is_tested(tmp_path):
    margin = DECIDE | {"margin": 20.0}
    found = compared(write(tmp_path / "runs", (6, 6), sweep=margin))
    assert found.margin == pytest.approx(0.2)
    assert found.effects[0].equivalent
    assert compared(tmp_path / "runs", margin=1.0).margin == pytest.approx(0.01)


def test_runs_that_were_added_later_are_reported(tmp_path):
    write(tmp_path / "runs", (5, 5))
    write_run(tmp_path / "runs" / "99", 0.9, norm__name="b", seed=77)
    found = compared(tmp_path / "runs")
    assert found.rule is None
    assert any("take into account, as" in text and "99 does not belong to it" in text for text in found.warnings)
    write(tmp_path / "other", (3, 3), sweep=DECIDE | {"max_seeds": 5})
    mixed = compared(tmp_path / "other", write(tmp_path / "third", (3, 3), first=10))
    assert any("the sweeps have different rules" in text for text in mixed.warnings)
    longer = compared(write(tmp_path / "fourth", (12, 12)))
    assert any("4 runs with seeds after the 10 that the deciding sweep planned" in text for text in longer.warnings)
    assert longer.effects[0].seeds == (10, 10)


def test_arms_with_other_seeds_are_reported(tmp_path):
    write(tmp_path / "runs", (4, 4))
    for seed in range(100, 103):
        write_run(tmp_path / "other" / str(seed), 0.9, norm__name="c", seed=seed, sweep=DECIDE)
    warnings = compared(tmp_path / "runs", tmp_path / "other").warnings
    assert any("norm=c has no run with seed 0, with which the looks begin" in text for text in warnings)


def test_a_run_that_failed_counts_as_ended_and_one_that_runs_does_not(tmp_path):
    write(tmp_path / "runs", (4, 4))
    write_run(tmp_path / "runs" / "8", 0.1, status="FAILED", reason="no file", norm__name="a", seed=4, sweep=DECIDE)
    write_run(tmp_path / "runs" / "9", None, norm__name="b", seed=4, sweep=DECIDE)
    arms = compared(tmp_path / "runs").arms
    table = deciding.table_of(arms, 10)
    assert table.seeds == [0, 1, 2, 3, 4]
    assert table.ended[:, 4].tolist() == [arm.levels == ("a",) for arm in arms]


def test_the_warning_about_skewed_noise_knows_the_looks(tmp_path):
    write(tmp_path / "runs", (3, 0))
    for seed in range(3):
        write_run(tmp_path / "runs" / f"b{seed}", 0.99 + 0.003 * seed, norm__name="b", seed=seed, sweep=DECIDE)
    assert any("up to one of six comparisons" in warning for warning in compared(tmp_path / "runs").warnings)


def test_json_has_the_rule(tmp_path, capsys):
    assert cli.main(["compare", str(write(tmp_path / "runs", (4, 4))), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["sequential"]
    assert found == {**{k: DECIDE[k] for k in ("goal", "metric", "max_seeds", "margin")}, "looks": [*range(3, 11)]}
