"""The callback knows the chance level of numbers and of few rows, and looks at more than one small batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from exprun.doctor import Doctor
from exprun.doctor.cause import Finding
from exprun.doctor.keras.callback import _after_a_step

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)).astype(np.float32), RNG.normal(50, 9, 6).astype(np.float32)


def fitted(doctor, x=X, y=Y, epochs=2, **options):
    model = keras.Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile("sgd", **{"loss": "mse"} | options)
    model.fit(x, y, batch_size=1, epochs=epochs, verbose=0, callbacks=[doctor])
    return doctor._watch.history.chance


def test_few_rows_have_a_chance_level_when_all_of_them_have_been_seen_twice():
    chance = fitted(Doctor(report=[].append))
    assert (chance.constant, chance.error, chance.loss) == ("mean", 0.0, pytest.approx(Y.var(), rel=1e-3))


def test_given_arrays_have_a_chance_level_before_training():
    doctor = Doctor(train=(X, Y), report=[].append)
    assert fitted(doctor, epochs=1).loss == pytest.approx(Y.var(), rel=1e-3)


def test_a_sum_over_the_batch_cannot_be_compared_with_a_mean():
    assert fitted(Doctor(report=[].append), loss=keras.losses.MeanSquaredError(reduction="sum")) is None


def test_small_batches_are_gathered():
    doctor = Doctor(report=[].append)
    fitted(doctor, np.tile(X, (9, 1)), np.tile(Y, 9), epochs=1)
    assert len(doctor._watch.subject.train.inputs) == 32
    assert len(doctor._watch.history.recent) == 27  # the latest half; only 22 steps came after the gathered rows


def test_weights_that_were_first_seen_after_a_step_are_not_those_before_training():
    finding = Finding("exploding-signal", "error", "layer", "Before training, it is 3, and 4 before training.")
    assert _after_a_step(finding).evidence == "After the first step, it is 3, and 4 after the first step."


@pytest.mark.parametrize("mask_zero", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_padding_that_the_loss_leaves_out_has_no_chance_level(mask_zero):
    words = RNG.integers(1, 4, (40, 5))
    words[:, 3:] = 0
    model = keras.Sequential(
        [keras.Input((5,)), layers.Embedding(4, 2, mask_zero=mask_zero), layers.Dense(4, "softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    doctor = Doctor(train=(words, words), report=[].append)
    model.fit(words, words, verbose=0, callbacks=[doctor])
    assert (doctor._watch.history.chance is None) == mask_zero


class OwnStep(keras.Model):
    def train_step(self, data):
        return super().train_step(data)


@pytest.mark.parametrize(
    ("kind", "penalty", "is_known"),
    [
        (keras.Model, None, True),
        pytest.param(keras.Model, "l2", False, marks=pytest.mark.slow),
        pytest.param(OwnStep, None, False, marks=pytest.mark.slow),
    ],
)
def test_several_labels_have_a_level_only_if_nothing_else_is_in_the_loss(kind, penalty, is_known):
    x, y = RNG.normal(size=(120, 3)).astype(np.float32), RNG.integers(0, 2, (120, 4)).astype(np.float32)
    first = keras.Input((3,))
    model = kind(first, layers.Dense(4, "sigmoid", kernel_regularizer=penalty)(first))
    model.compile("sgd", "binary_crossentropy")
    doctor = Doctor(report=[].append)
    model.fit(x, y, batch_size=20, verbose=0, callbacks=[doctor])
    assert (doctor._watch.history.chance is not None) == is_known


def test_the_level_of_a_series_is_that_of_the_whole_epoch():
    targets = np.linspace(0, 100, 3000, dtype=np.float32)
    model = keras.Sequential([layers.Input((1,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    levels = []
    doctor = Doctor(report=[].append)
    look = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: levels.append(doctor._watch.history.chance)
    )
    series = tf.data.Dataset.from_tensor_slices((targets[:, None] / 100, targets)).batch(300)
    model.fit(series, verbose=0, callbacks=[doctor, look])
    assert levels == [None] * 10
    assert doctor._watch.history.chance.loss == pytest.approx(targets.var(), rel=0.02)
