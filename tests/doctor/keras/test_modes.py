"""Layers that a step runs in inference mode."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from exprun.doctor import Doctor
from exprun.doctor.keras.modes import Modes

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(32, 6)).astype(np.float32), RNG.integers(0, 3, 32)


class Own(keras.Model):
    """A step of one's own, in the mode `mode`."""

    mode = None

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            outputs = self(x) if self.mode is None else self(x, training=self.mode)
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, outputs))
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return {"loss": loss}


def network(kind=Own, norm=True, dropout=True, **options):
    first = layers.Input((6,))
    x = layers.BatchNormalization(**options)(layers.Dense(8)(first)) if norm else layers.Dense(8)(first)
    x = layers.Dropout(0.5)(x) if dropout else x
    model = kind(first, layers.Dense(3, activation="softmax")(x))
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model


def idle(model, mode=None):
    model.mode, modes = mode, Modes()
    modes.before(model)
    model.fit(X, Y, batch_size=32, verbose=0)
    return [type(layer.layer).__name__ for layer in modes.after(model)]


@pytest.mark.parametrize(
    ("model", "mode", "found"),
    [
        (network, None, ["BatchNormalization", "Dropout"]),
        (network, True, []),
        pytest.param(lambda: network(norm=False), None, ["Dropout"], marks=pytest.mark.slow),
        pytest.param(lambda: network(keras.Model), None, [], marks=pytest.mark.slow),
        (lambda: network(keras.Model, momentum=1.0), None, ["BatchNormalization"]),
        pytest.param(lambda: network(trainable=False), None, ["Dropout"], marks=pytest.mark.slow),
    ],
)
def test_layers_that_a_step_runs_in_inference_mode(model, mode, found):
    assert idle(model(), mode) == found


def test_averages_that_come_from_elsewhere_may_stay():
    model = network(dropout=False)
    model.layers[2].moving_mean.assign(np.ones(8))
    assert idle(model) == []


def test_the_callback_names_the_layers():
    model, doctor = network(), Doctor(report=lambda text: None)
    model.fit(X, Y, batch_size=16, verbose=0, callbacks=[doctor])
    assert ("no-training-mode", "error", 1) in [(f.cause, f.severity, f.step) for f in doctor.findings]


@pytest.mark.parametrize("wrong", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_callback_compares_the_loss_of_a_step_of_ones_own(wrong):
    class Step(keras.Model):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((self(x, training=True) - (y if wrong else y[:, None])) ** 2)
            self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
            return {"loss": loss}

    first, doctor = layers.Input((6,)), Doctor(report=lambda text: None)
    model = Step(first, layers.Dense(1)(first))
    model.compile("sgd")
    model.fit(X, X.sum(1), batch_size=16, verbose=0, callbacks=[doctor])
    assert ("broadcast-loss" in [finding.cause for finding in doctor.findings]) is wrong


@pytest.mark.parametrize(("reduction", "loss"), [("sum", 2.0), ("sum_over_batch_size", 64.0)])
def test_a_sum_over_the_batch_is_compared_with_chance_level_for_each_example(reduction, loss):
    model, doctor = keras.Sequential([layers.Input((6,)), layers.Dense(3)]), Doctor()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction))
    doctor.set_model(model)
    assert doctor._of_an_example(64.0) == 64.0  # of no batch
    doctor._sizes["train"] = len(X)
    assert doctor._of_an_example(64.0) == loss


def part(dropout=True, trainable=True):
    """A network of six inputs and outputs, which may be a part of another one."""
    first = layers.Input((6,))
    x = layers.Dense(6, "relu", trainable=trainable)(first)
    return keras.Model(first, layers.Dropout(0.5)(x) if dropout else x)


class Distils(keras.Model):
    """A student that learns from a teacher, which is never trained."""

    def __init__(self, of_student):
        super().__init__()
        self.student, self.teacher, self.head = part(of_student), part(), layers.Dense(3, activation="softmax")

    def call(self, x, training=None):
        return self.head(self.student(x, training=training) + 0 * self.teacher(x, training=False))

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            outputs = self(x, training=self.mode)
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, outputs))
        some = self.student.trainable_variables + self.head.trainable_variables
        self.optimizer.apply(tape.gradient(loss, some), some)
        return {"loss": loss}


@pytest.mark.parametrize(
    ("of_student", "mode", "count"),
    [pytest.param(False, True, 0, marks=pytest.mark.slow), (True, True, 0), (True, False, 1)],
)
def test_a_teacher_is_in_inference_mode_on_purpose(of_student, mode, count):
    model = Distils(of_student)
    model(X)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    assert idle(model, mode) == ["Dropout"] * count


@pytest.mark.parametrize(("trainable", "options"), [(False, {}), (True, {"training": False})])
def test_a_base_is_in_inference_mode_on_purpose(trainable, options):
    first, base = layers.Input((6,)), part(trainable=trainable)
    model = Own(first, layers.Dense(3, activation="softmax")(base(first, **options)))
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    assert idle(model) == []
