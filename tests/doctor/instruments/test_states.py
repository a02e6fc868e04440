"""What a pass leaves as it was: weights, metrics, and whatever random numbers come from."""

import random
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from numpy.random import normal as taken_by_name

from exprun.doctor import Doctor
from exprun.doctor.instruments.recording import passed
from exprun.doctor.instruments.states import unchanged, undrawn

RNG = np.random.default_rng(0)
ROWS, CLASSES = RNG.normal(size=(32, 6)).astype(np.float32), RNG.integers(0, 3, 32)
LOSS = "sparse_categorical_crossentropy"
OF_THIS_MODULE = np.random.RandomState(1)


def helper(shape):
    return OF_THIS_MODULE.normal(size=shape)


class Noise(layers.Layer):
    """Adds noise in training, from one of many places."""

    def __init__(self, source):
        super().__init__()
        self.source = source
        self.of_tensorflow, self.of_numpy = tf.random.Generator.from_seed(7), np.random.default_rng(3)
        self.kept = [{"python": random.Random(4)}]
        self.seeds = keras.random.SeedGenerator(5)
        self.count = tf.Variable(0.0, trainable=False)
        self.traced = tf.function(lambda x: x + tf.random.normal(tf.shape(x)))

    def call(self, x, training=None):
        if not training:
            return x
        in_tensorflow = {
            "tensorflow": lambda: x + tf.random.normal(tf.shape(x)),
            "seeded": lambda: x + tf.random.normal(tf.shape(x), seed=5),
            "generator": lambda: x + self.of_tensorflow.normal(tf.shape(x)),
            "global generator": lambda: x + tf.random.get_global_generator().normal(tf.shape(x)),
            "keras": lambda: x + keras.random.normal(tf.shape(x)),
            "seed generator": lambda: x + keras.random.normal(tf.shape(x), seed=self.seeds),
            "count": lambda: x + self.count.assign_add(0.1),
            "function": lambda: self.traced(x),
        }
        if self.source in in_tensorflow:
            return in_tensorflow[self.source]()
        found = tf.numpy_function(lambda a: a + self.drawn(a.shape).astype("float32"), [x], tf.float32)
        found.set_shape(x.shape)
        return found

    def drawn(self, shape):
        return {
            "numpy": lambda: np.random.normal(size=shape),
            "by name": lambda: taken_by_name(size=shape),
            "python": lambda: np.full(shape, random.gauss(0, 1)),
            "own": lambda: self.of_numpy.normal(size=shape),
            "in a list": lambda: np.full(shape, self.kept[0]["python"].gauss(0, 1)),
            "of the module": lambda: helper(shape),
        }[self.source]()


def drawn():
    """The next numbers of everything global, and the next name that Keras gives."""
    numbers = (random.random(), np.random.random(), tf.random.normal([]).numpy(), keras.random.normal([]).numpy())
    return (*map(float, numbers), float(tf.random.get_global_generator().normal([])), layers.Dense(1).name)


SOURCES = (
    *("tensorflow", "seeded", "generator", "global generator", "keras", "seed generator", "count", "function"),
    *("numpy", "by name", "python", "own", "in a list", "of the module"),
)
SHORT = ("tensorflow", "generator", "keras", "function", "numpy", "python")  # one of each kind


def begin():
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    OF_THIS_MODULE.seed(1)
    tf.random.set_global_generator(tf.random.Generator.from_seed(1))


@pytest.mark.parametrize("source", [pytest.param(s, marks=[] if s in SHORT else pytest.mark.slow) for s in SOURCES])
def test_a_pass_changes_no_number_that_is_drawn_after_it(source):
    found = []
    for passes in (0, 2):
        begin()
        layer = Noise(source)
        model = keras.Sequential([layers.Input((6,)), layer, layers.BatchNormalization(), layers.Dropout(0.5)])
        model(ROWS, training=True)
        for _ in range(passes):
            passed(model, ROWS, training=True)
        found.append((np.asarray(model(ROWS, training=True)), [np.asarray(v) for v in model.variables], drawn()))
    assert np.array_equal(found[0][0], found[1][0])
    assert all(np.array_equal(a, b) for a, b in zip(found[0][1], found[1][1], strict=True))
    assert found[0][2] == found[1][2]


@pytest.mark.slow
@pytest.mark.parametrize(("source", "eagerly"), [("numpy", False), ("tensorflow", True), ("function", True)])
def test_a_fit_with_noise_ends_with_the_same_weights(source, eagerly):
    found = []
    for doctors in ([], [Doctor(report=lambda text: None, every=1, share=1.0)]):
        begin()
        model = keras.Sequential([layers.Input((6,)), Noise(source), layers.Dense(3, "softmax")])
        model.compile("adam", LOSS, run_eagerly=eagerly)
        model.fit(ROWS, CLASSES, 16, 2, verbose=0, callbacks=doctors)
        found.append((*model.get_weights(), np.array(drawn()[:-1])))
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


def test_an_input_pipeline_in_another_thread_draws_as_ever():
    found = []
    for inside in (False, True):
        begin()
        numbers = []

        def draw(numbers=numbers):
            numbers += [np.random.random(), random.random()]

        if inside:
            with undrawn():
                np.random.random()
                other = threading.Thread(target=draw)
                other.start()
                other.join()
        else:
            draw()
        draw()
        found.append(numbers)
    assert found[0] == found[1]


def test_a_keras_generator_that_nobody_had_made_is_gone_again():
    begin()
    with undrawn():
        keras.random.normal([])
    number = random.random()
    begin()
    assert random.random() == number


class Counting(keras.Model):
    """Keeps count of its loss where it computes it, as Keras' guides do."""

    def __init__(self):
        super().__init__()
        self.dense, self.mean = layers.Dense(3, activation="softmax"), keras.metrics.Mean(name="own")

    def call(self, x):
        return self.dense(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, y_pred))
        self.mean.update_state(loss)
        return loss

    @property
    def metrics(self):
        return [self.mean]


@pytest.mark.slow
def test_a_metric_that_the_loss_updates():
    found = []
    for doctors in ([], [Doctor(report=lambda text: None, every=1, share=1.0)]):
        begin()
        model = Counting()
        model.compile("adam")
        found.append(model.fit(ROWS, CLASSES, 8, 2, verbose=0, callbacks=doctors).history)
    assert found[0] == found[1]


def test_weights_and_states_that_a_call_assigns():
    lstm = layers.LSTM(4, stateful=True)
    dense = layers.SpectralNormalization(layers.Dense(4))
    model = keras.Sequential([layers.Input(batch_shape=(8, 3, 2)), lstm, dense])
    inputs = ROWS[:8].reshape(8, 3, 2)
    model(inputs, training=True)
    before = [np.array(v) for v in (*model.variables, *lstm.states)]
    with unchanged(model):
        model(inputs, training=True)
        inside = [np.array(v) for v in (*model.variables, *lstm.states)]
    after = [np.array(v) for v in (*model.variables, *lstm.states)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert sum(not np.array_equal(a, b) for a, b in zip(before, inside, strict=True)) > 3
