"""Scaling of pixels: what is fitted, on which rows, and which numbers come out."""

import numpy as np
import pytest

from exprun.config.schema import Input
from exprun.data import Split
from exprun.input import channel_moments, fit


def split(images, rows=None):
    rows = np.arange(len(images)) if rows is None else np.asarray(rows)
    return Split(images, np.zeros(len(images), np.int32), rows)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (50, 6, 5, 3), np.uint8)


def test_moments_equal_numpys(images):
    mean, std = channel_moments(split(images), chunk=7)
    np.testing.assert_allclose(mean, images.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, images.std(axis=(0, 1, 2)), rtol=1e-9)


def test_moments_of_white_images_do_not_overflow():
    mean, std = channel_moments(split(np.full((2000, 20, 20, 1), 255, np.uint8)))
    assert (mean, std) == (255, 1)


def test_standardize_brings_the_training_rows_to_mean_0_and_deviation_1(images):
    rows = np.arange(0, 50, 3)
    scaling = fit(Input(name="standardize"), split(images, rows))
    scaled = images[rows] * scaling.scale + scaling.offset
    np.testing.assert_allclose(scaled.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=(0, 1, 2)), 1, atol=1e-5)


def test_standardize_looks_at_the_training_rows_only(images):
    before = fit(Input(name="standardize"), split(images, range(20)))
    images[20:] = 0
    after = fit(Input(name="standardize"), split(images, range(20)))
    np.testing.assert_array_equal(before.scale, after.scale)
    np.testing.assert_array_equal(before.offset, after.offset)
    images[0] = 0
    assert (fit(Input(name="standardize"), split(images, range(20))).offset != before.offset).all()


def test_a_constant_channel_becomes_0_and_stays_finite(images):
    images[..., 1] = 77
    scaling = fit(Input(name="standardize"), split(images))
    scaled = images * scaling.scale + scaling.offset
    assert np.abs(scaled[..., 1]).max() == 0
    assert np.isfinite(scaled).all()


@pytest.mark.parametrize(
    ("name", "black", "white"), [("raw", 0, 255), ("unit", 0, 1), ("symmetric", -1, 1), ("per_image", 0, 255)]
)
def test_black_and_white(images, name, black, white):
    scaling = fit(Input(name=name), split(images))
    assert scaling.scale.shape == scaling.offset.shape == (3,)
    assert scaling.scale.dtype == scaling.offset.dtype == np.float32
    np.testing.assert_allclose(0 * scaling.scale + scaling.offset, black, atol=1e-6)
    np.testing.assert_allclose(255 * scaling.scale + scaling.offset, white, rtol=1e-6)
    assert scaling.per_image == (name == "per_image")
