"""MixUp, CutMix and random erasing: images and labels are mixed as in Keras' layers and in the papers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from exprun.augment.changes import augment, strengths
from exprun.augment.mixing import mixed
from exprun.config.images import Augment
from exprun.loss import Targets

IMAGES = np.random.default_rng(0).integers(0, 256, (200, 12, 10, 3)).astype(np.float32)
LABELS = np.random.default_rng(1).integers(0, 5, 200).astype(np.int32)


def mix(seed=(0, 0), images=IMAGES, **settings):
    numbers = {name: tf.constant(value) for name, value in strengths(Augment(name="test", **settings)).items()}
    return mixed(tf.constant(images), tf.constant(seed), numbers)


def test_without_mixing_the_images_stay_as_they_are():
    found = mix(flip=True)
    assert found.partners is found.shares is None
    np.testing.assert_array_equal(found.pixels, IMAGES)


def test_mixup_is_that_of_keras_with_the_same_draws():
    found = mix(mixup=0.4)
    drawn = {"mix_weight": found.shares, "permutation_order": found.partners}
    layer = keras.layers.MixUp(0.4)
    np.testing.assert_allclose(found.pixels, layer.transform_images(tf.constant(IMAGES), drawn), atol=1e-4)
    assert_labels_are_those_of(layer, drawn, found)


def test_cutmix_is_that_of_keras_with_the_same_draws():
    found = mix(cutmix=1.0)
    whole = np.arange(200)[:, None, None, None] * np.ones_like(IMAGES)  # images whose pixels show where they are from
    box = mix(cutmix=1.0, images=whole.astype(np.float32)).pixels.numpy() != whole
    sure = np.asarray(found.partners) != np.arange(200)
    drawn = {"mix_weight": found.shares, "permutation_order": found.partners, "batch_masks": tf.constant(box)}
    layer = keras.layers.CutMix()
    np.testing.assert_array_equal(found.pixels, layer.transform_images(tf.constant(IMAGES), drawn))
    assert_labels_are_those_of(layer, drawn, found)
    np.testing.assert_allclose(found.shares[sure], 1 - box[sure].mean((1, 2, 3)), atol=1e-6)
    for inside in box[sure, :, :, 0]:
        rows, columns = inside.any(1), inside.any(0)
        np.testing.assert_array_equal(inside, rows[:, None] & columns)  # a rectangle,
        assert (np.diff(np.flatnonzero(rows)) == 1).all()  # without gaps


def assert_labels_are_those_of(layer, drawn, found):
    """The mean of both losses is the loss of Keras' mixed labels, and the label that counts is its largest."""
    targets = Targets(tf.constant(LABELS), tf.gather(LABELS, found.partners), found.shares)
    logits = np.random.default_rng(2).normal(size=(200, 5)).astype(np.float32)
    soft = layer.transform_labels(tf.one_hot(LABELS, 5), drawn)
    wanted = keras.losses.categorical_crossentropy(soft, logits, from_logits=True)
    losses = targets.mean(lambda labels: tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
    np.testing.assert_allclose(losses, wanted, rtol=1e-4)
    clear = np.abs(np.asarray(found.shares) - 0.5) > 1e-3
    np.testing.assert_array_equal(np.asarray(targets.main)[clear], np.argmax(soft, 1)[clear])


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_shares_have_a_beta_distribution(alpha):
    blank = np.zeros((2000, 1, 1, 1), np.float32)
    found = mix(images=blank, mixup=alpha)
    assert stats.kstest(found.shares, stats.beta(alpha, alpha).cdf).pvalue > 0.01
    np.testing.assert_array_equal(np.sort(found.partners), np.arange(2000))


def test_a_box_of_cutmix_has_the_area_of_the_draw_as_far_as_it_lies_in_the_image():
    """Yun et al. 2019, section 3.1, in NumPy; the centre may lie anywhere, so a part of the box may be cut off."""
    rng = np.random.default_rng(0)
    sides = np.floor(64 * np.sqrt(1 - rng.beta(1, 1, 2000))) // 2
    middle = rng.integers(0, 64, (2, 2000))
    low, high = np.maximum(middle - sides, 0), np.minimum(middle + sides, 64)
    wanted = 1 - np.prod(np.maximum(high - low, 0), axis=0) / 64**2
    found = mix(images=np.zeros((2000, 64, 64, 1), np.float32), cutmix=1.0).shares
    assert stats.ks_2samp(found, wanted).pvalue > 0.01


@pytest.mark.parametrize("alpha", [0.001, 0.01, 100.0])
def test_shares_are_finite_for_extreme_numbers(alpha):
    found = mix(mixup=alpha, cutmix=alpha)
    assert np.isfinite(found.pixels).all()
    assert 0 <= np.min(found.shares) <= np.max(found.shares) <= 1


def test_with_both_each_image_draws_one_of_them():
    both, cut, blended = mix(mixup=1.0, cutmix=1.0), mix(cutmix=1.0), mix(mixup=1.0)
    np.testing.assert_array_equal(both.partners, cut.partners)
    cuts = np.asarray(both.shares) == np.asarray(cut.shares)
    assert 70 < cuts.sum() < 130
    for name in ("pixels", "shares"):
        found, one, other = (np.asarray(getattr(some, name)) for some in (both, cut, blended))
        np.testing.assert_allclose(found[cuts], one[cuts])
        np.testing.assert_allclose(found[~cuts], other[~cuts])


def test_the_same_seed_mixes_the_same_and_another_step_otherwise():
    for settings in ({"mixup": 1.0}, {"cutmix": 1.0}):
        np.testing.assert_array_equal(mix(**settings).pixels, mix(**settings).pixels)
        assert not np.array_equal(mix(**settings).partners, mix(seed=(0, 1), **settings).partners)


def test_erasing_fills_rectangles_of_2_to_40_percent_with_noise():
    blank = np.full((400, 30, 20, 3), -1.0, np.float32)
    numbers = {"erasing": tf.constant(0.75)}
    out = augment(tf.constant(blank), tf.constant((0, 0)), numbers).numpy()
    erased = (out >= 0).all(3)
    np.testing.assert_array_equal(erased, (out != blank).any(3))
    hit = erased.any((1, 2))
    assert 0.69 < hit.mean() < 0.81
    areas, ratios = [], []
    for hole in erased[hit]:
        rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
        high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert hole.sum() == high * wide
        areas.append(high * wide / 600)
        ratios.append(high / wide)
    assert 0.015 < min(areas) < 0.04
    assert 0.35 < max(areas) < 0.43
    assert min(ratios) < 0.5
    assert 2.5 < max(ratios) < 4.5
    noise = out[out >= 0]
    assert stats.kstest(noise[:5000] / 255, "uniform").pvalue > 0.01
    assert erased[:, [0, -1]].any((0, 2)).all()  # rectangles reach each border
    assert erased[:, :, [0, -1]].any((0, 1)).all()
