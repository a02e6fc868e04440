"""Networks that train on a few images, and that are then as they were."""

import keras
import numpy as np
import pytest

from doctor.toy_data.images import digits
from exprun.doctor.cause import Phase
from exprun.doctor.causes import cannot_overfit
from exprun.doctor.context import Context
from exprun.doctor.diagnosis import examine
from exprun.doctor.instruments.losses import of_keras
from exprun.doctor.limits import limits_of
from exprun.doctor.subject import Images, Subject


def context_of(scale):
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
    return Context(Subject(model, of_keras(model), y[:32], Images(x[:32] / 255)), limits_of({}), Phase.MEMORY)


@pytest.mark.parametrize(
    ("scale", "causes"), [pytest.param(1.0, [], marks=pytest.mark.slow), (1e-5, ["cannot-overfit"])]
)
def test_a_network_that_cannot_memorise_a_batch_is_named_and_left_as_it_was(scale, causes):
    context = context_of(scale)
    before = context.model.get_weights()
    assert [f.cause for f in examine(context)] == causes
    assert all(np.array_equal(a, b) for a, b in zip(before, context.model.get_weights(), strict=True))


def test_nothing_is_reported_where_time_is_short(monkeypatch):
    monkeypatch.setattr(cannot_overfit, "SECONDS", 0.0)
    assert examine(context_of(1e-5)) == []


@pytest.mark.slow
def test_a_network_that_knows_its_images_already_is_left_alone():
    context = context_of(1.0)
    context.model.compile(keras.optimizers.Adam(0.01), context.model.loss)
    context.model.fit(context.subject.train.inputs, context.subject.labels, epochs=60, verbose=0)
    assert examine(context) == []
