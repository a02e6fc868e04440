"""Checks of one batch on its way through a network."""

import keras
import numpy as np
import pytest

from exprun.doctor.callback import limits_of
from exprun.doctor.record import passed
from exprun.doctor.signal import check_tiny_input

LIMITS = limits_of({})
layers = keras.layers


@pytest.mark.parametrize(
    ("scale", "norm", "said"),
    [(1 / 255, False, False), (1 / 255**2, False, True), (1 / 255**2, True, False)],
)
def test_images_that_are_scaled_twice(scale, norm, said):
    hidden = [layers.Conv2D(4, 3), *([layers.BatchNormalization()] if norm else []), layers.ReLU(), layers.Flatten()]
    model = keras.Sequential([keras.Input((8, 8, 1)), *hidden, layers.Dense(3)])
    images = scale * np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1)).astype(np.float32)
    assert [f.cause for f in check_tiny_input(passed(model, images, True), LIMITS)] == ["unscaled-input"] * said


@pytest.mark.parametrize(("size", "said"), [(1e-6, ["unscaled-input"]), (0.01, [])])
def test_values_of_a_very_small_unit(size, said):
    model = keras.Sequential(
        [keras.Input((12, 2)), layers.Conv1D(4, 3), layers.ReLU(), layers.Flatten(), layers.Dense(3)]
    )
    rows = size * np.random.default_rng(0).normal(size=(8, 12, 2)).astype(np.float32)
    assert [f.cause for f in check_tiny_input(passed(model, rows, True), LIMITS)] == said
