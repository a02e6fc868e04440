"""Checks of loss, labels and last layer against one another."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from exprun.doctor.objective import Objective, of_keras
from exprun.doctor.record import passed
from keras import layers

from exprun.doctor.task import check_broadcast, check_direction, check_label_range, check_task, read_labels

RNG = np.random.default_rng(0)
CLASSES_OF_LOGITS = "CategoricalCrossentropy(from_logits=True)"
LOGITS_OF_TAGS = keras.losses.BinaryCrossentropy(from_logits=True)
ROWS_OF_LOGITS = keras.losses.CategoricalCrossentropy(from_logits=True)


def causes(findings):
    return [finding.cause for finding in findings]


def objective(losses, name="loss"):
    return Objective("unknown", False, False, name, losses)


def overlap(outputs, labels):
    """Dice coefficient, which is 1 for the right mask."""
    both = tf.reduce_sum(tf.cast(outputs, tf.float32) * tf.cast(labels, tf.float32), [1, 2])
    return 2 * both / (tf.reduce_sum(outputs, [1, 2]) + tf.reduce_sum(labels, [1, 2]) + 1e-6)


@pytest.mark.parametrize(("losses", "said"), [(overlap, ["wrong-loss"]), (lambda o, y: 1 - overlap(o, y), [])])
def test_a_loss_that_is_lower_for_wrong_masks_is_found(losses, said):
    masks = (RNG.random((32, 8, 8)) > 0.7).astype(np.float32)
    found = check_direction(objective(losses), read_labels(masks), np.zeros((32, 8, 8), np.float32))
    assert causes(found) == said


@pytest.mark.parametrize(("sizes", "said"), [((0.1, 9.0), ["wrong-loss"]), ((1.0, 1.0), [])])
def test_a_cosine_does_not_see_how_large_targets_are(sizes, said):
    targets = RNG.normal(size=(64, 3))
    targets *= RNG.uniform(*sizes, (64, 1)) / np.linalg.norm(targets, axis=1, keepdims=True)
    found = check_direction(objective(None, "CosineSimilarity"), read_labels(targets), np.zeros((64, 3)))
    assert causes(found) == said


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        (lambda o, y: tf.reduce_mean((o - y) ** 2, [1, 2, 3]), ["label-encoding"]),
        (lambda o, y: tf.reduce_mean((o - tf.one_hot(tf.cast(y[..., 0], "int32"), 3)) ** 2, [1, 2, 3]), []),
        (lambda o, y: tf.reduce_mean((o - tf.one_hot(tf.cast(y, "int32"), 3)[..., 0, :]) ** 2, [1, 2, 3]), []),
    ],
)
def test_class_numbers_that_are_compared_with_each_unit(losses, said):
    masks = RNG.integers(0, 3, (16, 4, 4, 1))
    outputs = RNG.random((16, 4, 4, 3)).astype(np.float32)
    assert causes(check_broadcast(objective(losses), read_labels(masks), outputs)) == said


@pytest.mark.parametrize(
    ("most", "ignored", "said"),
    [(2, None, []), (3, None, ["output-units"]), (255, None, ["label-out-of-range"]), (255, 255, [])],
)
def test_numbers_of_pixels_that_no_unit_stands_for(most, ignored, said):
    masks = RNG.integers(0, 3, (16, 4, 4, 1))
    masks[0, 0, 0, 0] = most
    entropy = Objective("softmax", True, True, "loss", None, ignored)
    assert causes(check_label_range(entropy, masks.astype(float), 3)) == said


@pytest.mark.parametrize(
    ("loss", "shift", "said"),
    [
        ("mean_absolute_percentage_error", 0.0, ["wrong-loss"]),
        ("mean_absolute_percentage_error", 20.0, []),
        ("mean_squared_logarithmic_error", 0.0, ["wrong-loss"]),
        ("mean_squared_logarithmic_error", 20.0, []),
        ("mean_squared_error", 0.0, []),
    ],
)
def test_relative_errors_of_targets_around_zero(loss, shift, said):
    model = keras.Sequential([layers.Input((4,)), layers.Dense(1)])
    model.compile("adam", loss)
    found = passed(model, np.ones((32, 4), np.float32), True)
    labels = read_labels(shift + 2.5 * np.linspace(-1, 1, 32)[:, None])
    assert causes(check_task(found, of_keras(model), labels, False)) == said


@pytest.mark.parametrize(
    ("activation", "units", "loss", "labels", "said"),
    [
        ("sigmoid", 1, "categorical_crossentropy", [[0], [1]], ("wrong-loss", "Try: loss='binary_crossentropy'.")),
        (
            "sigmoid",
            1,
            "sparse_categorical_crossentropy",
            [0, 1, 2, 3],
            ("output-units", "The last layer has one unit"),
        ),
        (
            "softmax",
            1,
            "sparse_categorical_crossentropy",
            [0, 1, 2, 3],
            ("output-units", "The last layer has one unit"),
        ),
        ("sigmoid", 1, "binary_crossentropy", [0, 1, 2, 3], ("output-units", "there are at least 4 classes")),
        ("sigmoid", 1, "binary_crossentropy", [1, 2], ("label-out-of-range", "y = (y == 2)")),
        ("sigmoid", 2, "binary_crossentropy", [1, 2], ("label-out-of-range", "np.searchsorted(np.unique(y_train), y)")),
        ("sigmoid", 1, "binary_crossentropy", [-1, 0, 1], ("label-out-of-range", "keep = y >= 0")),
        (None, 4, LOGITS_OF_TAGS, [0, 1, 2, 3], ("label-encoding", "Sparse" + CLASSES_OF_LOGITS)),
        (None, 4, ROWS_OF_LOGITS, [0, 1, 2, 3], ("label-encoding", "Sparse" + CLASSES_OF_LOGITS)),
        ("softmax", 4, "sparse_categorical_crossentropy", [-1, 0, 1, 2], ("label-out-of-range", "(ignore_class=-1)")),
        ("sigmoid", 1, "binary_crossentropy", [0, np.nan], ("non-finite-input", "np.isfinite(y.reshape")),
        (None, 1, "mse", [3, 4, 5, 6], ("wrong-loss", "metrics=['mae']")),
        (
            "softmax",
            3,
            "binary_crossentropy",
            [[0, 0, 1], [1, 0, 0]],
            ("wrong-loss", "loss='categorical_crossentropy'"),
        ),
        (
            "sigmoid",
            3,
            "categorical_crossentropy",
            [[0, 1, 1], [1, 0, 0]],
            ("wrong-loss", "loss='binary_crossentropy'"),
        ),
        ("softmax", 3, "sparse_categorical_crossentropy", [0.4, 1.7], ("wrong-loss", "that they were before scaling")),
        (
            "softmax",
            3,
            "categorical_crossentropy",
            [[0, 0, 0], [1, 0, 0]],
            ("label-out-of-range", "class numbers that start at 0"),
        ),
    ],
)
def test_the_remedy_fits_the_evidence(activation, units, loss, labels, said):
    model = keras.Sequential([layers.Input((4,)), layers.Dense(units, activation=activation)])
    model.compile("adam", loss)
    found = passed(model, RNG.random((40, 4), np.float32), True)
    labels = read_labels(np.repeat(np.asarray(labels, np.float32), 40 // len(labels), axis=0))
    (finding,) = check_task(found, of_keras(model), labels, loss == "mse")
    assert finding.cause == said[0]
    assert said[1] in str(finding)


def test_many_class_numbers_of_a_small_batch_are_classes_though_they_are_no_integers():
    model = keras.Sequential([layers.Input((4,)), layers.Dense(100, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    found = passed(model, RNG.random((32, 4), np.float32), True)
    labels = RNG.permutation(100)[:32].astype(np.float32)
    assert causes(check_task(found, of_keras(model), read_labels(labels), False)) == []
    (finding,) = check_task(found, of_keras(model), read_labels(labels / 255), False)
    assert finding.cause == "wrong-loss"


def test_several_marks_at_once_are_not_one_class_of_many():
    model = keras.Sequential([layers.Input((4,)), layers.Dense(5, activation="sigmoid")])
    model.compile("adam", "categorical_crossentropy")
    found = passed(model, np.ones((32, 4), np.float32), True)
    marks = read_labels((RNG.random((32, 5)) < 0.5).astype(np.float32))
    assert causes(check_task(found, of_keras(model), marks, False)) == ["wrong-loss"]
