"""RandAugment and TrivialAugment: the operations are those of Pillow, and each image gets its own."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps
from sklearn.datasets import load_sample_image

from exprun.augment.changes import augment, strengths
from exprun.augment.operations import OPERATIONS
from exprun.config.images import Augment

# Crops of a photograph, each with a contrast of its own.
PHOTO = load_sample_image("china.jpg")
IMAGES = np.stack([PHOTO[y : y + 24, x : x + 20] // (1 + x % 3) for y in (0, 150, 300) for x in range(40, 600, 41)])
BY_NAME = {one.name: one for one in OPERATIONS}


def changed(images=IMAGES, seed=(0, 0), **settings):
    numbers = {name: tf.constant(value) for name, value in strengths(Augment(name="test", **settings)).items()}
    return augment(tf.constant(images, tf.float32), tf.constant(seed), numbers).numpy()


def applied(name, amount, images=IMAGES):
    return (
        BY_NAME[name]
        .operation(tf.constant(images, tf.float32), tf.fill([len(images)], tf.constant(amount, tf.float32)))
        .numpy()
    )


def enhanced(kind, amount):
    return lambda image: kind(image).enhance(1 + amount)


def moved(*back):
    """An affine transformation of Pillow about the centre of the image."""
    a, b, d, e, right, down = back
    x, y = IMAGES.shape[2] / 2, IMAGES.shape[1] / 2
    numbers = (a, b, x - a * (x + right) - b * (y + down), d, e, y - d * (x + right) - e * (y + down))
    return lambda image: image.transform(image.size, Image.Transform.AFFINE, numbers, Image.Resampling.BILINEAR)


SIN, COS = np.sin(0.3), np.cos(0.3)


@pytest.mark.parametrize(
    ("name", "amount", "pillow"),
    [
        ("identity", 0.5, lambda image: image),
        ("autocontrast", 0.0, ImageOps.autocontrast),
        ("equalize", 0.0, ImageOps.equalize),
        ("solarize", 100.0, lambda image: ImageOps.solarize(image, 156)),
        ("posterize", 3.0, lambda image: ImageOps.posterize(image, 5)),
        ("color", 0.7, enhanced(ImageEnhance.Color, 0.7)),
        ("color", -0.7, enhanced(ImageEnhance.Color, -0.7)),
        ("contrast", 0.7, enhanced(ImageEnhance.Contrast, 0.7)),
        ("brightness", -0.4, enhanced(ImageEnhance.Brightness, -0.4)),
        ("sharpness", 0.9, enhanced(ImageEnhance.Sharpness, 0.9)),
        ("sharpness", -0.9, enhanced(ImageEnhance.Sharpness, -0.9)),
        ("rotate", 0.3, moved(COS, -SIN, SIN, COS, 0, 0)),
        ("shear x", 0.3, moved(1, 0.3, 0, 1, 0, 0)),
        ("shear y", -0.3, moved(1, 0, -0.3, 1, 0, 0)),
        ("translate x", 0.25, moved(1, 0, 0, 1, 5, 0)),
        ("translate y", -0.25, moved(1, 0, 0, 1, 0, -6)),
    ],
)
def test_each_operation_is_that_of_pillow(name, amount, pillow):
    found = applied(name, amount)
    wanted = np.stack([np.asarray(pillow(Image.fromarray(image))) for image in IMAGES]).astype(np.float32)
    # Pillow fills the border with black, and rounds.
    inside = wanted.sum(-1, keepdims=True) > 0 if BY_NAME[name].rand < 0.6 and name[-2:] in ("te", " x", " y") else True
    difference = np.abs(found - wanted) * inside
    assert np.quantile(difference, 0.97) <= 1.5
    if inside is True:
        assert difference.max() <= 2
        assert (name == "identity") or not np.allclose(wanted, IMAGES, atol=5)


@pytest.mark.parametrize("name", [one.name for one in OPERATIONS if one.name not in ("autocontrast", "equalize")])
def test_an_amount_of_0_changes_nothing(name):
    np.testing.assert_allclose(applied(name, 0.0), IMAGES, atol=1e-3)


@pytest.mark.parametrize("shape", [(0, 8, 8, 3), (3, 1, 1, 1), (2, 2, 5, 1), (4, 8, 8, 1), (2, 6, 6, 4)])
def test_images_of_any_number_size_and_channels(shape):
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
    for one in OPERATIONS:
        found = applied(one.name, one.rand, images)
        assert found.shape == shape
        assert np.isfinite(found).all()
        assert shape[0] == 0 or (found.min() >= 0 and found.max() <= 255 + 1e-3)


def test_a_blank_image_stays_blank():
    blank = np.full((1, 8, 8, 3), 77.0, np.float32)
    for name in ("autocontrast", "equalize"):
        np.testing.assert_array_equal(applied(name, 0.0, blank), blank)


def outcomes(image, strength):
    """What each operation can make of an image, by name: (ways, height, width, channels)."""
    return {
        one.name: np.concatenate([applied(one.name, sign * strength * one.rand, image[None]) for sign in signs])
        for one in OPERATIONS
        for signs in [(1, -1) if one.signed else (1,)]
    }


def which(found, after):
    """The operations, by name, whose outcome is an image."""
    return [name for name, ways in found.items() if np.abs(ways - after).max(axis=(1, 2, 3)).min() < 0.01]


def test_each_image_gets_an_operation_of_its_own():
    image = PHOTO[150:174, 200:220]
    found = outcomes(image, 0.5)
    out = changed(np.tile(image, (280, 1, 1, 1)), randaugment=0.5, randaugment_ops=1)
    names = [which(found, after) for after in out]
    assert all(len(some) == 1 for some in names)
    counts = np.array([names.count([one.name]) for one in OPERATIONS])
    assert 8 <= counts.min() <= counts.max() <= 35  # 20 of 280 are expected


def test_two_operations_come_one_after_the_other():
    once, twice = (changed(IMAGES[:6], randaugment=0.5, randaugment_ops=number) for number in (1, 2))
    assert all(which(outcomes(first, 0.5), second) for first, second in zip(once, twice, strict=True))
    assert not np.allclose(once, twice)


def test_the_same_seed_draws_the_same_and_another_step_other_operations():
    for settings in ({"randaugment": 0.9, "randaugment_ops": 1}, {"trivialaugment": 1.0}):
        np.testing.assert_array_equal(changed(**settings), changed(**settings))
        assert not np.array_equal(changed(**settings), changed(seed=(0, 1), **settings))


def test_trivial_augment_draws_the_strength_of_each_image_up_to_the_largest():
    """Solarised images show the strength that they have drawn: a ramp is inverted from there on."""
    ramp = np.tile(np.arange(256, dtype=np.float32).reshape(1, 16, 16, 1), (1400, 1, 1, 1))
    out = changed(ramp, trivialaugment=0.5).reshape(-1, 256)
    levels = np.arange(256.0)
    inverted = (out == 255 - levels) & (out != levels)
    kept = out == levels
    solarized = (inverted | kept).all(1) & inverted.any(1)
    lowest = np.array([levels[row].min() for row in inverted[solarized]])
    assert 60 < len(lowest) < 140  # 100 are expected, without those of which nothing shows
    assert 128 <= lowest.min() < 136
    assert lowest.max() > 245
    assert 180 < lowest.mean() < 204


def test_trivial_augment_shifts_by_up_to_32_pixels():
    """A single row that is bright shows how far an image was shifted down."""
    image = np.zeros((1000, 101, 3, 1), np.float32)
    image[:, 50] = 100
    out = changed(image, trivialaugment=1.0)[..., 0]
    single = (out.max(2) == out.min(2)).all(1) & (np.abs(out.sum(1)[:, 0] - 100) < 0.1)
    shift = np.abs((out[single, :, 0] * np.arange(101)).sum(1) / out[single, :, 0].sum(1) - 50)
    assert 30 < shift.max() <= 32 + 1e-3
