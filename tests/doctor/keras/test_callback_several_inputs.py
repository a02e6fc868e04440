"""Networks of several inputs in plain Keras scripts."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from exprun.doctor import Doctor

RNG = np.random.default_rng(0)


def causes(findings):
    return [finding.cause for finding in findings]


def several(size=1.0, kernel="glorot_uniform", grow=1.0):
    """A network of two inputs, and what it takes."""
    first, second = layers.Input((6,), name="first"), layers.Input((2,), name="second")
    x = layers.Dense(16, activation="relu", kernel_initializer=kernel)(first)
    x = layers.Rescaling(grow)(layers.Concatenate()([x, second]))
    x = layers.Dense(16, activation="relu")(x)
    model = keras.Model([first, second], layers.Dense(3, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, [RNG.normal(size=(64, 6)), size * RNG.normal(size=(64, 2))]


@pytest.mark.parametrize(
    ("options", "said", "as_dictionary"),
    [
        pytest.param({}, [], False, marks=pytest.mark.slow),
        pytest.param({}, [], True, marks=pytest.mark.slow),
        ({"size": 1e3}, ["unscaled-input"], False),
        pytest.param({"size": 1e3}, ["unscaled-input"], True, marks=pytest.mark.slow),
        pytest.param({"grow": 500.0}, ["exploding-signal"], False, marks=pytest.mark.slow),
        pytest.param({"kernel": "zeros"}, ["symmetric-init"], False, marks=pytest.mark.slow),
    ],
)
def test_a_network_of_several_inputs_is_looked_at(options, said, as_dictionary):
    model, parts = several(**options)
    inputs = dict(zip(("first", "second"), parts, strict=True)) if as_dictionary else parts
    labels = RNG.integers(0, 3, 64)
    batches = tf.data.Dataset.from_tensor_slices((inputs if as_dictionary else tuple(inputs), labels)).batch(32)
    doctor = Doctor(silence=["too-few-steps"], report=lambda text: None)
    model.fit(batches, epochs=1, verbose=0, callbacks=[doctor])
    assert [f.cause for f in doctor.findings if f.severity != "note"] == said


@pytest.mark.slow
def test_tables_that_are_multiplied_and_start_at_zero():
    for start, said in (("zeros", ["symmetric-init"]), ("uniform", [])):
        user, film = layers.Input((1,), dtype="int32"), layers.Input((1,), dtype="int32")
        tables = [layers.Flatten()(layers.Embedding(9, 4, embeddings_initializer=start)(x)) for x in (user, film)]
        model = keras.Model([user, film], layers.Dot(axes=1)(tables))
        model.compile("adam", "mse")
        doctor = Doctor(silence=["too-few-steps"], report=lambda text: None)
        numbers = [RNG.integers(0, 9, (64, 1)) for _ in range(2)]
        model.fit(numbers, RNG.normal(size=64), 32, 1, verbose=0, callbacks=[doctor])
        assert causes(doctor.findings) == said


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True])
def test_several_inputs_train_to_the_same_weights_with_and_without_it(jit):
    found = []
    for callbacks in ([], [Doctor(report=lambda text: None)]):
        keras.utils.set_random_seed(3)
        rng = np.random.default_rng(3)
        model, _ = several()
        model.jit_compile = jit
        parts = [rng.normal(size=(96, 6)), rng.normal(size=(96, 2))]
        weights = np.ones(96) + (np.arange(96) % 2)
        model.fit(parts, np.arange(96) % 3, 32, 2, verbose=0, sample_weight=weights, callbacks=callbacks)
        found.append(model.get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.slow
def test_a_network_of_several_inputs_is_watched_to_the_end():
    model, parts = several()
    model.compile(keras.optimizers.SGD(300.0), "sparse_categorical_crossentropy")
    doctor = Doctor(report=lambda text: None)
    model.fit(parts, RNG.integers(0, 3, 64), 16, 12, verbose=0, callbacks=[doctor])
    assert "learning-rate-high" in causes(doctor.findings)
    inputs, labels = doctor.rows("train")
    assert inputs.shape == (64, 8)
    assert labels.shape[0] == 64


def test_the_batches_of_a_network_of_several_outputs_are_kept():
    start = layers.Input((6,))
    model = keras.Model(start, {"one": layers.Dense(1, name="one")(start), "two": layers.Dense(2, name="two")(start)})
    model.compile("adam", {"one": "mse", "two": "mse"})
    x, labels = RNG.normal(size=(48, 6)), {"one": np.arange(48.0), "two": RNG.normal(size=(48, 2))}
    doctor = Doctor(report=lambda text: None)
    model.fit(x, labels, 16, 2, verbose=0, shuffle=False, callbacks=[doctor])
    kept = [part["one"].reshape(-1) for _, part in doctor.of_outputs]
    assert np.array_equal(np.concatenate(kept), labels["one"])  # of the first epoch
