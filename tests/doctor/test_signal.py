"""Checks of one batch on its way through a network."""

import keras
import numpy as np
import pytest
from exprun.doctor.callback import limits_of
from exprun.doctor.objective import of_keras
from exprun.doctor.record import passed, passed_back

from exprun.doctor.signal import check_tiny_input, check_unscaled

LIMITS = limits_of({})
RNG = np.random.default_rng(0)
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


@pytest.mark.parametrize(
    ("shape", "said"),
    [((16, 8, 8, 3), "divide by 255 once"), ((16, 5), "layers.Normalization adapted")],
)
def test_tiny_values_are_not_to_be_divided_once_more(shape, said):
    first = [layers.Conv2D(4, 3), layers.Flatten()] if len(shape) == 4 else [layers.Dense(4)]
    model = keras.Sequential([layers.Input(shape[1:]), *first, layers.Dense(2)])
    found = passed(model, 1e-7 * RNG.random(shape, np.float32), True)
    (finding,) = check_tiny_input(found, LIMITS)
    assert finding.cause == "unscaled-input"
    assert said in str(finding)


@pytest.mark.parametrize(("least", "said"), [(0, "Rescaling(1 / 255)"), (-128, "layers.Normalization adapted")])
def test_flattened_pixels_are_divided_and_other_large_values_normalised(least, said):
    model = keras.Sequential([layers.Input((60,)), layers.Dense(8, activation="sigmoid"), layers.Dense(3)])
    rows, labels = (least + RNG.integers(0, 256, (32, 60))).astype(np.float32), RNG.integers(0, 3, 32)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    judged = of_keras(model)
    found = passed_back(model, rows, lambda outputs: judged.losses(outputs, labels))
    (finding,) = check_unscaled(found, judged, labels, LIMITS)
    assert said in str(finding)
