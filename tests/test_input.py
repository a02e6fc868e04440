"""Scaling of pixels: what is fitted, on which rows, and which numbers come out."""

import re
from dataclasses import replace

import numpy as np
import pytest

from exprun.config.errors import ConfigError, DataError
from exprun.config.images import Input
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


def test_center_takes_the_mean_of_the_training_rows_away_and_leaves_the_spread(images):
    rows = np.arange(0, 50, 3)
    scaling = fit(Input(name="center"), split(images, rows))
    scaled = images[rows] * scaling.scale + scaling.offset
    np.testing.assert_allclose(scaled.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=(0, 1, 2)), images[rows].std(axis=(0, 1, 2)), rtol=1e-5)


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


# Crops


@pytest.fixture
def places():
    """Images of 7×5 whose pixels say where they stand: row, column, and a number of the image."""
    rows, columns = np.mgrid[:7, :5]
    return np.stack([np.stack([rows, columns, np.full_like(rows, n)], -1) for n in range(250)]).astype(np.uint8)


def cropped(scaling, images, seed=None):
    import tensorflow as tf

    return scaling.cropped(tf.constant(images), None if seed is None else tf.constant(seed)).numpy()


def test_a_crop_is_what_the_network_takes(images):
    scaling = fit(Input(name="unit", crop=4), split(images))
    assert scaling.shape((6, 5, 3)) == (4, 4, 3)
    assert cropped(scaling, images).shape == cropped(scaling, images, (0, 0)).shape == (50, 4, 4, 3)
    whole = fit(Input(name="unit"), split(images))
    assert whole.shape((6, 5, 3)) == (6, 5, 3)
    np.testing.assert_array_equal(cropped(whole, images, (0, 0)), images)


@pytest.mark.parametrize(("crop", "top", "left"), [(1, 3, 2), (2, 2, 1), (4, 1, 0), (5, 1, 0)])
def test_without_a_draw_the_crop_is_the_centre(places, crop, top, left):
    scaling = fit(Input(name="unit", crop=crop), split(places))
    np.testing.assert_array_equal(cropped(scaling, places), places[:, top : top + crop, left : left + crop])


def test_a_drawn_crop_is_a_square_of_its_image_and_reaches_all_places_alike(places):
    scaling = fit(Input(name="unit", crop=3), split(places))
    found = cropped(scaling, places, (0, 1))
    corners = found[:, 0, 0, :2].astype(int)
    for image, crop, (top, left) in zip(places, found, corners, strict=True):
        np.testing.assert_array_equal(crop, image[top : top + 3, left : left + 3])
    counts = np.zeros((5, 3), int)
    np.add.at(counts, tuple(corners.T), 1)
    assert counts.sum() == 250
    assert counts.min() > 4  # of 250 / 15 = 17
    assert counts.max() < 35


def test_a_drawn_crop_is_a_function_of_the_seed(places):
    scaling = fit(Input(name="unit", crop=3), split(places))
    np.testing.assert_array_equal(cropped(scaling, places, (3, 1)), cropped(scaling, places, (3, 1)))
    assert not np.array_equal(cropped(scaling, places, (3, 1)), cropped(scaling, places, (3, 2)))
    assert not np.array_equal(cropped(scaling, places, (3, 1)), cropped(scaling, places, (4, 1)))


def test_a_crop_as_large_as_the_images_is_the_whole_of_them(images):
    square = images[:, :5]
    scaling = fit(Input(name="unit", crop=5), split(square))
    np.testing.assert_array_equal(cropped(scaling, square, (0, 0)), square)


def crops_of_training(*overrides):
    """What the network sees of three images in the first, the second and again the first step."""
    from tiny import config, step_of

    pictures = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    words = ["norm=none", "model.layers=[flatten]", "input=raw", "input.crop=4", *overrides]
    step = step_of(config(*words), pictures, 10)
    return pictures, [step.batch_inputs(pictures, np.arange(3), number).numpy() for number in (0, 1, 0)]


def test_training_draws_by_step_and_run():
    _, (first, second, again) = crops_of_training()
    assert first.shape == (3, 4, 4, 1)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, second)
    _, (other, *_) = crops_of_training("seed=1")
    assert not np.array_equal(first, other)


def test_one_batch_learned_by_heart_stays_as_it_is():
    pictures, found = crops_of_training("trainer.overfit_batch=true", "augment=cifar")
    for inputs in found:
        np.testing.assert_array_equal(inputs, pictures[:, 2:6, 2:6])


def test_a_cropped_run_saves_a_model_that_takes_whole_images():
    import keras

    from tiny import config, kept

    settings = config(
        "data.size=12", "input=per_image", "input.crop=8", "trainer.epochs=3", "run_dir=out",
        "model.layers=[{conv: 8},{pool: max},flatten,{dense: 32}]",
    )  # fmt: skip
    result, loop = kept(replace(settings, tracking=replace(settings.tracking, model="keras")))
    assert loop.step.model.input_shape == (None, 8, 8, 3)
    test = loop.dataset.test
    saved = keras.saving.load_model(result.run_dir / "model.keras")
    found = saved.predict(test.images[test.rows], verbose=0)
    assert (found.argmax(axis=1) == test.row_labels).mean() == pytest.approx(result.metrics["test/accuracy"])
    own = loop.evaluator.measure(loop.evaluator.feed(test))  # at the best weights, which the run has put back
    np.testing.assert_array_equal(found.argmax(axis=1), own.predictions)
    e = np.exp(found - found.max(axis=1, keepdims=True))
    p = (e / e.sum(axis=1, keepdims=True))[np.arange(len(test)), test.row_labels]
    assert -np.log(p).mean() == pytest.approx(own.loss, rel=1e-4)
    assert own.loss == pytest.approx(result.metrics["test/loss"])
    # A plain call is in inference mode too: no layer before the network may set it to training.
    np.testing.assert_allclose(saved(test.images[test.rows]).numpy(), found, atol=1e-4)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ("input.crop=33", "input.crop=33 is more than data.size=32"),
        ("input.crop=0", "at least 1"),
        ("model=vgg16 input.crop=24", "too deep for images of 24×24 pixels"),
        ("model=vgg16 input.crop=24", "input.crop=32"),
        ("model=vgg16 data.size=64 input.crop=31", "at least 32×32"),
    ],
)
def test_a_crop_that_cannot_be_is_refused(composer, overrides, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        composer.config(overrides.split())


def test_a_crop_larger_than_the_images_turn_out_to_be_is_refused(images):
    with pytest.raises(DataError, match=r"input\.crop=6 is more than the images have: 6×5"):
        fit(Input(name="unit", crop=6), split(images))


# Caffe's preprocessing


def test_caffe_is_that_of_keras_applications(images):
    import keras
    import tensorflow as tf

    scaling = fit(Input(name="caffe"), split(images))
    wanted = keras.applications.vgg16.preprocess_input(images.astype(np.float32))
    np.testing.assert_allclose(scaling(tf.constant(images.astype(np.float32))), wanted, atol=1e-4)
    assert wanted[0, 0, 0, 0] == pytest.approx(images[0, 0, 0, 2] - 103.939)  # blue first


def test_caffe_needs_colour(images):
    with pytest.raises(DataError, match=r"set data\.channels=3"):
        fit(Input(name="caffe"), split(images[..., :1]))
