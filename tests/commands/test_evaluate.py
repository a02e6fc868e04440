"""A run's network on other labelled images: metrics, warnings, and mistakes."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exprun import cli, evaluate
from exprun.classification import per_class
from exprun.commands import evaluate as command
from exprun.config.errors import DataError
from exprun.data import load
from exprun.evaluate import Evaluation, wilson
from exprun.records import Run, find_run
from tiny import config, tiny

WORDS = ["model.layers=[{conv: 8},flatten]", "data.size=8", "data.channels=1", "trainer.epochs=3"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a run on digits, and its test images as files with a folder for each class."""
    place = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        tiny(*WORDS, "run_dir=outputs/runs/digits", "optim.learning_rate=0.03")
        write(place / "photos" / "test", "test")
        write(place / "seen", "train", 12)
        write(place / "photos" / "train", "train", 5)
    return place


def write(folder, split, count=None):
    dataset = load(config(*WORDS).data)
    rows = getattr(dataset, split).rows[:count]
    for row in rows:
        inside = folder / dataset.classes[dataset.test.labels[row]]
        inside.mkdir(parents=True, exist_ok=True)
        Image.fromarray(dataset.test.images[row][..., 0]).save(inside / f"{row}.png")


@pytest.fixture
def place(trained, monkeypatch):
    monkeypatch.chdir(trained)
    return trained


def answered(capsys, *words):
    code = cli.main(["evaluate", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_test_images_as_files_have_the_metrics_of_the_run(place, capsys):
    code, out, err = answered(capsys, "digits", "photos", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    run = find_run("digits")
    assert found["data"] == "photos/test"
    assert found["images"] == 40
    for name, one in found["metrics"].items():
        assert one["value"] == pytest.approx(run.metrics[f"test/{name}"], abs=2e-3), name
    assert set(found["metrics"]) == {
        "loss",
        "accuracy",
        "balanced_accuracy",
        "macro_f1",
        "top5_accuracy",
        "auroc",
        "calibration_error",
        "scaled_calibration_error",
    }
    low, high = wilson(round(40 * found["metrics"]["accuracy"]["value"]), 40)
    assert found["metrics"]["accuracy"]["low"] == pytest.approx(low)
    assert found["metrics"]["accuracy"]["high"] == pytest.approx(high)
    assert "low" not in found["metrics"]["auroc"]
    assert found["warnings"] == []
    assert found["classes"][3]["images"] == 4
    assert found["classes"][3]["recall"]["value"] == pytest.approx(run.metrics["test/recall/3"])


def test_an_option_of_data_is_measured_on_its_test_images(place, capsys):
    code, out, _ = answered(capsys, "digits", "digits", "--csv")
    rows = {(row["metric"], row["class"]): row for row in csv.DictReader(io.StringIO(out))}
    dataset = load(config(*WORDS, "data.limit=null").data)
    assert code == 0
    assert int(rows["accuracy", ""]["images"]) == len(dataset.test)
    assert int(rows["recall", "3"]["images"]) == (dataset.test.row_labels == 3).sum()


def test_images_that_the_run_has_seen_are_said_and_absent_classes(place, capsys):
    code, out, _ = answered(capsys, "digits", "seen")
    text = " ".join(out.split())
    assert code == 0
    assert "warning: The run trained on 12 of the 12 images (seen/" in text
    assert "warning: There are no images of " in text
    assert "95 %" in text
    assert "12 images" in text


def test_images_that_cannot_be_compared_with_those_of_the_training_are_said(place, capsys, monkeypatch):
    def gone(_):
        raise DataError("data.root=gone is not a folder.")

    monkeypatch.setattr(evaluate, "MAX_HASHED", 0)
    assert "would take long because there are many" in answered(capsys, "digits", "seen")[1]
    monkeypatch.setattr(evaluate, "load", gone)
    out = answered(capsys, "digits", "seen")[1]
    assert "with those of the training, which cannot be read: data.root=gone is not a folder." in " ".join(out.split())


def test_one_class_has_no_area(place, capsys):
    write(place / "one", "test", 30)
    for folder in (place / "one").iterdir():
        if folder.name != "3":
            for file in folder.iterdir():
                file.unlink()
    code, out, _ = answered(capsys, "digits", "one", "--json")
    found = json.loads(out)
    assert code == 0
    assert "auroc" not in found["metrics"]
    assert (
        "There is no AUROC: the AUROC needs images of at least two classes, and all images are of one."
        in (found["warnings"])
    )
    assert found["classes"][2]["recall"]["value"] is None


def test_an_image_that_cannot_be_read_is_named(place, capsys):
    write(place / "damaged", "test", 6)
    inside = next((place / "damaged").iterdir())
    (inside / "broken.png").write_text("text")
    code, out, err = answered(capsys, "digits", "damaged", "--json")
    assert code == 1
    assert json.loads(out)["images"] == 6
    assert err == f"exprun: damaged/{inside.name}/broken.png: text, not an image.\n"


@pytest.mark.parametrize(
    ("make", "data", "code", "said"),
    [
        ("strange/cat/1.png strange/3/1.png", "strange", 1, "strange has images of cat, but outputs/runs/digits knows"),
        ("flat/1.png", "flat", 1, "There is no image in flat: it must have a folder of images for each class."),
        ("halves/train/3/1.png halves/val/3/1.png", "halves", 2, "no test folder: name the folder to measure, such as"),
        ("", "nowhere", 2, "nowhere does not exist: name a folder with a folder of images for each class, a CSV"),
        ("file.png", "file.png", 2, "file.png is not a folder: name a folder"),
        ("", "image_folder", 2, "data.root"),
    ],
)
def test_mistakes_are_one_sentence_before_tensorflow(place, capsys, make, data, code, said, monkeypatch):
    for name in make.split():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(place / name)
    monkeypatch.setattr("exprun.evaluate.network", lambda _: pytest.fail("the network was built"))
    found = answered(capsys, "digits", data)
    assert found[:2] == (code, "")
    assert said in found[2]
    assert found[2].count("\n") == 1


def test_only_one_form_is_printed(place, capsys):
    assert answered(capsys, "digits", "photos", "--json", "--csv")[0] == 2


def test_the_interval_is_that_of_wilson():
    low, high = wilson(8, 10)
    z, p, n = 1.959963984540054, 0.8, 10
    centre, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert (low, high) == pytest.approx(((centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)))


def test_many_classes_are_cut_to_those_with_the_lowest_recall(capsys):
    labels = np.arange(80) % 40
    right = np.where(labels < 5, (labels + 1) % 40, labels)
    classes = [f"class{number}" for number in range(40)]
    found = Evaluation("data", 80, classes, {"accuracy": 0.875}, {}, per_class(labels, right, 40))
    command.show(Run(Path.cwd() / "run", "FINISHED", "", {"seed": 0}, {}, []), found)
    out = capsys.readouterr().out
    assert "class0 " in out
    assert "class39 " not in out
    assert "The 30 of 40 classes with the lowest recall; --csv prints all." in out
