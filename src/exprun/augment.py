"""Augmentation: random changes of the training images on the device, which depend only on the seed and the step.

The compiled graph contains only the changes that are on; their strengths are variables.
"""

from dataclasses import asdict

import numpy as np
import tensorflow as tf

from exprun.config.images import Augment
from exprun.input import Scaling

CROP_SALT = 101  # number that makes the draw of `input.crop` independent of the other draws of a step
AFFINE = ("rotation", "zoom", "stretch", "translation")


def strengths(config: Augment) -> dict[str, float]:
    """The strength of each change that is on, by name, in the units of the config."""
    return {name: float(value) for name, value in asdict(config).items() if name != "name" and value}


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


def seed_of(seed: tf.Tensor, step: tf.Tensor, replica: int | tf.Tensor = 0) -> tf.Tensor:
    """The seed of all random numbers of a step on one device, int32, (2,).

    Args:
        seed: the seed of the run, int32, a scalar.
        step: the number of the step, int32, a scalar.
        replica: the number of the device.
    """
    return tf.random.experimental.stateless_fold_in(tf.stack([seed, step]), replica)


def in_training(
    images: tf.Tensor,
    seed: tf.Tensor,
    strength: dict[str, tf.Tensor],
    scaling: Scaling,
    mirrored: tf.Tensor | None,
    crops_at_random: bool,
) -> tf.Tensor:
    """The augmented and cropped pixels of a training batch, before they are scaled.

    Args:
        images: the images, uint8, (batch, height, width, channels).
        seed: the seed of the step, from `seed_of`.
        strength: the strength of each change that is on, a scalar, by the names of `strengths`.
        scaling: the crop.
        mirrored: whether `alternating_flip` mirrors each image, bool, (batch,); None without that change.
        crops_at_random: whether images are cropped at a random position, or else at the centre.

    Returns:
        The pixels, float32, from 0 to 255, (batch, height, width, channels).
    """
    pixels = tf.cast(images, tf.float32)
    if strength:
        pixels = augment(pixels, seed, strength, mirrored)
    return scaling.cropped(
        pixels, tf.random.experimental.stateless_fold_in(seed, CROP_SALT) if crops_at_random else None
    )


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
    count = tf.shape(images)[0]

    def uniform(salt: int, low: tf.Tensor | float, high: tf.Tensor | float) -> tf.Tensor:
        drawn = tf.random.stateless_uniform([count], tf.random.experimental.stateless_fold_in(seed, salt))
        return low + drawn * (high - low)

    if any(name in strength for name in AFFINE):
        angle = uniform(0, -1.0, 1.0) * strength.get("rotation", 0.0) * (3.141592653589793 / 180)
        zoom = 1 + uniform(1, -1.0, 1.0) * strength.get("zoom", 0.0)
        move = [uniform(salt, -1.0, 1.0) * strength.get("translation", 0.0) for salt in (2, 3)]
        high, wide = (zoom * (1 + uniform(salt, -1.0, 1.0) * strength.get("stretch", 0.0)) for salt in (11, 12))
        images = _affine(images, angle, high, wide, move[0], move[1])
    if "crop" in strength:
        reach = strength["crop"]
        shift = [tf.cast(tf.floor(uniform(salt, -reach, reach + 1.0)), tf.int32) for salt in (4, 5)]
        images = _shift(_shift(images, shift[0], 1), shift[1], 2)
    if "flip" in strength:
        images = tf.where((uniform(6, 0.0, 1.0) < 0.5)[:, None, None, None], images[:, :, ::-1], images)
    if "alternating_flip" in strength:
        assert mirrored is not None
        images = tf.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
    if "contrast" in strength:
        factor = 1 + uniform(7, -1.0, 1.0) * strength["contrast"]
        mean = tf.reduce_mean(images, [1, 2], keepdims=True)
        images = (images - mean) * factor[:, None, None, None] + mean
    if "brightness" in strength:
        images += (uniform(8, -255.0, 255.0) * strength["brightness"])[:, None, None, None]
    if "contrast" in strength or "brightness" in strength:
        images = tf.clip_by_value(images, 0.0, 255.0)
    if "cutout" in strength:
        images = _cutout(images, strength["cutout"], uniform(9, 0.0, 1.0), uniform(10, 0.0, 1.0))
    return images


def _shift(images: tf.Tensor, shift: tf.Tensor, axis: int) -> tf.Tensor:
    """Shift each image by whole pixels along an axis; the border is reflected."""
    size = tf.shape(images)[axis]
    source = tf.range(size)[None] + shift[:, None]
    period = tf.maximum(2 * (size - 1), 1)
    source = tf.math.floormod(source, period)
    source = tf.minimum(source, period - source)
    return tf.gather(images, source, axis=axis, batch_dims=1)


def _affine(
    images: tf.Tensor, angle: tf.Tensor, high: tf.Tensor, wide: tf.Tensor, down: tf.Tensor, right: tf.Tensor
) -> tf.Tensor:
    """Rotate each image about its centre, stretch it, then shift it by fractions of its size; reflect the border."""
    height, width = (tf.cast(n, tf.float32) for n in (tf.shape(images)[1], tf.shape(images)[2]))
    cos, sin = tf.cos(angle), tf.sin(angle)
    y, x = (height - 1) / 2, (width - 1) / 2
    # Each output pixel (u, v) reads the input at (a·u + b·v + c, d·u + e·v + f).
    a, b, d, e = cos / wide, -sin / high, sin / wide, cos / high
    u, v = x + right * width, y + down * height
    zero = tf.zeros_like(cos)
    rows = [a, b, x - a * u - b * v, d, e, y - d * u - e * v, zero, zero]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack(rows, axis=1),
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )


def _cutout(images: tf.Tensor, size: tf.Tensor, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Fill a square of each image with the image's mean; (y, x), each from 0 to 1, is the square's centre."""
    height, width = tf.shape(images)[1], tf.shape(images)[2]

    def inside(centre: tf.Tensor, extent: tf.Tensor) -> tf.Tensor:
        middle = tf.floor(centre * tf.cast(extent, tf.float32))[:, None]
        start = middle - tf.floor(size / 2)
        position = tf.range(tf.cast(extent, tf.float32))[None]
        return (position >= start) & (position < start + size)

    hole = inside(y, height)[:, :, None] & inside(x, width)[:, None, :]
    return tf.where(hole[..., None], tf.reduce_mean(images, [1, 2], keepdims=True), images)
