"""Several labels, soft labels and ordered classes, from the data to what a run leaves."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from exprun import cli
from exprun.network_interface import Interface, served
from exprun.run_folder import RunFolder
from tiny import config, step_of, tiny

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
ARRAYS = ("data=arrays", "data.root=x.npz", "data.limit=null")
SMALL = ("model.layers=[{conv: 8},{conv: 16},flatten]", "norm=batch", "trainer.epochs=5", "optim.learning_rate=0.1")


def two_digits(images=700):
    """Two digits next to each other, or one, and which digits there are."""
    digits, rng = load_digits(), np.random.default_rng(0)
    chosen = rng.permutation(len(digits.target) ** 2)[:images]
    places = np.stack(np.divmod(chosen, len(digits.target)), axis=1)
    pixels = np.concatenate(list(digits.images[places].transpose(1, 0, 2, 3)), axis=2)
    labels = np.zeros((images, 10), np.uint8)
    blank = rng.random(images) < 0.2
    for side in (0, 1):
        shown = ~blank if side else np.ones(images, bool)
        labels[shown, digits.target[places[shown, side]]] = 1
    pixels[blank, :, 8:] = 0
    return (pixels * 255 / 16).astype(np.uint8), labels


def findings():
    """The causes that the doctor of the run in `r` has found."""
    file = RunFolder(Path("r")).findings
    return [one["cause"] for one in json.loads(file.read_text())] if file.exists() else []


@pytest.fixture
def several():
    x, y = two_digits()
    np.savez("x.npz", x_train=x, y_train=y, classes=np.array(NAMES))
    return x, y


def test_a_run_with_several_labels(several, plots, capsys):
    """It learns, its doctor is silent, and the commands for its network know the labels."""
    x, y = several
    result = tiny(*ARRAYS, *SMALL, "data.labels=several", "doctor=watch", "run_dir=r", "trainer.select=val/micro_f1")
    found = result.metrics
    chance = np.maximum(y.mean(axis=0), 1 - y.mean(axis=0)).mean()
    assert found["test/accuracy"] > chance + 0.5 * (1 - chance)
    assert found["test/mean_average_precision"] > 0.7
    assert {"test/subset_accuracy", "test/macro_f1", "test/auroc", "test/recall/three", "val/best_micro_f1"} <= set(
        found
    )
    assert "test/balanced_accuracy" not in found
    assert findings() == []
    page = Path("r/page.html").read_text()
    assert "all labels are right" in page
    assert "average precision" in page
    assert " + " in page
    assert 'id="matrix"' not in page
    assert not Path("r/confusion.json").exists()
    rows = list(csv.DictReader(Path("r/classes.csv").read_text().splitlines()))
    assert [row["class"] for row in rows[:10]] == NAMES
    interface = Interface.read(RunFolder(Path("r")))
    assert interface.several
    logits = np.array([[0.0, 3.0]])
    np.testing.assert_allclose(interface.probabilities(logits), 1 / (1 + np.exp(-logits)))

    Image.fromarray(x[0]).save("a.png")
    capsys.readouterr()
    assert cli.main(["predict", "r", "a.png", "--json", "--top", "10"]) == 0
    classes = json.loads(capsys.readouterr().out)[0]["classes"]
    assert len(classes) == 10
    assert cli.main(["predict", "r", "a.png", "--json"]) == 0
    above = json.loads(capsys.readouterr().out)[0]["classes"]
    assert above == {name: share for name, share in classes.items() if share > 0.5}
    assert cli.main(["evaluate", "r", "x.npz", "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["images"] == len(x)
    assert measured["metrics"]["subset_accuracy"]["low"] < measured["metrics"]["subset_accuracy"]["value"]
    assert measured["metrics"]["micro_f1"]["value"] > 0.7
    assert [one["images"] for one in measured["classes"]] == y.sum(axis=0).tolist()
    assert cli.main(["evaluate", "r", "digits"]) == 2
    assert "name a CSV or .npz file with such labels" in capsys.readouterr().err


def test_the_served_graph_has_the_sigmoid_of_each_label():
    import keras

    model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten()])
    images = np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1)
    found = served(model, Interface(list("abcd"), (2, 2, 1), None, several=True))(images)
    np.testing.assert_allclose(found[0], 1 / (1 + np.exp(-np.arange(4.0))), rtol=1e-5)


@pytest.mark.slow
def test_shuffled_labels_are_found_among_several(several):
    words = ["fault=shuffled_labels", "data.val_fraction=0.3", "trainer.epochs=1", "doctor=watch", "run_dir=r"]
    tiny(*ARRAYS, *SMALL, "data.labels=several", *words)
    assert findings()[0] == "shuffled-labels"


def soft_digits():
    digits, rng = load_digits(), np.random.default_rng(0)
    rows = rng.permutation(len(digits.target))[:500]
    labels = 0.8 * np.eye(10)[digits.target[rows]] + 0.2 * rng.dirichlet(np.ones(10), 500)
    np.savez("x.npz", x_train=(digits.images[rows] * 255 / 16).astype(np.uint8), y_train=labels)
    return labels


def test_a_run_with_soft_labels():
    labels = soft_digits()
    result = tiny(*ARRAYS, *SMALL, "data.labels=soft", "doctor=watch", "run_dir=r", "trainer.epochs=4")
    assert result.metrics["test/accuracy"] > 0.6
    assert findings() == []
    entropy = -(labels * np.log(np.maximum(labels, 1e-12))).sum(axis=1).mean()
    assert result.metrics["train/loss"] > entropy  # which no prediction goes below
    recorded = json.loads(Path("r/dataset.json").read_text())
    np.testing.assert_allclose(recorded["means"]["training"], labels.mean(axis=0), atol=0.03)


def test_a_run_with_ordered_classes():
    result = tiny("data.labels=ordered", "trainer.select=val/mean_absolute_error", "trainer.epochs=3", "pictures=false")
    errors = [row["val/mean_absolute_error"] for row in result.history]
    assert result.metrics["val/best_mean_absolute_error"] == min(errors)
    assert -1 <= result.metrics["test/quadratic_weighted_kappa"] <= 1


@pytest.mark.parametrize("labels", ["several", pytest.param("soft", marks=pytest.mark.slow)])
def test_steps_are_those_of_keras(labels):
    import keras
    import tensorflow as tf

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (48, 8, 8, 1), np.uint8)
    given = rng.random((48, 5)) < 0.4 if labels == "several" else rng.dirichlet(np.ones(5), 48)
    given = given.astype(np.float32)
    words = ["norm=none", "model.layers=[{conv: 4},flatten]", "optim=sgd", "optim.learning_rate=0.1", "input=unit"]
    words += ["trainer.batch_size=16", "loss.label_smoothing=0.1", f"data.labels={labels}"]
    step = step_of(config(*ARRAYS, *words), images, 5)
    other = keras.models.clone_model(step.model)
    other.set_weights(step.model.get_weights())
    kind = keras.losses.BinaryCrossentropy if labels == "several" else keras.losses.CategoricalCrossentropy
    other.compile(keras.optimizers.SGD(0.1), kind(from_logits=True, label_smoothing=0.1))
    history = other.fit(images / np.float32(255), given, batch_size=16, shuffle=False, verbose=0, epochs=2)
    order = np.tile(np.arange(48, dtype=np.int32).reshape(3, 16), (2, 1))
    done = step.train(tf.constant(images), tf.constant(given), order, np.full(6, 0.1, np.float32), 0)
    np.testing.assert_allclose(done.losses.reshape(2, 3).mean(axis=1), history.history["loss"], rtol=1e-5)
    for mine, wanted in zip(step.model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, wanted, atol=1e-5)
    found = step.evaluate(tf.constant(images), tf.constant(given), order[:3], "evaluation")
    logits = other.predict(images / np.float32(255), verbose=0)
    plain = kind(from_logits=True, reduction=None)(given, logits)
    np.testing.assert_allclose(found.losses, plain, atol=1e-5)


WORDS = ("trainer.accumulate=2", "optim=sam", "augment=mixup", "augment=cutmix", "adversary=fgsm")


@pytest.mark.slow
@pytest.mark.parametrize("word", WORDS)
def test_several_labels_with_other_parts_of_a_step(several, word):
    result = tiny(*ARRAYS, *SMALL, "data.labels=several", "trainer.epochs=2", "pictures=false", word)
    assert result.status == "FINISHED"
    assert result.history[-1]["train/loss"] < result.history[0]["train/loss"]
