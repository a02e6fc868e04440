"""The input room: how pixels are scaled before the network, fitted on the training images alone."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from exprun.config.schema import Input
from exprun.data import Split

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class Scaling:
    """`pixels * scale + offset`, and then each image by itself where `per_image`.

    Args:
        scale: float32, (channels,).
        offset: float32, (channels,).
        per_image: whether each image is brought to mean 0 and standard deviation 1.
    """

    scale: np.ndarray
    offset: np.ndarray
    per_image: bool = False

    def __call__(self, images: "tf.Tensor") -> "tf.Tensor":
        """Scale float32 images of 0 to 255, (batch, height, width, channels)."""
        import tensorflow as tf

        scaled = images * tf.constant(self.scale) + tf.constant(self.offset)
        if not self.per_image:
            return scaled
        mean, variance = tf.nn.moments(scaled, [1, 2, 3], keepdims=True)
        # The floor keeps a blank image finite; it is that of `tf.image.per_image_standardization`.
        count = tf.cast(tf.reduce_prod(tf.shape(images)[1:]), tf.float32)
        return (scaled - mean) / tf.maximum(tf.sqrt(variance), tf.math.rsqrt(count))

    def on_graph(self, pixels: Any) -> Any:
        """The same on a Keras graph, in float32 and in Keras' own operations, for a model that takes pixels."""
        import keras

        ops = keras.ops
        scaled = keras.layers.Rescaling(self.scale.tolist(), self.offset.tolist(), dtype="float32")(pixels)
        if not self.per_image:
            return scaled
        floor = float(np.prod(pixels.shape[1:])) ** -0.5
        mean = ops.mean(scaled, axis=(1, 2, 3), keepdims=True)
        return (scaled - mean) / ops.maximum(ops.std(scaled, axis=(1, 2, 3), keepdims=True), floor)


def fit(config: Input, train: Split) -> Scaling:
    """The scaling that the config names.

    Args:
        config: the `input` group.
        train: the training images; only `standardize` looks at them.
    """
    channels = train.images.shape[3]
    one, zero = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    match config.name:
        case "unit":
            return Scaling(one / 255, zero)
        case "symmetric":
            return Scaling(one / 127.5, zero - 1)
        case "standardize":
            mean, std = channel_moments(train)
            return Scaling((1 / std).astype(np.float32), (-mean / std).astype(np.float32))
        case "per_image":
            return Scaling(one, zero, per_image=True)
    return Scaling(one, zero)


def channel_moments(split: Split, chunk: int = 1024) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel over a split, (channels,) each, in pixel values.

    Exact, from counts of each of the 256 values. A channel that never changes gets the standard deviation 1.
    """
    channels = split.images.shape[3]
    counts = np.zeros((channels, 256), np.int64)
    for start in range(0, len(split), chunk):
        pixels = split.images[split.rows[start : start + chunk]].reshape(-1, channels)
        for channel in range(channels):
            counts[channel] += np.bincount(np.ascontiguousarray(pixels[:, channel]), minlength=256)
    values, total = np.arange(256), counts[0].sum()
    mean = counts @ values / total
    std = np.sqrt(np.maximum(counts @ values**2 / total - mean**2, 0))
    return mean, np.where(std > 0, std, 1.0)
