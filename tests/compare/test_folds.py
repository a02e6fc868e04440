"""Folds of a cross-validation: repeats like seeds, but with training sets that overlap."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from compare.fake_runs import write_run
from exprun.compare import report
from exprun.compare.analysis import analyse
from exprun.compare.arms import Arm
from exprun.compare.selection import select
from exprun.config.errors import ConfigError
from exprun.records import Fold

GAIN = {0: 0.10, 1: 0.13, 2: 0.09, 3: 0.12, 4: 0.11}


def write(
    folder, folds=5, which=None, seeds=(0,), split_seeds=(0,), norms=("none", "batch"), images=40, own=None, **more
):
    """Runs of two norms, on folds; fold 3 of each repetition is hard."""
    for norm in norms:
        for split_seed in split_seeds:
            for fold in which or range(folds):
                for seed in seeds:
                    value = 0.7 - 0.1 * (fold == 3) + GAIN[fold % 5] * (norm == "batch") + 0.002 * seed
                    write_run(
                        folder / f"{norm}-{split_seed}-{fold}-{seed}",
                        value + 0.01 * split_seed,
                        norm__name=norm,
                        data__folds=folds,
                        data__fold=fold,
                        data__split_seed=split_seed,
                        seed=seed,
                        environment={"data_fingerprint": f"{split_seed}{fold}" * 20, "val_images": str(images)}
                        | (own or {}),
                        **more,
                    )
    return folder


def read(folder, **more):
    return analyse(select([str(folder)]), **more)


def test_folds_are_no_factor_and_their_test_is_that_of_nadeau_and_bengio(tmp_path):
    found = read(write(tmp_path / "runs"))
    assert found.factors == ("norm",)
    [effect] = found.effects
    gains = np.array(list(GAIN.values()))
    error = math.sqrt((1 / 5 + 1 / 4) * gains.var(ddof=1))
    assert effect.uncorrected == pytest.approx(2 * stats.t.sf(gains.mean() / error, 4))
    assert effect.seed_half == pytest.approx(stats.t.ppf(0.975, 4) * error)
    assert (effect.blocks, effect.folds, effect.seeds, effect.needed) == (True, 5, (5, 5), None)
    [sentence] = found.sentences()
    assert " (5 folds each as blocks, corrected for overlapping training sets; p = " in sentence
    assert sentence.endswith("more than fold noise.")
    assert found.warnings == []


def test_the_noise_of_images_counts_once(tmp_path):
    folder = write(tmp_path / "runs", own={"test_images": "200"})
    found = read(folder)
    assert found.effects[0].half == found.effects[0].seed_half  # each fold has validation images of its own
    for path in folder.glob("*/result.json"):
        record = json.loads(path.read_text())
        record["metrics"]["test/accuracy"] = record["metrics"]["val/accuracy"]
        path.write_text(json.dumps(record))
    assert read(folder, metric="test/accuracy").effects[0].images == 200  # all folds have the same test images
    arm = found.arms[0]
    assert arm.interval.half == pytest.approx(stats.t.ppf(0.975, 4) * arm.deviation * math.sqrt(1 / 5 + 1 / 4))
    perfect = Arm((), [], {Fold(0, fold): 1.0 for fold in range(5)}, images=40, folds=5, images_differ=True)
    assert 0.02 < perfect.interval.half < 0.1


def test_the_interval_of_an_arm_is_corrected_too(tmp_path):
    found = read(write(tmp_path / "runs"))
    arm = found.arms[0]
    plain = Arm(arm.levels, arm.runs, arm.values)
    assert arm.inflation == 1 + 5 / 4
    bare = Arm(arm.levels, arm.runs, arm.values, folds=5)
    assert bare.interval.half == pytest.approx(1.5 * plain.interval.half)


def test_seeds_of_a_fold_are_one_sample(tmp_path):
    one, three = (read(write(tmp_path / str(len(seeds)), seeds=seeds)) for seeds in ((0,), (0, 1, 2)))
    assert list(three.arms[0].values) == [Fold(0, fold) for fold in range(5)]
    assert three.effects[0].uncorrected == pytest.approx(one.effects[0].uncorrected)
    assert three.arms[0].values[Fold(0, 0)] == pytest.approx(0.802)
    assert three.arms[0].images == 200


def test_split_seeds_are_repetitions_of_the_folds(tmp_path):
    found = read(write(tmp_path / "runs", split_seeds=(0, 1)))
    assert found.factors == ("norm",)
    assert [len(arm.values) for arm in found.arms] == [10, 10]
    assert found.arms[0].inflation == 1 + 10 / 4
    assert found.arms[0].images == 200


def test_several_seeds_of_one_fold_are_seeds(tmp_path):
    found = read(write(tmp_path / "runs", which=[2], seeds=(0, 1, 2)))
    assert found.factors == ("norm",)
    assert (found.arms[0].folds, list(found.arms[0].values)) == (None, [0, 1, 2])
    assert found.effects[0].folds is None


def test_folds_that_are_compared_are_a_factor(tmp_path):
    found = read(write(tmp_path / "runs", which=[0, 3], norms=("none",), seeds=(0, 1, 2)), by=["data.fold"])
    assert [arm.levels for arm in found.arms] == [("0",), ("3",)]
    assert [list(arm.values) for arm in found.arms] == [[0, 1, 2]] * 2


def test_missing_folds_are_warned_of(tmp_path):
    folder = write(tmp_path / "runs", which=[0, 1, 2, 4], norms=("none",))
    write(folder, which=[0, 1, 2], norms=("batch",))
    first, second = read(folder).warnings
    assert first == "Not all arms have the same folds (norm=batch lacks fold 4), so the folds are not blocks."
    assert second == "No arm has fold 3, so not all images count equally."
    assert read(folder).effects[0].blocks is False


def test_folds_or_repetitions_that_are_a_factor_do_not_hide_the_others(tmp_path):
    folder = write(tmp_path / "runs", split_seeds=(0, 1), norms=("none",))
    with pytest.raises(ConfigError, match=r"differ in data.split_seed: add this to --by"):
        read(folder, by=["data.fold"])
    with pytest.raises(ConfigError, match=r"differ in data.fold: add this to --by"):
        read(folder, by=["data.split_seed"])


def test_runs_without_folds_among_others_are_warned_of(tmp_path):
    folder = write(tmp_path / "runs", norms=("none",))
    for seed in range(3):
        write_run(folder / str(seed), 0.8 + 0.01 * seed, norm__name="batch", seed=seed)
    found = read(folder)
    assert found.factors == ("data.folds", "norm")
    assert "5 of 8 runs have folds, and the others do not" in " ".join(found.warnings)
    mixed = write(tmp_path / "mixed")
    write_run(mixed / "plain", 0.8, norm__name="none")
    with pytest.raises(ConfigError, match=r"norm=none has runs with data.folds=5 and null: add data.folds to --by"):
        read(mixed, by=["norm"])


def test_other_images_in_the_same_fold_are_warned_of(tmp_path):
    folder = write(tmp_path / "runs")
    changed = folder / "batch-0-1-0" / "environment.json"
    record = json.loads(changed.read_text())
    changed.write_text(json.dumps(record | {"data_fingerprint": "e" * 64}))
    [warning] = read(folder).warnings
    assert warning.startswith("The runs differ in their images: ")


def test_a_run_that_diverged_is_counted_by_runs(tmp_path):
    folder = write(tmp_path / "runs", seeds=(0, 1))
    path = folder / "batch-0-1-0" / "result.json"
    record = json.loads(path.read_text())
    record["metrics"]["val/accuracy"] = math.nan
    path.write_text(json.dumps(record))
    found = read(folder)
    arm = next(arm for arm in found.arms if arm.levels == ("batch",))
    assert arm.values[Fold(0, 1)] == pytest.approx((0.1 + 0.832) / 2)
    assert "norm=batch: 1 of 10 runs diverged and counts as the chance level, 10.0 %" in " ".join(found.warnings)


def test_reports_give_the_folds(tmp_path, capsys):
    found = read(write(tmp_path / "runs", split_seeds=(0, 1)))
    facts = json.loads(report.as_json(found))
    folds = list(facts["arms"][0]["values"])
    assert [folds[0], folds[1], folds[-1]] == ["fold 0", "fold 1", "fold 4 of split seed 1"]
    lines = report.as_csv(found).splitlines()
    assert lines[0].startswith("norm,seed,data.fold,data.split_seed,status,compared,")
    assert len(lines) == 21
    report.show(found)
    assert " folds " in capsys.readouterr().out
    report.write_page(found, tmp_path / "report.html", "compare")
    page = (tmp_path / "report.html").read_text()
    assert "0, fold 4 of split seed 1" in page
    assert "folds</th>" in page
