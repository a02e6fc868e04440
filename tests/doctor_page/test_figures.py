"""The pictures of any images, labels and classes."""

import re
import time
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from exprun.doctor.history import Epoch, Evaluation, History
from exprun.doctor.instruments.chance import chance_level
from exprun.doctor.instruments.leaks import digests
from exprun.doctor.subject import Images, Subject
from exprun.doctor_page.figures import MOST_CLASSES, figures
from exprun.doctor_page.material import Material
from exprun.doctor_page.statistics import Statistics

RNG = np.random.default_rng(0)
MAX_SECONDS, MAX_BYTES = 10, 10 * 2**20


def images(count, shape, scale=1.0):
    return (scale * RNG.uniform(size=(count, *shape))).astype(np.float32)


def material(train, val=None, classes=10, names=(), **more):
    labels = np.arange(len(train)) % classes
    counts = np.bincount(labels, minlength=classes)
    of_val = None if val is None else Images(val, counts)
    subject = Subject(None, None, labels, Images(train, counts), of_val, classes=names)
    return Material(subject, labels, None if val is None else np.arange(len(val)) % classes, **more)


@pytest.mark.parametrize("shape", [(1, 1, 1), (8, 8, 1), (32, 32, 3), (16, 16, 4), (9, 5, 2)])
def test_images_of_any_shape_are_shown_with_their_labels(shape):
    found = figures(material(images(20, shape), images(9, shape), names=("a <b>", *"bcdefghij")))
    gallery = found["images"].gallery
    assert gallery.pictures[0].caption == "a <b>"
    assert gallery.pictures[-1].caption.startswith("validation: ")
    assert found["histograms"].title.startswith("In training and validation, the network gets values from ")


def test_large_images_make_a_small_picture_in_time():
    started = time.process_time()
    found = figures(material(images(4, (1500, 2000, 3))))
    assert time.process_time() - started < MAX_SECONDS
    assert len(found["images"].gallery.sheet.uri) < MAX_BYTES / 10


def test_the_title_of_histograms_says_how_the_splits_differ():
    found = figures(material(images(20, (8, 8, 1)), images(20, (8, 8, 1), 255.0)))
    assert re.search(r"validation images spread 2\d\d times as widely", found["histograms"].title)


def test_predictions_that_are_wrong_are_marked():
    outputs = np.eye(10, dtype=np.float32)[np.zeros(20, int)]
    found = figures(material(images(20, (8, 8, 1)), outputs=outputs))
    first, second = found["images"].gallery.pictures[:2]
    assert (first.caption, first.mark) == ("0 → 0", "")
    assert (second.caption, second.mark) == ("1 → 0", "bad")
    assert found["predicted"].title == "Class 0 is predicted for all 20 images"


def test_of_many_classes_the_most_and_least_frequent_are_shown():
    found = figures(material(images(3000, (2, 2, 1)), classes=1000))
    assert len(found["classes"].bars.names) == MOST_CLASSES
    assert "1,000 classes" in found["classes"].title


def test_a_single_class():
    assert figures(material(images(20, (8, 8, 1)), classes=1))["classes"].bars.names == ["0"]


def test_values_that_are_not_finite_are_counted():
    broken = images(20, (8, 8, 1))
    broken[3, 0, 0, 0] = np.nan
    found = figures(material(broken))
    assert "1 values are not finite" in found["images"].note
    assert "histograms" in found


@pytest.mark.parametrize("shape", [(5,), (7, 3), ()])
def test_other_inputs_are_a_heat_map(shape):
    found = figures(material(images(20, shape)))
    heat = found["images"].heat
    assert len(heat["rows"]) == len(heat["values"])
    assert len(heat["columns"]) == max(1, int(np.prod(shape)))


def test_copies_are_shown_only_if_a_finding_asks_for_them():
    train, val = images(12, (16, 16, 1)), images(12, (16, 16, 1))
    val[4] = train[7]
    known = [Images(part, digests=digests(part, np.arange(12))) for part in (train, val)]
    found = Material(Subject(None, None, np.zeros(12), *known))
    assert "pairs" not in figures(found)
    pairs = figures(found, {"pairs"})["pairs"]
    first, second = [one.caption for one in pairs.gallery.pictures]
    assert first == "validation"
    assert second.endswith("training")
    assert pairs.title == "Copies of images of earlier splits among validation images: 1"


def history(epochs=3):
    found = History(chance_level(np.array([10, 10])))
    found.epochs = [Epoch(10 * n, 1 / n, 0.5 + 0.1 * n, 1e-3) for n in range(1, epochs + 1)]
    found.evaluations = [Evaluation(2 / n, 0.5, 1 / n, 0.6) for n in range(1, epochs + 1)]
    return found


def test_the_path_through_bypassed_layers_is_shown_with_the_layer_that_follows_instead():
    pixels = keras.Input((8, 8, 3), name="pixels")
    keras.layers.Rescaling(1 / 255, name="scale")(keras.layers.RandomFlip(name="flip")(pixels))
    model = keras.Model(pixels, keras.layers.Flatten(name="flat")(pixels))
    found = figures(Material(Subject(model, None, None, Images(images(2, (8, 8, 3)), None))), ("paths",))["paths"]
    assert found.title == "The output of scale is not used: flat gets the output of pixels instead"
    assert [(list(path.names), path.is_used) for path in found.paths] == [
        (["pixels", "flat", "…"], True),
        (["pixels", "flip", "scale"], False),
    ]


def test_curves_have_the_chance_level():
    loss, accuracy = figures(Material(history=history()))["curves"].series
    assert [line.name for line in loss.lines] == ["training", "validation"]
    assert loss.data["levels"][0]["y"] == pytest.approx(np.log(2), abs=1e-4)
    assert accuracy.lines[0].y[-1] == pytest.approx(80)


def test_before_the_end_of_an_epoch_the_curve_is_that_of_the_steps():
    found = History(None)
    found.record_steps(np.array([2.0, 1.5]), np.full(2, np.nan))
    [loss] = figures(Material(history=found))["curves"].series
    assert loss.lines[0].y == [2.0, 1.5]


def test_weights_that_never_change_are_named():
    found = history()
    found.probes.add(1, {"updates": {}})
    found.probes.add(5, {"updates": {"conv": 1e-3, "base": 0.0}})
    steps = figures(Material(history=found))["steps"]
    assert steps.title == "base never change"
    assert steps.heat["columns"] == ["5"]


def test_batches_that_repeat_are_rows_of_the_same_images():
    one = images(5, (8, 8, 1))
    found = figures(material(np.concatenate([one, one, one]), batch=5), {"batches"})["batches"]
    assert found.title == "The first 3 batches of the training hold the same images"
    assert len(found.gallery.pictures) == 15
    assert "batches" not in figures(material(images(15, (8, 8, 1))), {"batches"})  # their order is unknown


def test_logits_that_a_threshold_of_a_half_takes_for_no_are_counted():
    known = material(images(20, (8, 8, 1)), classes=2, trained=np.where(np.arange(20) % 2, 0.25, -0.25)[:, None])
    yes_or_no = replace(known.subject, objective=SimpleNamespace(kind="sigmoid", from_logits=True))
    found = figures(replace(known, subject=yes_or_no), {"outputs"})["outputs"]
    assert found.title == "In training mode, 20 of 20 outputs are on the right side of 0, but 10 on that of 0.5"
    assert figures(known, {"outputs"})["outputs"].title == "In training mode, outputs are from -0.25 to 0.25"


def test_outputs_are_shown_only_where_a_finding_asks_for_them():
    outputs = np.eye(10)[np.arange(20) % 10]
    known = material(images(20, (8, 8, 1)), trained=outputs)
    assert "outputs" not in figures(known)
    found = figures(known, {"outputs"})["outputs"]
    assert found.title == "In training mode, 90% of the outputs are 0"
    assert len(found.heat["rows"]) == len(found.heat["values"]) == 16
    assert found.heat["values"][0] == [1.0, *[None] * 9]  # without a colour
    assert found.heat["empty"] == "0"
    unclear = material(images(20, (8, 8, 1)), trained=np.full((20, 1), np.nan))
    heat = figures(unclear, {"outputs"})["outputs"].heat
    assert heat["values"][0] == [None]
    assert "empty" not in heat


@pytest.mark.parametrize(
    ("reaching", "shifts", "title"),
    [
        ((1.0, 1.1), (0.1, 0.1), "The moving averages of batch norms are those of the values that reach them"),
        ((1.0, 0.02), (0.1, 0.1), "The values that reach b have 1/50 of the standard deviation of its moving averages"),
        ((30.0, 2.0), (4.0, 0.1),
         "The values that reach a have 30 times the standard deviation of its moving averages, and their mean is 4 of "
         "these away"),
        ((np.nan, np.nan), (0.0, 0.0), "The moving averages of batch norms are those of the values that reach them"),
    ],
)  # fmt: skip
def test_the_layer_whose_averages_are_farthest_off_is_named(reaching, shifts, title):
    known = Material(statistics=Statistics(("a", "b"), reaching, (1.0, 1.0), shifts))
    found = figures(known)["statistics"]
    assert found.title == title
    assert [line.name for line in found.series[0].lines] == ["values", "moving averages"]
