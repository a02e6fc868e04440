"""Which labels are found, among digits of which some have a wrong label."""

import csv
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exprun import cli
from exprun.config.compose import Composer
from exprun.config.errors import ConfigError, DataError
from exprun.data import load
from exprun.label_noise import report
from exprun.label_noise.held_out import by_runs, by_simple_classifiers
from exprun.label_noise.suspects import suspects
from exprun.records import find_run
from tiny import tiny


@pytest.fixture(scope="module")
def digits():
    return load(Composer().config(["data=digits", "data.size=8", "model.layers=[flatten]"]).data)


def relabelled(dataset, labels):
    """The data set with other labels."""
    splits = {name: replace(getattr(dataset, name), labels=labels) for name in ("train", "val", "test")}
    return replace(dataset, **splits)


def test_wrong_labels_are_found_and_right_ones_left_alone(digits):
    right, rng = digits.train.labels, np.random.default_rng(5)
    wrong = rng.permutation(len(right))[:89]  # 5 %
    labels = right.copy()
    labels[wrong] = (labels[wrong] + rng.integers(1, 10, len(wrong))) % 10
    found = suspects(by_simple_classifiers(relabelled(digits, labels)))
    listed = found.held_out.rows[found.places]
    assert np.isin(listed, wrong).mean() >= 0.95
    assert np.isin(wrong, listed).mean() >= 0.8
    assert (found.likely == right[listed]).mean() >= 0.9
    assert (np.diff(found.confidence) < 0).mean() > 0.5
    assert 0.8 * len(wrong) <= found.estimate <= 1.2 * len(wrong)
    assert len(suspects(by_simple_classifiers(digits)).places) <= 3
    with pytest.raises(DataError, match=r"only \d+% of the labels"):
        by_simple_classifiers(relabelled(digits, rng.permutation(right)))


def test_the_list_of_files_can_be_trained_on(digits, capsys):
    rows, labels = digits.train.rows[:300], digits.train.labels
    for row in rows:
        folder = Path("digits") / f"class{labels[row] if row != rows[0] else (labels[row] + 1) % 10}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits.train.images[row, :, :, 0]).save(folder / f"{row}.png")
    words = ["data=image_folder", "data.root=digits", "data.size=8", "model.layers=[{global_pool: avg}]"]
    found = suspects(by_simple_classifiers(load(Composer().config(words).data)))
    assert len(found.places) >= 1
    report.write_csv(found, Composer().config(words).data, Path("list/labels.csv"))
    with open("list/labels.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 300
    first = table[0]
    assert first["image"].endswith(f"{rows[0]}.png")
    assert (first["label"], first["likely"]) == (f"class{(labels[rows[0]] + 1) % 10}", f"class{labels[rows[0]]}")
    again = load(Composer().config(["data=csv", "data.root=list/labels.csv", "data.split=split", *words[2:]]).data)
    assert len(again.train) == sum(row["split"] == "train" for row in table)
    assert again.classes == found.held_out.dataset.classes


@pytest.mark.slow
def test_runs_of_all_folds_judge_all_images(capsys):
    words = ["data.folds=2", "data.test_fraction=0"]
    for fold in (0, 1):
        tiny(*words, f"data.fold={fold}", f"run_dir=outputs/runs/fold{fold}")
    held_out = by_runs([find_run("fold0"), find_run("fold1")])
    assert len(held_out.rows) == 400
    np.testing.assert_allclose(held_out.probabilities.sum(axis=1), 1, rtol=1e-5)
    assert held_out.source == "2 runs held out 400 images and predicted them."
    assert cli.main(["runs", "labels", "fold0", "--html", "labels.html"]) == 0
    assert "of 200 images." in capsys.readouterr().out
    assert "Confident learning" in Path("labels.html").read_text()


def test_without_cleanlab_the_command_says_how_to_install_it(monkeypatch, capsys):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "cleanlab" else find_spec(name))
    for words in (["check", "--labels"], ["runs", "labels", "last"]):
        assert cli.main(words) == 2
        assert "pip install 'exprun[noise]'" in capsys.readouterr().err


def test_labels_without_a_run_are_refused():
    with pytest.raises(ConfigError, match="one or more runs"):
        cli.commands.load("runs").parse(["labels"])


def test_several_labels_are_not_judged(capsys):
    words = ["data=arrays", "data.root=x.npz", "data.labels=several", "model.layers=[flatten]"]
    assert cli.main(["check", "--labels", *words]) == 2
    assert "check --labels judges images of one class each" in capsys.readouterr().err
