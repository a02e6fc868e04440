"""The tap: batches are seen, and the step that runs is the one that would have run."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from exprun.doctor import Doctor
from exprun.doctor.keras.tap import Tap

RNG = np.random.default_rng(0)
ROWS, CLASSES = RNG.normal(size=(64, 6)).astype(np.float32), RNG.integers(0, 3, 64)
LOSS = "sparse_categorical_crossentropy"


def network(**options):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([layers.Input((6,)), layers.Dense(4), layers.Dropout(0.2), layers.Dense(3, "softmax")])
    model.compile("sgd", LOSS, **options)
    return model


def watched():
    return Doctor(report=lambda text: None, every=2, share=1.0)


def freeze(model, frozen):
    for layer in model.layers[:-1]:
        layer.trainable = not frozen


def changed_without_compile(model, doctors, frozen):
    """A fit without a doctor, a change of what is trainable, and a fit with one, then again without."""
    freeze(model, not frozen)
    model.compile("sgd", LOSS)
    for callbacks in ([], doctors, []):
        model.fit(ROWS, CLASSES, 16, 2, verbose=0, callbacks=callbacks)
        freeze(model, frozen)


def with_then_without(model, doctors, frozen):
    """The doctor is in the first fit alone."""
    freeze(model, not frozen)
    model.compile("sgd", LOSS)
    model.fit(ROWS, CLASSES, 16, 1, verbose=0, callbacks=doctors)
    freeze(model, frozen)
    model.fit(ROWS, CLASSES, 16, 1, verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("story", [changed_without_compile, with_then_without])
@pytest.mark.parametrize("frozen", [True, False])
def test_what_is_trained_stays_what_was_traced(story, frozen):
    found = []
    for doctors in ([], [watched()]):
        model = network()
        story(model, doctors, frozen)
        found.append(model.get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"steps_per_execution": 3}, {"run_eagerly": True}])
def test_other_ways_to_run_a_step(options):
    found = []
    for doctors in ([], [watched()]):
        model = network(**options)
        history = model.fit(
            ROWS[:60], CLASSES[:60], 8, 2, verbose=0, callbacks=doctors, validation_data=(ROWS, CLASSES)
        )
        found.append([*model.get_weights(), np.array(history.history["val_loss"])])
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))
    assert doctors[0]._seen["train"].count
    assert doctors[0]._seen["val"].count


def test_no_trace_is_added_and_the_function_stays():
    model = network()
    model.fit(ROWS, CLASSES, 16, 1, verbose=0, validation_data=(ROWS, CLASSES))
    functions, traces = (model.train_function, model.test_function), []
    train_step = model.train_step
    model.train_step = lambda data: traces.append(0) or train_step(data)
    model.fit(ROWS, CLASSES, 16, 2, verbose=0, validation_data=(ROWS, CLASSES), callbacks=[watched()])
    assert (model.train_function, model.test_function) == functions
    assert traces == []


def batches(count):
    parts = (ROWS, CLASSES, np.ones(64, np.float32))
    return tf.data.Dataset.from_tensor_slices(parts).batch(24).take(count)


def test_an_iterator_gives_what_another_gives_and_ends_with_it():
    tap, source = Tap("train"), iter(batches(3))
    iterator = tap._watched(source)
    assert iterator.element_spec == source.element_spec
    seen = []
    for x, y, weights in iterator:
        kept = tap.read()
        assert all(np.array_equal(a, b) for a, b in zip(kept, (x, y, weights), strict=True))
        seen.append(len(x))
    assert seen == [24, 24, 16]
    assert list(source) == []


def test_it_fetches_no_batch_before_it_is_asked():
    asked = []

    def rows():
        for number in range(5):
            asked.append(number)
            yield ROWS[:4], CLASSES[:4]

    spec = (tf.TensorSpec((None, 6)), tf.TensorSpec((None,), tf.int64))
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False  # by which TensorFlow itself would ask ahead
    batches = tf.data.Dataset.from_generator(rows, output_signature=spec).with_options(options)
    iterator = Tap("train")._watched(iter(batches))
    next(iterator)
    next(iterator)
    assert asked == [0, 1]


@pytest.mark.parametrize(
    "parts",
    [
        (tf.sparse.from_dense(ROWS), CLASSES),
        (["text"] * 64, CLASSES),
    ],
)
def test_batches_of_another_kind_pass_untouched(parts):
    tap, source = Tap("train"), iter(tf.data.Dataset.from_tensor_slices(parts).batch(8))
    assert tap._watched(source) is source
    assert tap.read() is None
    assert tap.read_several() is None


@pytest.mark.slow
def test_a_compile_in_a_callback_is_followed():
    class Compiles(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.compile("adam", LOSS)
                self.model.make_train_function()

    doctor, model = watched(), network()
    model.fit(ROWS, CLASSES, 16, 3, verbose=0, callbacks=[Compiles(), doctor])
    assert doctor._seen["train"].count == 3 * 64
    assert not isinstance(model.train_function, Tap)


@pytest.mark.slow
def test_two_doctors_do_not_stand_in_each_others_way():
    doctors, model = [watched(), watched()], network()
    model.fit(ROWS, CLASSES, 16, 2, verbose=0, validation_data=(ROWS, CLASSES), callbacks=doctors)
    assert [doctor._seen["val"].count for doctor in doctors] == [2 * 64, 2 * 64]
    assert not isinstance(model.train_function, Tap)
    assert not isinstance(model.test_function, Tap)
