"""RandAugment and TrivialAugment: each image gets operations of its own, from a list of fourteen.

Keras' `RandAugment` chooses its operations once for a batch, computes all of them, and has no strength that can vary
at run time; it has no TrivialAugment. Here a batch is divided by operation, and each operation computes only the
images that have drawn it. A strength of 0 changes nothing, except that equalisation and autocontrast have no strength.
As in the papers, values stay in the range from 0 to 255. Unlike in the papers, mirrored pixels fill the border.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from exprun.augment.draws import folded, uniform
from exprun.augment.geometry import affine, box, read_at

GREY = (0.299, 0.587, 0.114)  # weights of red, green and blue in a grey value, as in Pillow (ITU-R BT.601)
LEVELS = 256  # values of a pixel
Operation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # changed images from images and their amounts


class Range(NamedTuple):
    """An operation and its largest amounts.

    Args:
        name: the name of the operation in the papers.
        operation: changes images, (images, height, width, channels), by amounts, (images,).
        rand: the amount at strength 1 in RandAugment, which is that of AutoAugment (arXiv:1805.09501, appendix).
        wide: the amount at strength 1 in TrivialAugment, with its wide ranges; translations are in pixels.
        signed: whether each image draws the sign of its amount.
    """

    name: str
    operation: Operation
    rand: float = 0.0
    wide: float = 0.0
    signed: bool = False


def rand_augment(images: tf.Tensor, seed: tf.Tensor, strength: tf.Tensor, operations: tf.Tensor) -> tf.Tensor:
    """Change each image by several random operations, one after the other (Cubuk et al. 2020, arXiv:1909.13719).

    Args:
        images: the images, float32, (batch, height, width, channels), pixels from 0 to 255.
        seed: the seed of the operations, int32, (2,).
        strength: the strength of all operations, a scalar from 0 to 1: a tenth of the paper's M.
        operations: the number of operations, the paper's N, a scalar.
    """
    count = tf.shape(images)[0]
    amounts = strength * tf.constant([one.rand for one in OPERATIONS])

    def again(number: tf.Tensor, changed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        fresh = folded(seed, number)
        drawn = _drawn(fresh, count)
        return number + 1, _applied(changed, drawn, tf.gather(amounts, drawn), fresh)

    number = tf.cast(operations, tf.int32)
    return tf.while_loop(
        lambda done, _: done < number, again, (tf.constant(0), images), (tf.TensorShape([]), images.shape)
    )[1]


def trivial_augment(images: tf.Tensor, seed: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
    """Change each image by one random operation (Müller and Hutter 2021, arXiv:2103.10158).

    Args:
        images: the images, float32, (batch, height, width, channels), pixels from 0 to 255.
        seed: the seed of the operations, int32, (2,).
        strength: the largest strength, a scalar from 0 to 1; that of each image is drawn from 0 to this.
    """
    count = tf.shape(images)[0]
    drawn = _drawn(seed, count)
    height, width = (tf.cast(extent, tf.float32) for extent in (tf.shape(images)[1], tf.shape(images)[2]))
    units = [{"translate x": width, "translate y": height}.get(one.name, 1.0) for one in OPERATIONS]
    largest = strength * tf.constant([one.wide for one in OPERATIONS]) / tf.stack(units)
    return _applied(images, drawn, tf.gather(largest, drawn) * uniform(seed, 2, [count]), seed)


def _drawn(seed: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """The operation of each image, as its position in the list, int32, (count,)."""
    return tf.random.stateless_uniform([count], folded(seed, 0), 0, len(OPERATIONS), tf.int32)


def _applied(images: tf.Tensor, drawn: tf.Tensor, amounts: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """The images, each changed by its operation.

    Args:
        images: the images, float32, (batch, height, width, channels).
        drawn: the operation of each image, int32, (batch,).
        amounts: the amount of the operation of each image, without its sign, float32, (batch,).
        seed: the seed of the signs, int32, (2,).
    """
    signs = tf.where(uniform(seed, 1, tf.shape(drawn)) < 0.5, -1.0, 1.0)
    amounts *= tf.where(tf.gather(tf.constant([one.signed for one in OPERATIONS]), drawn), signs, 1.0)
    count = len(OPERATIONS)
    parts = zip(
        OPERATIONS,
        tf.dynamic_partition(images, drawn, count),
        tf.dynamic_partition(amounts, drawn, count),
        strict=True,
    )
    changed = [one.operation(some, some_amounts) for one, some, some_amounts in parts]
    places = tf.dynamic_partition(tf.range(tf.shape(images)[0]), drawn, count)
    return tf.ensure_shape(tf.dynamic_stitch(places, changed), images.shape)


def _clipped(images: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(images, 0.0, 255.0)


def _blended(images: tf.Tensor, without: tf.Tensor | float, amounts: tf.Tensor) -> tf.Tensor:
    """Images whose difference from images without a property is multiplied by 1 + amount, as in Pillow."""
    return _clipped(without + (images - without) * (1 + amounts)[:, None, None, None])


def _grey(images: tf.Tensor) -> tf.Tensor:
    """The grey values of images, (images, height, width, 1); without colour, the mean of the channels."""
    if images.shape[3] != len(GREY):
        return tf.reduce_mean(images, 3, keepdims=True)
    return tf.reduce_sum(images * tf.constant(GREY), 3, keepdims=True)


def _contrast(images: tf.Tensor, amounts: tf.Tensor) -> tf.Tensor:
    return _blended(images, tf.reduce_mean(_grey(images), [1, 2], keepdims=True), amounts)


def _sharpened(images: tf.Tensor, amounts: tf.Tensor) -> tf.Tensor:
    """Blend images with their mean over 3 × 3 pixels, in which the middle counts 5 times; the border stays as it is."""
    height, width = tf.shape(images)[1], tf.shape(images)[2]
    padded = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]])
    rows = tf.add_n([padded[:, at : at + height] for at in range(3)])
    smooth = (tf.add_n([rows[:, :, at : at + width] for at in range(3)]) + 4 * images) / 13
    one, high, wide = tf.ones([1]), tf.cast(height - 2, tf.float32), tf.cast(width - 2, tf.float32)
    return _blended(images, tf.where(box(images, one, one, high, wide), smooth, images), amounts)


def _autocontrast(images: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """Stretch the values of each channel to the range 0 to 255."""
    low, high = (reduce(images, [1, 2], keepdims=True) for reduce in (tf.reduce_min, tf.reduce_max))
    return tf.where(high > low, (images - low) * tf.math.divide_no_nan(255.0, high - low), images)


def _equalized(images: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """Give each channel as uniform a distribution of values as possible, as Pillow does."""
    shape = tf.shape(images)
    flat = tf.reshape(tf.transpose(images, [0, 3, 1, 2]), [shape[0] * shape[3], shape[1] * shape[2]])
    values = tf.cast(tf.round(flat), tf.int32)
    with tf.device("CPU:0"):  # on GPUs, counting has no deterministic implementation
        counts = tf.math.bincount(values, minlength=LEVELS, maxlength=LEVELS, axis=-1)
    counts = tf.ensure_shape(counts, [None, LEVELS])
    step = (shape[1] * shape[2] - _last_used(counts)) // (LEVELS - 1)
    table = (tf.cumsum(counts, axis=1, exclusive=True) + step[:, None] // 2) // tf.maximum(step, 1)[:, None]
    changed = tf.cast(tf.minimum(tf.gather(table, values, batch_dims=1), LEVELS - 1), tf.float32)
    changed = tf.where(step[:, None] > 0, changed, flat)
    return tf.transpose(tf.reshape(changed, [shape[0], shape[3], shape[1], shape[2]]), [0, 2, 3, 1])


def _last_used(counts: tf.Tensor) -> tf.Tensor:
    """How often the highest value of each channel occurs, int32, (channels of all images,)."""
    last = LEVELS - 1 - tf.argmax(tf.cast(counts[:, ::-1] > 0, tf.int32), 1, tf.int32)
    return tf.gather(counts, last, batch_dims=1)


def _posterized(images: tf.Tensor, amounts: tf.Tensor) -> tf.Tensor:
    """Clear the lowest bits of each value; the amount is their number, which is rounded."""
    unit = (2.0 ** tf.round(amounts))[:, None, None, None]
    return tf.floor(images / unit) * unit


def _solarized(images: tf.Tensor, amounts: tf.Tensor) -> tf.Tensor:
    """Invert the values from 256 − amount upwards."""
    return tf.where(images < (256.0 - amounts)[:, None, None, None], images, 255.0 - images)


def _rotated(images: tf.Tensor, amounts: tf.Tensor) -> tf.Tensor:
    one, zero = tf.ones_like(amounts), tf.zeros_like(amounts)
    return affine(images, amounts, one, one, zero, zero)


def _sheared(images: tf.Tensor, right: tf.Tensor | float, down: tf.Tensor | float) -> tf.Tensor:
    """Shift each row by its distance from the centre times `right`, and each column times `down`."""
    zero = tf.zeros(tf.shape(images)[:1])
    return read_at(images, ((zero + 1, zero + right), (zero + down, zero + 1)), zero, zero)


def _translated(images: tf.Tensor, right: tf.Tensor | float, down: tf.Tensor | float) -> tf.Tensor:
    """Shift each image by fractions of its width and height."""
    zero = tf.zeros(tf.shape(images)[:1])
    return affine(images, zero, zero + 1, zero + 1, zero + down, zero + right)


OPERATIONS = (
    Range("identity", lambda images, _: images),
    Range("autocontrast", _autocontrast),
    Range("equalize", _equalized),
    Range("rotate", _rotated, math.radians(30), math.radians(135), signed=True),
    Range("solarize", _solarized, 256.0, 256.0),
    Range("color", lambda images, amounts: _blended(images, _grey(images), amounts), 0.9, 0.99, signed=True),
    Range("posterize", _posterized, 4.0, 6.0),
    Range("contrast", _contrast, 0.9, 0.99, signed=True),
    Range("brightness", lambda images, amounts: _blended(images, 0.0, amounts), 0.9, 0.99, signed=True),
    Range("sharpness", _sharpened, 0.9, 0.99, signed=True),
    Range("shear x", lambda images, amounts: _sheared(images, amounts, 0.0), 0.3, 0.99, signed=True),
    Range("shear y", lambda images, amounts: _sheared(images, 0.0, amounts), 0.3, 0.99, signed=True),
    Range("translate x", lambda images, amounts: _translated(images, amounts, 0.0), 150 / 331, 32.0, signed=True),
    Range("translate y", lambda images, amounts: _translated(images, 0.0, amounts), 150 / 331, 32.0, signed=True),
)
