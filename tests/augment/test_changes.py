"""Augmentation: each change does what it says, and nothing else."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from exprun.augment.changes import augment, mirrored_in, strengths
from exprun.augment.geometry import affine
from exprun.config.images import Augment
from exprun.input import Scaling

IMAGES = np.random.default_rng(0).integers(0, 256, (64, 12, 12, 3)).astype(np.float32)


def changed(seed=(0, 0), **settings):
    numbers = {name: tf.constant(value) for name, value in strengths(Augment(name="test", **settings)).items()}
    return augment(tf.constant(IMAGES), tf.constant(seed), numbers).numpy()


def test_nothing_is_on_by_default():
    assert strengths(Augment(name="none")) == {}
    np.testing.assert_array_equal(changed(), IMAGES)


def test_the_same_seed_makes_the_same_changes_and_another_step_others():
    settings = {"flip": True, "crop": 3, "rotation": 10.0, "brightness": 0.2, "cutout": 4}
    np.testing.assert_array_equal(changed(**settings), changed(**settings))
    assert not np.array_equal(changed(**settings), changed(seed=(0, 1), **settings))


def test_flip_mirrors_about_half_of_the_images():
    out = changed(flip=True)
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(out, IMAGES, strict=True)]
    kept = [np.array_equal(a, b) for a, b in zip(out, IMAGES, strict=True)]
    assert all(m or k for m, k in zip(mirrored, kept, strict=True))
    assert 16 < sum(mirrored) < 48


def test_every_image_is_mirrored_in_every_other_epoch():
    order = np.random.default_rng(1).permutation(1000).reshape(10, 100).astype(np.int32)
    first, second, third = (mirrored_in(order, 1000, 7, epoch) for epoch in range(3))
    assert 400 < first.sum() < 600
    np.testing.assert_array_equal(second, ~first)
    np.testing.assert_array_equal(third, first)
    # It belongs to the image, not to its place in the epoch.
    np.testing.assert_array_equal(mirrored_in(order[::-1], 1000, 7, 0), first[::-1])
    assert (mirrored_in(order, 1000, 8, 0) != first).any()


def test_alternating_flip_mirrors_what_it_is_told():
    mirrored = np.arange(64) % 3 == 0
    out = augment(tf.constant(IMAGES), tf.constant((0, 0)), {"alternating_flip": tf.constant(1.0)}, mirrored).numpy()
    np.testing.assert_array_equal(out[mirrored], IMAGES[mirrored][:, :, ::-1])
    np.testing.assert_array_equal(out[~mirrored], IMAGES[~mirrored])


def test_crop_moves_by_whole_pixels_and_mirrors_the_border():
    out = changed(crop=2)
    shifts = set()
    for a, b in zip(out, IMAGES, strict=True):
        padded = np.pad(b, [(2, 2), (2, 2), (0, 0)], mode="reflect")
        found = [(y, x) for y in range(5) for x in range(5) if np.array_equal(a, padded[y : y + 12, x : x + 12])]
        assert len(found) == 1
        shifts.update(found)
    assert len(shifts) > 15  # of the 25 possible ones


def test_cutout_blanks_a_square_to_the_mean():
    out = changed(cutout=4)
    sizes = {int((a != b).any(axis=2).sum()) for a, b in zip(out, IMAGES, strict=True)}
    assert max(sizes) == 16
    assert min(sizes) >= 4  # a corner of it stays inside
    a, b = out[0], IMAGES[0]
    hole = (a != b).any(axis=2)
    np.testing.assert_allclose(a[hole], np.tile(b.mean(axis=(0, 1)), (hole.sum(), 1)), rtol=1e-5)


def test_brightness_and_contrast_stay_in_range():
    out = changed(brightness=0.5, contrast=0.5)
    assert out.min() >= 0
    assert out.max() <= 255
    assert not np.array_equal(out, IMAGES)
    calm = np.full_like(IMAGES, 128.0)
    moved = augment(tf.constant(calm), tf.constant((0, 0)), {"brightness": tf.constant(0.1)}).numpy() - calm
    assert np.abs(moved).max() <= 25.5
    assert np.ptp(moved[0]) == 0


def ones(value):
    return tf.fill([len(IMAGES)], float(value))


def test_a_quarter_turn_is_exact():
    out = affine(tf.constant(IMAGES), ones(math.pi / 2), ones(1), ones(1), ones(0), ones(0)).numpy()
    turned = [np.rot90(IMAGES, k, axes=(1, 2)) for k in (1, 3)]
    assert any(np.allclose(out, t, atol=0.05) for t in turned)


def test_a_translation_moves_down_and_right():
    out = affine(tf.constant(IMAGES), ones(0), ones(1), ones(1), ones(0.25), ones(0.5)).numpy()
    np.testing.assert_allclose(out[:, 3:, 6:], IMAGES[:, :-3, :-6], atol=0.01)


def test_zoom_keeps_the_middle():
    image = np.zeros((1, 11, 11, 1), np.float32)
    image[0, 5, 5] = 255
    zero, two = tf.constant([0.0]), tf.constant([2.0])
    out = affine(tf.constant(image), zero, two, two, zero, zero).numpy()
    assert out[0, 5, 5] == 255
    assert out.sum() > image.sum()  # larger, so more of it


@pytest.mark.parametrize(("angle", "high", "wide"), [(0.0, 1.2, 0.9), (30.0, 1.0, 1.0), (30.0, 0.8, 1.1)])
def test_turning_and_stretching_are_those_of_scipy(angle, high, wide):
    out = affine(tf.constant(IMAGES), ones(math.radians(angle)), ones(high), ones(wide), ones(0), ones(0)).numpy()
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    # From where in the image a pixel comes: first squeezed back along the axes, then turned back.
    back = np.array([[cos, sin], [-sin, cos]]) @ np.diag([1 / high, 1 / wide])
    middle = np.array([5.5, 5.5])
    for image, found in zip(IMAGES[:4], out, strict=False):
        for channel in range(3):
            wanted = ndimage.affine_transform(
                image[..., channel], back, middle - back @ middle, order=1, mode="reflect"
            )
            np.testing.assert_allclose(found[..., channel], wanted, atol=0.05)


def factors(out):
    """How much higher and wider each image became, from images of RAMP: a row's number, and a column's."""
    inner = out[:, 4:-4, 4:-4] / 8
    slopes = np.diff(inner[..., 0], axis=1).mean(axis=(1, 2)), np.diff(inner[..., 1], axis=2).mean(axis=(1, 2))
    return 1 / slopes[0], 1 / slopes[1]


RAMP = np.tile(8.0 * np.stack(np.mgrid[:24, :24], axis=-1), (64, 1, 1, 1)).astype(np.float32)


def test_stretch_draws_height_and_width_apart():
    high, wide = factors(augment(tf.constant(RAMP), tf.constant((0, 0)), {"stretch": tf.constant(0.1)}).numpy())
    for found in (high, wide):
        assert 0.9 <= found.min() < 0.93
        assert 1.07 < found.max() <= 1.1
    assert abs(np.corrcoef(high, wide)[0, 1]) < 0.4
    out = augment(tf.constant(IMAGES), tf.constant((0, 0)), {"stretch": tf.constant(0.1)}).numpy()
    for image, found, *size in zip(IMAGES[:4], out, high, wide, strict=False):
        back = 1 / np.array(size)
        wanted = ndimage.affine_transform(image[..., 0], back, 5.5 - back * 5.5, order=1, mode="reflect")
        np.testing.assert_allclose(found[..., 0], wanted, atol=0.1)


def test_without_stretch_images_keep_their_proportions():
    high, wide = factors(augment(tf.constant(RAMP), tf.constant((0, 0)), {"zoom": tf.constant(0.1)}).numpy())
    np.testing.assert_allclose(high, wide, rtol=1e-3)
    assert np.ptp(high) > 0.1


@pytest.mark.parametrize("settings", [{"zoom": 0.1}, {"rotation": 20.0}, {"zoom": 0.1, "rotation": 20.0}])
def test_a_stretch_of_nothing_changes_nothing(settings):
    assert "stretch" not in strengths(Augment(name="test", stretch=0.0, **settings))
    numbers = {name: tf.constant(value) for name, value in settings.items()}
    with_it = augment(tf.constant(IMAGES), tf.constant((0, 0)), numbers | {"stretch": tf.constant(0.0)})
    np.testing.assert_array_equal(with_it, changed(**settings))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("crop", [None, 5, 8])
@pytest.mark.parametrize("per_image", [False, True])
def test_scaling_and_its_graph_agree(per_image, crop, reverse):
    import keras

    scale, offset = np.array([0.1, 0.2, 0.3], np.float32), np.array([-1, 0, 1], np.float32)
    scaling = Scaling(scale, offset, per_image, reverse, crop)
    pixels = keras.Input(IMAGES.shape[1:])
    images = np.concatenate([IMAGES, np.full_like(IMAGES[:1], 9.0)])  # a blank one too
    graph = keras.Model(pixels, scaling.on_graph(pixels))
    wanted = scaling(scaling.cropped(tf.constant(images)))
    np.testing.assert_allclose(graph(images).numpy(), wanted, atol=1e-4)


def test_per_image_is_that_of_tensorflow():
    scaling = Scaling(np.ones(3, np.float32), np.zeros(3, np.float32), True)
    images = np.concatenate([IMAGES[:3], np.full_like(IMAGES[:1], 7.0)])
    np.testing.assert_allclose(scaling(tf.constant(images)), tf.image.per_image_standardization(images), atol=1e-4)
