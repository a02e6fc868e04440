"""Comparisons of metrics other than accuracy and loss: direction, unit, range, chance level and image noise."""

import json

import pytest

from compare.fake_runs import write_run
from exprun import cli
from exprun.compare import report
from exprun.compare.analysis import analyse
from exprun.compare.outcomes import value
from exprun.compare.selection import select
from exprun.records import read_run


def write(folder, name, values, **more):
    """Two arms of runs with a metric; the values of `norm=none` come first."""
    for number, one in enumerate(values):
        norm, seed = ("none", "batch")[number >= len(values) // 2], number % (len(values) // 2)
        run = write_run(folder / str(number), 0.5, norm__name=norm, seed=seed, **more)
        note = json.loads((run / "result.json").read_text())
        note["metrics"][name] = one
        (run / "result.json").write_text(json.dumps(note))
    return folder


def analysed(folder, metric):
    return analyse(select([str(folder)]), ["norm"], metric)


@pytest.mark.parametrize(
    ("metric", "best", "said"),
    [
        ("test/macro_f1", "batch", "+10.0 points of test/macro_f1"),
        ("val/best_recall/a cat", "batch", "+10.0 points of val/best_recall/a cat"),
        ("test/auroc", "batch", "+0.1 of test/auroc"),
        ("test/calibration_error", "none", "+10.0 points of test/calibration_error"),
        ("test/scaled_calibration_error", "none", "+10.0 points of test/scaled_calibration_error"),
    ],
)
def test_the_metric_has_its_direction_and_unit(tmp_path, metric, best, said):
    found = analysed(write(tmp_path / "s", metric, [0.5, 0.51, 0.49, 0.6, 0.61, 0.59]), metric)
    assert found.arms[0].levels == (best,)
    assert said in found.sentences()[0]
    assert "images" not in found.sentences()[0]  # the noise of its images is unknown
    assert found.arms[0].images is None
    assert report.as_csv(found).startswith("norm,seed,status,compared,")


def test_losses_of_several_kinds_are_not_comparable(tmp_path):
    losses = [{"loss__name": "focal", "loss__gamma": 2.0}, {"loss__label_smoothing": 0.1, "augment__mixup": 1.0}]
    for number in range(6):
        write_run(tmp_path / str(number), 0.5 + 0.01 * number, seed=number // 2, **losses[number % 2])
    runs = select([str(tmp_path)])

    def said(metric):
        return [warning for warning in analyse(runs, None, metric).warnings if "same quantity" in warning]

    assert said("val/loss") == [
        "val/loss is not the same quantity in all runs, as they train with different losses: cross_entropy, focal "
        "gamma=2. Compare an accuracy instead."
    ]
    assert "cross_entropy label_smoothing=0.1 mixup=1" in said("train/loss")[0]
    assert not said("val/accuracy")
    assert not [one for one in analyse(runs[1::2], None, "val/loss").warnings if "same quantity" in one]


def test_intervals_of_an_area_end_at_1(tmp_path):
    found = analysed(write(tmp_path / "s", "test/auroc", [0.7, 0.75, 0.7, 0.999, 0.97, 0.999]), "test/auroc")
    low, high = found.interval(found.arms[0])
    assert low < 0.98
    assert high == 1.0


def test_a_top_5_accuracy_has_the_noise_of_its_images(tmp_path):
    found = analysed(write(tmp_path / "s", "val/top5_accuracy", [0.8, 0.81, 0.9, 0.91]), "val/top5_accuracy")
    assert found.arms[0].images == 400
    assert "finite set of 400 validation images" in found.sentences()[0]


@pytest.mark.parametrize(
    ("metric", "level"),
    [
        ("val/balanced_accuracy", 0.1),
        ("test/macro_f1", 2 / 110),
        ("test/top5_accuracy", 0.5),
        ("val/best_auroc", 0.5),
        ("test/calibration_error", None),
        ("test/recall/3", None),
        ("train/accuracy", None),
    ],
)
def test_the_chance_level_of_a_run_that_diverged(tmp_path, metric, level):
    run = read_run(write_run(tmp_path / "r", 0.5, "FAILED", "not finite: the loss at step 3 is nan"))
    assert value(run, metric) == (None if level is None else pytest.approx(level))


def test_the_curves_of_a_metric_without_epochs_are_those_of_accuracy(tmp_path):
    write(tmp_path / "s", "test/recall/cat", [0.5, 0.51, 0.6, 0.61])
    assert cli.main(["compare", str(tmp_path / "s"), "--metric", "test/recall/cat"]) == 0
    page = (tmp_path / "s" / "report.html").read_text()
    assert "val/accuracy" in page
    assert "test/recall/cat" in page


def test_an_unknown_metric_is_answered_with_kinds_of_metrics(tmp_path, capsys):
    write(tmp_path / "s", "test/recall/cat", [0.5, 0.6])
    assert cli.main(["compare", str(tmp_path / "s"), "--metric", "test/recall/dog"]) == 2
    said = capsys.readouterr().err
    assert "has the metric test/recall/dog; the metrics are test/recall/<class>, time/seconds, " in said
