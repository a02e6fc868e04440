"""Models and data of many kinds: no check fails (the fixture `failures` sees that), and training stays as it is."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from exprun.doctor import Doctor

RNG = np.random.default_rng(0)
ROWS, CLASSES = RNG.normal(size=(48, 6)).astype(np.float32), RNG.integers(0, 3, 48)
LOSS = "sparse_categorical_crossentropy"


def compiled(*parts, **options):
    model = keras.Sequential(parts)
    model.compile("sgd", LOSS, **options)
    return model


def nothing_is_trainable():
    model = keras.Sequential([layers.Input((6,)), layers.Dense(3, "softmax")])
    model.trainable = False
    model.compile("adam", LOSS, metrics=["accuracy"])
    return model, ROWS, CLASSES


def no_weights():
    return compiled(layers.Input((3,)), layers.Softmax()), ROWS[:, :3], CLASSES


class Bias(layers.Layer):
    def build(self, shape):
        self.bias = self.add_weight(shape=shape[1:])

    def call(self, x):
        return x + self.bias


def no_matrix_of_weights():
    return compiled(layers.Input((3,)), Bias(), layers.Softmax()), ROWS[:, :3], CLASSES


def a_stateful_layer():
    parts = (layers.Input(batch_shape=(16, 3, 2)), layers.SimpleRNN(4, stateful=True), layers.Dense(3, "softmax"))
    return compiled(*parts), ROWS.reshape(-1, 3, 2), CLASSES


def a_stateful_layer_of_single_rows():
    parts = (layers.Input(batch_shape=(1, 3, 2)), layers.SimpleRNN(4, stateful=True), layers.Dense(3, "softmax"))
    return compiled(*parts), ROWS.reshape(-1, 3, 2), CLASSES


class Pair(keras.Model):
    """Gives two tensors."""

    def __init__(self):
        super().__init__()
        self.hidden, self.head = layers.Dense(4, activation="relu"), layers.Dense(3, activation="softmax")

    def call(self, x):
        hidden = self.hidden(x)
        return self.head(hidden), hidden

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, self(x)[0]))
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return {"loss": loss}


def two_tensors_from_code():
    model = Pair()
    model.compile("adam")
    return model, ROWS, CLASSES


def two_outputs():
    first = layers.Input((6,))
    model = keras.Model(
        first, {"a": layers.Dense(3, "softmax", name="a")(first), "b": layers.Dense(1, name="b")(first)}
    )
    model.compile("adam", {"a": LOSS, "b": "mse"})
    return model, ROWS, {"a": CLASSES, "b": ROWS[:, :1]}


def two_inputs():
    first, second = layers.Input((6,), name="first"), layers.Input((6,), name="second")
    model = keras.Model([first, second], layers.Dense(3, "softmax")(layers.Concatenate()([first, second])))
    model.compile("adam", LOSS)
    return model, [ROWS, ROWS], CLASSES


class OwnLoss(keras.Model):
    """Has no labels."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(6)

    def call(self, x):
        found = self.dense(x)
        self.add_loss(tf.reduce_mean(tf.square(x - found)))
        return found


def no_labels():
    model = OwnLoss()
    model.compile("adam")
    return model, ROWS, None


def one_row():
    return compiled(layers.Input((6,)), layers.Dense(3, "softmax")), ROWS[:1], CLASSES[:1]


def text():
    words = layers.TextVectorization(output_sequence_length=3)
    words.adapt(["a b", "c"])
    model = compiled(words, layers.Embedding(9, 4), layers.GlobalAveragePooling1D(), layers.Dense(2, "softmax"))
    return model, tf.constant(["a b", "c", "b", "a"] * 4), np.array([0, 1, 1, 0] * 4)


LONGER = (
    no_matrix_of_weights,
    two_tensors_from_code,
    two_inputs,
    no_labels,
    one_row,
    nothing_is_trainable,
    text,
    a_stateful_layer,
)
KINDS = (
    two_outputs,
    *(pytest.param(kind, marks=pytest.mark.slow) for kind in (no_weights, *LONGER)),
)


@pytest.mark.parametrize("kind", KINDS)
def test_no_check_fails_and_the_weights_are_the_same(kind):
    found = []
    for doctors in ([], [Doctor(report=lambda text: None, every=1, share=1.0)]):
        keras.utils.set_random_seed(1)
        model, x, y = kind()
        model.fit(x, y, 16, 3, verbose=0, shuffle=False, callbacks=doctors)
        found.append([np.asarray(v) for v in model.variables])
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize(("shuffle", "count"), [(True, 1), pytest.param(False, 0, marks=pytest.mark.slow)])
def test_a_state_that_is_kept_while_single_rows_are_shuffled(shuffle, count):
    model, x, y = a_stateful_layer_of_single_rows()
    doctor = Doctor(report=lambda text: None)
    model.fit(x, y, 1, 1, verbose=0, shuffle=shuffle, callbacks=[doctor])
    assert [one.cause for one in doctor.findings].count("shuffled-states") == count


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "causes"), [(np.nan, ["not-finite"]), (1.0, [])])
def test_a_loss_that_is_not_finite_with_several_inputs(scale, causes):
    model, x, y = two_inputs()
    model.layers[-1].kernel.assign(model.layers[-1].kernel * scale)
    doctor = Doctor(report=lambda text: None)
    model.fit(x, y, 16, 3, verbose=0, callbacks=[doctor])
    assert [one.cause for one in doctor.findings if one.cause == "not-finite"] == causes


class Generator(keras.Model):
    """Trains on images alone, in a step of its own."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)

    def train_step(self, images):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self.dense(images) - 1))
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return {"loss": loss}


@pytest.mark.parametrize(
    ("narrow", "expected"), [(True, ["unscaled-input"]), pytest.param(False, [], marks=pytest.mark.slow)]
)
def test_images_without_labels_are_examined_and_the_training_is_the_same(narrow, expected):
    images = np.random.default_rng(0).random((64, 6, 6, 3)).astype("float32")
    images = images / 127.5 - 1 if narrow else images
    weights = []
    for watched in (False, True):
        keras.utils.set_random_seed(0)
        model, doctor = Generator(), Doctor(report=lambda text: None)
        model.compile("sgd")
        batches = tf.data.Dataset.from_tensor_slices(images).shuffle(64, seed=1).batch(16)
        model.fit(batches, epochs=2, verbose=0, callbacks=[doctor] if watched else [])
        weights.append(model.get_weights())
    assert [finding.cause for finding in doctor.findings if finding.severity != "note"] == expected
    assert all(np.array_equal(one, other) for one, other in zip(*weights, strict=True))
