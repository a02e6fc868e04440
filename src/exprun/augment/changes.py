"""Random changes of the training images on the device, which depend only on the seed and the step.

The compiled graph contains only the changes that are on; their strengths are variables.
"""

import math
from dataclasses import asdict
from functools import partial

import numpy as np
import tensorflow as tf

from exprun.augment.draws import folded, uniform
from exprun.augment.geometry import affine, box, shifted
from exprun.augment.mixing import Mixed, mixed
from exprun.augment.operations import rand_augment, trivial_augment
from exprun.config.images import Augment
from exprun.input import Scaling

CROP_SALT = 101  # number that makes the draw of `input.crop` independent of the other draws of a step
ERASING_TRIES = 10  # rectangles that are drawn, of which the first that fits into the image is erased
AFFINE = ("rotation", "zoom", "stretch", "translation")


def strengths(config: Augment) -> dict[str, float]:
    """The strength of each change that is on, by name, in the units of the config."""
    unused = {"name"} if config.randaugment else {"name", "randaugment_ops"}
    return {name: float(value) for name, value in asdict(config).items() if name not in unused and value}


def mirrored_in(order: np.ndarray, count: int, seed: int, epoch: int) -> np.ndarray:
    """Whether `alternating_flip` mirrors each image of an epoch (Jordan 2024, arXiv:2404.00498, section 3.6).

    It mirrors one half of the images, drawn once, in epochs 0, 2, …, and the other half in epochs 1, 3, …

    Args:
        order: the positions of the batches in the training split, int32, (steps, batch).
        count: the number of images in the training split.
        seed: the seed of the run.
        epoch: the number of the epoch, from 0.

    Returns:
        bool, with the shape of `order`.
    """
    first = np.random.default_rng([seed, 0, 1]).random(count) < 0.5
    return first[order] ^ bool(epoch % 2)


def in_training(
    images: tf.Tensor,
    seed: tf.Tensor,
    strength: dict[str, tf.Tensor],
    scaling: Scaling,
    mirrored: tf.Tensor | None,
    crops_at_random: bool,
) -> Mixed:
    """The augmented, cropped and mixed pixels of a training batch, before they are scaled.

    Args:
        images: the images, uint8, (batch, height, width, channels).
        seed: the seed of the step, from `seed_of`.
        strength: the strength of each change that is on, a scalar, by the names of `strengths`.
        scaling: the crop.
        mirrored: whether `alternating_flip` mirrors each image, bool, (batch,); None without that change.
        crops_at_random: whether images are cropped at a random position, or else at the centre.

    Returns:
        The pixels, float32, from 0 to 255.
    """
    pixels = augment(tf.cast(images, tf.float32), seed, strength, mirrored)
    return mixed(scaling.cropped(pixels, folded(seed, CROP_SALT) if crops_at_random else None), seed, strength)


def augment(
    images: tf.Tensor, seed: tf.Tensor, strength: dict[str, tf.Tensor], mirrored: tf.Tensor | None = None
) -> tf.Tensor:
    """Change each image of a batch at random.

    Args:
        images: the images, float32, (batch, height, width, channels), pixels from 0 to 255.
        seed: the seed of the changes, int32, (2,).
        strength: the strength of each change that is on, a scalar, by the names of `strengths`.
        mirrored: whether `alternating_flip` mirrors each image, bool, (batch,); None without that change.

    Returns:
        The changed images, with the shape and type of `images`.
    """
    draw = partial(uniform, seed, shape=[tf.shape(images)[0]])
    if any(name in strength for name in AFFINE):
        angle = draw(0, low=-1.0) * strength.get("rotation", 0.0) * (math.pi / 180)
        zoom = 1 + draw(1, low=-1.0) * strength.get("zoom", 0.0)
        move = [draw(salt, low=-1.0) * strength.get("translation", 0.0) for salt in (2, 3)]
        high, wide = (zoom * (1 + draw(salt, low=-1.0) * strength.get("stretch", 0.0)) for salt in (11, 12))
        images = affine(images, angle, high, wide, move[0], move[1])
    if "crop" in strength:
        reach = strength["crop"]
        shift = [tf.cast(tf.floor(draw(salt, low=-reach, high=reach + 1.0)), tf.int32) for salt in (4, 5)]
        images = shifted(shifted(images, shift[0], 1), shift[1], 2)
    if "flip" in strength:
        images = tf.where((draw(6) < 0.5)[:, None, None, None], images[:, :, ::-1], images)
    if "alternating_flip" in strength:
        assert mirrored is not None
        images = tf.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
    if "contrast" in strength:
        factor = 1 + draw(7, low=-1.0) * strength["contrast"]
        mean = tf.reduce_mean(images, [1, 2], keepdims=True)
        images = (images - mean) * factor[:, None, None, None] + mean
    if "brightness" in strength:
        images += (draw(8, low=-255.0, high=255.0) * strength["brightness"])[:, None, None, None]
    if "contrast" in strength or "brightness" in strength:
        images = tf.clip_by_value(images, 0.0, 255.0)
    if "randaugment" in strength:
        images = rand_augment(images, folded(seed, 13), strength["randaugment"], strength["randaugment_ops"])
    if "trivialaugment" in strength:
        images = trivial_augment(images, folded(seed, 14), strength["trivialaugment"])
    if "cutout" in strength:
        images = _cutout(images, strength["cutout"], draw(9), draw(10))
    if "erasing" in strength:
        images = _erased(images, strength["erasing"], folded(seed, 15))
    return images


def _cutout(images: tf.Tensor, size: tf.Tensor, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Fill a square of each image with the image's mean; (y, x), each from 0 to 1, is the square's centre."""
    top, left = (
        tf.floor(centre * tf.cast(extent, tf.float32)) - tf.floor(size / 2)
        for centre, extent in ((y, tf.shape(images)[1]), (x, tf.shape(images)[2]))
    )
    return tf.where(box(images, top, left, size, size), tf.reduce_mean(images, [1, 2], keepdims=True), images)


def _erased(images: tf.Tensor, probability: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Fill a rectangle of some images with noise (Zhong et al. 2020, arXiv:1708.04896, algorithm 1).

    The paper draws rectangles until one fits into the image; here, the first of `ERASING_TRIES` that fits is taken, and
    if none does, the image stays as it is. `keras.layers.RandomErasing` draws height and width independently instead.
    """
    count = tf.shape(images)[0]
    height, width = (tf.cast(extent, tf.float32) for extent in (tf.shape(images)[1], tf.shape(images)[2]))
    tries = partial(uniform, seed, shape=[count, ERASING_TRIES])
    area, ratio = tries(0, low=0.02, high=0.4) * height * width, tries(1, low=0.3, high=1 / 0.3)
    highs, wides = tf.round(tf.sqrt(area * ratio)), tf.round(tf.sqrt(area / ratio))
    fits = (highs <= height) & (wides <= width)
    first = tf.argmax(tf.cast(fits, tf.int32), 1)
    high, wide = (tf.gather(sizes, first, batch_dims=1) for sizes in (highs, wides))
    top, left = (
        tf.floor(uniform(seed, salt, [count]) * (extent - size + 1))
        for salt, extent, size in ((2, height, high), (3, width, wide))
    )
    chosen = (uniform(seed, 4, [count]) < probability) & tf.reduce_any(fits, 1)
    hole = box(images, top, left, high, wide) & chosen[:, None, None, None]
    return tf.where(hole, uniform(seed, 5, tf.shape(images), high=255.0), images)
