"""What is trainable against what the step updates."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from exprun.doctor.keras.trainable import Trainable

RNG = np.random.default_rng(0)
ROWS, CLASSES = RNG.normal(size=(32, 6)).astype(np.float32), RNG.integers(0, 3, 32)
LOSS = "sparse_categorical_crossentropy"


class Follows(keras.callbacks.Callback):
    """Asks after the first step of each epoch which variables it has changed."""

    def __init__(self):
        super().__init__()
        self.trainable, self.epoch, self.found = Trainable(), 0, []

    def set_model(self, model):
        super().set_model(model)
        self.trainable.look(model)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 0:
            self.trainable.before(self.model)

    def on_train_batch_end(self, batch, logs=None):
        if batch == 0 and (trained := self.trainable.after(self.model)) is not None:
            self.found.append((self.epoch, trained.fault, trained.count, [layer.name for layer in trained.layers]))


def network(frozen, kind=keras.Model):
    first = layers.Input((6,))
    model = kind(first, layers.Dense(3, "softmax")(layers.Dense(8, "relu", trainable=not frozen)(first)))
    model.compile("sgd", LOSS)
    return model


def fitted(model, callbacks=(), epochs=1):
    follows = Follows()
    model.fit(ROWS, CLASSES, 16, epochs, verbose=0, callbacks=[*callbacks, follows])
    return follows.found


class Sets(keras.callbacks.Callback):
    """Changes what is trainable when the second epoch begins."""

    def __init__(self, trainable):
        super().__init__()
        self.trainable = trainable

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.model.layers[1].trainable = self.trainable


class OwnStep(keras.Model):
    def train_step(self, data):
        return super().train_step(data)


@pytest.mark.parametrize("kind", [keras.Model, pytest.param(OwnStep, marks=pytest.mark.slow)])
@pytest.mark.parametrize("frozen", [True, False])
def test_a_change_within_a_fit(kind, frozen):
    model = network(frozen, kind)
    found = fitted(model, [Sets(frozen)], 2)
    assert found == [(1, "forgotten" if frozen else "frozen", 2, [model.layers[1].name])]


@pytest.mark.parametrize("frozen", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_change_between_fits_and_after_compile_none(frozen):
    model = network(frozen)
    model.fit(ROWS, CLASSES, 16, 1, verbose=0)
    model.layers[1].trainable = frozen
    assert len(fitted(model)) == 1
    model.compile("sgd", LOSS)
    assert fitted(model, epochs=2) == []
    assert fitted(model) == []


def test_an_optimiser_that_knows_more_than_is_trained():
    model = network(False)
    model.fit(ROWS, CLASSES, 16, 1, verbose=0)
    model.layers[1].trainable = False
    model.compile(model.optimizer, LOSS)
    model.fit(ROWS, CLASSES, 16, 1, verbose=0)
    assert fitted(model, epochs=2) == []


class HeadOnly(keras.Model):
    """Leaves a layer out on purpose, and trains the rest by an optimiser of its own."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x))
        head = self.layers[2].trainable_variables
        self.optimizer.apply(tape.gradient(loss, head), head)
        return {"loss": loss}


def test_a_step_of_ones_own_may_leave_layers_out():
    model = network(False, HeadOnly)
    assert fitted(model, epochs=2) == []
    assert fitted(model) == []


def test_an_optimiser_that_was_built_for_other_variables():
    model, other = network(False), network(False)
    assert Trainable().failed(other) is None  # not built for any variables yet
    model.fit(ROWS, CLASSES, 16, 1, verbose=0)
    assert Trainable().failed(model) is None
    other.compile(model.optimizer, LOSS)
    trained = Trainable().failed(other)
    assert (trained.fault, trained.count, trained.trainable, trained.known) == ("unknown", 4, 4, 4)
