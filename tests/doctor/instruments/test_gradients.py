"""Variables that no gradient reaches, in real networks."""

import keras
import numpy as np
import pytest
from keras import layers

from exprun.doctor.cause import Phase
from exprun.doctor.context import Context
from exprun.doctor.diagnosis import examine
from exprun.doctor.instruments.losses import of_keras
from exprun.doctor.limits import limits_of
from exprun.doctor.subject import Images, Subject

RNG = np.random.default_rng(0)


class Net(keras.Model):
    def __init__(self, between):
        super().__init__()
        self.hidden, self.side = layers.Dense(8, activation="relu"), layers.Dense(8)
        self.head, self.between = layers.Dense(3, activation="softmax"), between

    def call(self, x):
        x = self.hidden(x)
        return self.head(self.between(x, self.side(x)))


@pytest.mark.parametrize(
    ("between", "causes"),
    [
        (lambda x, side: x + side, []),
        (lambda x, side: x, ["bypassed-layers"]),
        (lambda x, side: x + keras.ops.stop_gradient(side), ["untrained-variables"]),
    ],
)
def test_layers_that_the_loss_does_not_train(between, causes):
    keras.utils.set_random_seed(3)
    model, inputs, labels = Net(between), RNG.normal(size=(32, 8)).astype(np.float32), RNG.integers(0, 3, 32)
    model(inputs)
    model.compile("adam", "sparse_categorical_crossentropy")
    context = Context(Subject(model, of_keras(model), labels, Images(inputs)), limits_of({}), Phase.FIRST_BATCH)
    found = examine(context)
    assert [f.cause for f in found] == causes
    assert [f.where for f in found] == [f"layer {model.side.name}"] * len(causes)
