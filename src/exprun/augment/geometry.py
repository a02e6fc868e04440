"""Move the pixels of images: shifts, affine transformations, and boxes."""

import tensorflow as tf


def shifted(images: tf.Tensor, shift: tf.Tensor, axis: int) -> tf.Tensor:
    """Images, each shifted by whole pixels along an axis; the border is reflected.

    Args:
        images: the images, (batch, height, width, channels).
        shift: the shift of each image, int32, (batch,).
        axis: 1 for the height, 2 for the width.
    """
    size = tf.shape(images)[axis]
    source = tf.range(size)[None] + shift[:, None]
    period = tf.maximum(2 * (size - 1), 1)
    source = tf.math.floormod(source, period)
    source = tf.minimum(source, period - source)
    return tf.gather(images, source, axis=axis, batch_dims=1)


def affine(
    images: tf.Tensor, angle: tf.Tensor, high: tf.Tensor, wide: tf.Tensor, down: tf.Tensor, right: tf.Tensor
) -> tf.Tensor:
    """Rotate each image about its centre, stretch it, then shift it by fractions of its size; reflect the border.

    Args:
        images: the images, (batch, height, width, channels).
        angle: the angle of each image, in radians, (batch,).
        high: the factor of the height of each image, (batch,).
        wide: the factor of the width of each image, (batch,).
        down: the shift of each image as a fraction of the height, (batch,).
        right: the shift of each image as a fraction of the width, (batch,).
    """
    cos, sin = tf.cos(angle), tf.sin(angle)
    return read_at(images, ((cos / wide, -sin / high), (sin / wide, cos / high)), down, right)


def read_at(
    images: tf.Tensor, matrix: tuple[tuple[tf.Tensor, tf.Tensor], ...], down: tf.Tensor, right: tf.Tensor
) -> tf.Tensor:
    """Images whose pixels are read elsewhere, with bilinear interpolation; the border is reflected.

    Args:
        images: the images, (batch, height, width, channels).
        matrix: the rows of the matrix that turns the position (x, y) of an output pixel, from the centre, into that of
            the input; each number is (batch,).
        down: the shift of each image as a fraction of the height, (batch,).
        right: the shift of each image as a fraction of the width, (batch,).
    """
    height, width = (tf.cast(n, tf.float32) for n in (tf.shape(images)[1], tf.shape(images)[2]))
    y, x = (height - 1) / 2, (width - 1) / 2
    (a, b), (d, e) = matrix
    # Each output pixel (u, v) reads the input at (a·u + b·v + c, d·u + e·v + f).
    u, v = x + right * width, y + down * height
    zero = tf.zeros_like(a)
    rows = [a, b, x - a * u - b * v, d, e, y - d * u - e * v, zero, zero]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack(rows, axis=1),
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )


def box(images: tf.Tensor, top: tf.Tensor, left: tf.Tensor, high: tf.Tensor, wide: tf.Tensor) -> tf.Tensor:
    """Whether each pixel lies in a box of its image, bool, (batch, height, width, 1).

    Args:
        images: the images, (batch, height, width, channels).
        top: the first row of each box, float32, (batch,); it may lie outside the image.
        left: the first column of each box, float32, (batch,).
        high: the height of each box, or of all, float32, (batch,) or a scalar.
        wide: the width of each box, or of all, float32, (batch,) or a scalar.
    """

    def inside(start: tf.Tensor, size: tf.Tensor, axis: int) -> tf.Tensor:
        position = tf.range(tf.cast(tf.shape(images)[axis], tf.float32))[None]
        return (position >= start[:, None]) & (position < (start + size)[:, None])

    return (inside(top, high, 1)[:, :, None] & inside(left, wide, 2)[:, None, :])[..., None]
