"""Losses that are written by hand: of missing targets, with swapped arguments, and cross-entropies."""

import keras
import numpy as np
import pytest

from exprun.doctor import Doctor
from exprun.doctor.instruments.labels import read_labels
from exprun.doctor.instruments.loss_trials import check_mask
from exprun.doctor.instruments.losses import of_keras

RNG = np.random.default_rng(0)
FULL = RNG.normal(6, 1, (32, 4)).astype("float32")
HOLES = np.where(RNG.random((32, 4)) < 0.5, 0, FULL).astype("float32")


def masked(y_true, y_pred):
    known = keras.ops.cast(keras.ops.not_equal(y_true, 0.0), "float32")
    return keras.ops.sum(keras.ops.square(y_true - y_pred) * known) / keras.ops.maximum(keras.ops.sum(known), 1.0)


def swapped(y_true, y_pred):
    return masked(y_pred, y_true)


@pytest.mark.parametrize(
    ("loss", "targets", "causes"),
    [
        (masked, HOLES, []),
        (swapped, HOLES, ["wrong-loss"]),
        (swapped, FULL, []),
        ("mse", HOLES, []),
        ("mae", HOLES, []),
        (lambda y, p: keras.ops.mean(keras.ops.abs(y - p)), HOLES, []),
    ],
)
def test_the_mask_of_a_loss(loss, targets, causes):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    model.compile("adam", loss)
    objective = of_keras(model, 4)
    found = check_mask(objective, read_labels(targets), RNG.normal(size=(32, 4)).astype("float32"))
    assert [one.cause for one in found] == causes


def test_a_masked_loss_is_not_taken_for_the_mean_squared_error():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    for loss, kind in ((masked, "unknown"), (swapped, "error"), (lambda y, p: keras.ops.mean((y - p) ** 2), "error")):
        model.compile("adam", loss)
        assert of_keras(model, 4).kind == kind


def entropy(y, p):
    return -keras.ops.sum(y * keras.ops.log(p + 1e-7), -1)


def scaled_entropy(y, p):
    return -keras.ops.mean(y * keras.ops.log(keras.ops.clip(p, 1e-9, 1)))


def numbered(y, p):
    return -keras.ops.log(keras.ops.sum(keras.ops.one_hot(keras.ops.cast(y, "int32"), 4) * p, -1))


def binary(y, p):
    return -keras.ops.mean(y * keras.ops.log(p + 1e-7) + (1 - y) * keras.ops.log(1 - p + 1e-7))


def focal(y, p):
    return -keras.ops.sum(y * (1 - p) ** 2 * keras.ops.log(p + 1e-7), -1)


@pytest.mark.parametrize(
    ("loss", "kind", "sparse"),
    [
        (entropy, "softmax", False),
        (scaled_entropy, "softmax", False),
        (numbered, "softmax", True),
        (binary, "sigmoid", False),
        (focal, "unknown", False),
    ],
)
def test_a_cross_entropy_that_is_written_by_hand_is_known(loss, kind, sparse):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    model.compile("adam", loss)
    objective = of_keras(model, 4)
    assert (objective.kind, objective.sparse, objective.from_logits) == (kind, sparse, False)


def triplets(y, p):
    return keras.ops.maximum(keras.ops.sum(p[:, :2] ** 2 - p[:, 2:] ** 2, -1) + 0.5, 0)


@pytest.mark.parametrize(
    ("loss", "causes"), [pytest.param(triplets, [], marks=pytest.mark.slow), (binary, ["single-class"])]
)
def test_labels_that_a_loss_does_not_use_are_not_examined(loss, causes):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="sigmoid")])
    model.compile("adam", loss)
    x, y = RNG.normal(size=(64, 3)), np.zeros((64, 1 if loss is triplets else 4))
    doctor = Doctor(silence=["too-few-steps"], report=lambda text: None)
    model.fit(x, y, 16, 2, verbose=0, callbacks=[doctor])
    assert [one.cause for one in doctor.findings if one.severity == "error"] == causes


@pytest.mark.slow
def test_rows_of_labels_that_are_all_1_are_no_one_hot_rows():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="softmax")])
    model.compile("adam", "categorical_crossentropy")
    doctor = Doctor(report=lambda text: None)
    model.fit(RNG.normal(size=(64, 3)), np.ones((64, 4)), 16, 2, verbose=0, callbacks=[doctor])
    assert doctor.findings[0].cause == "label-encoding"
    assert "All 4 columns of all" in doctor.findings[0].evidence


@pytest.mark.parametrize(
    ("loss", "causes"),
    [(entropy, []), pytest.param("categorical_crossentropy", ["wrong-loss"], marks=pytest.mark.slow)],
)
def test_one_hot_rows_times_a_reward_are_for_losses_of_ones_own(loss, causes):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="softmax")])
    model.compile("adam", loss)
    rewards = np.eye(4)[RNG.integers(0, 4, 64)] * RNG.normal(size=(64, 1))
    doctor = Doctor(report=lambda text: None)
    model.fit(RNG.normal(size=(64, 3)), rewards, 16, 2, verbose=0, callbacks=[doctor])
    assert [one.cause for one in doctor.findings if one.severity == "error"] == causes
