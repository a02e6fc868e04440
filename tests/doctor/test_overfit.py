"""Whether one batch can be memorised."""

import keras
import numpy as np
import pytest
from exprun.doctor.callback import limits_of
from exprun.doctor.data import Images
from exprun.doctor.objective import of_keras

from doctor.toy_data.images import digits
from exprun.doctor.examine import Subject
from exprun.doctor.overfit import check_overfit

LIMITS = limits_of({})


def subject(scale):
    keras.utils.set_random_seed(3)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Rescaling(scale),
            layers.Flatten(),
            layers.Dense(10, use_bias=False),
        ]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    (x, y), _ = digits(8)
    return Subject(model, of_keras(model), y[:32], Images(x[:32] / 255))


@pytest.mark.parametrize(("scale", "causes"), [(1.0, []), (1e-5, ["cannot-overfit"])])
def test_a_network_that_cannot_memorise_a_batch_is_named_and_left_as_it_was(scale, causes):
    given = subject(scale)
    before = given.model.get_weights()
    assert [f.cause for f in check_overfit(given, LIMITS)] == causes
    assert all(np.array_equal(a, b) for a, b in zip(before, given.model.get_weights(), strict=True))


def test_nothing_is_said_where_time_is_short(monkeypatch):
    monkeypatch.setattr("exprun.doctor.overfit.SECONDS", 0.0)
    assert list(check_overfit(subject(1e-5), LIMITS)) == []


def test_a_network_that_knows_its_images_already_is_left_alone():
    given = subject(1.0)
    given.model.compile(keras.optimizers.Adam(0.01), given.model.loss)
    given.model.fit(given.train.inputs, given.labels, epochs=60, verbose=0)
    assert list(check_overfit(given, LIMITS)) == []
