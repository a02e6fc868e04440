"""The callback asks at the right time what a step trains, and what is trainable."""

import keras
import numpy as np
import pytest
from keras import layers

from exprun.doctor import Doctor

RNG = np.random.default_rng(0)
ROWS, CLASSES = RNG.normal(size=(32, 6)).astype(np.float32), RNG.integers(0, 3, 32)
LOSS = "sparse_categorical_crossentropy"


def network(frozen):
    first = layers.Input((6,))
    model = keras.Model(first, layers.Dense(3, "softmax")(layers.Dense(8, "relu", trainable=not frozen)(first)))
    model.compile("sgd", LOSS)
    return model


class Sets(keras.callbacks.Callback):
    """Changes what is trainable when the second epoch begins."""

    def __init__(self, trainable):
        super().__init__()
        self.trainable = trainable

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.model.layers[1].trainable = self.trainable


@pytest.mark.parametrize("frozen", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_change_within_a_fit(frozen):
    model, doctor = network(frozen), Doctor(report=lambda text: None)
    model.fit(ROWS, CLASSES, 16, 3, verbose=0, callbacks=[Sets(frozen), doctor])
    (found,) = [f for f in doctor.findings if f.cause == "not-recompiled"]
    assert (found.step, found.where) == (3, f"layer {model.layers[1].name}")


def test_an_optimiser_that_was_built_for_other_variables():
    model, other = network(False), network(False)
    model.fit(ROWS, CLASSES, 16, 1, verbose=0)
    other.compile(model.optimizer, LOSS)
    doctor = Doctor(report=lambda text: None)
    with pytest.raises(ValueError, match="Unknown variable"):
        other.fit(ROWS, CLASSES, 16, 1, verbose=0, callbacks=[doctor])
    assert [f.cause for f in doctor.findings if f.severity == "error"] == ["not-recompiled"]
    assert "with a new optimiser" in str(doctor.findings[0])
