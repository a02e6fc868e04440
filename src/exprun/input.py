"""The input room: how pixels are cropped and scaled before the network, fitted on the training images alone."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from exprun.config.errors import DataError
from exprun.config.images import Input
from exprun.data import Split

if TYPE_CHECKING:
    import tensorflow as tf

# Mean of blue, green and red over ImageNet's training images, as Caffe's VGG-16 takes them away.
IMAGENET_BGR = (103.939, 116.779, 123.68)


@dataclass(frozen=True)
class Scaling:
    """`pixels * scale + offset`, and then each image by itself where `per_image`; before it, a crop.

    Args:
        scale: float32, (channels,).
        offset: float32, (channels,).
        per_image: whether each image is brought to mean 0 and standard deviation 1.
        reverse: whether the order of the channels is reversed first.
        crop: height and width of the square that the network sees, or None for the whole image.
    """

    scale: np.ndarray
    offset: np.ndarray
    per_image: bool = False
    reverse: bool = False
    crop: int | None = None

    def shape(self, image: tuple[int, int, int]) -> tuple[int, int, int]:
        """What the network takes of images of this height, width and channels."""
        return (self.crop, self.crop, image[2]) if self.crop else image

    def cropped(self, images: "tf.Tensor", seed: "tf.Tensor | None" = None) -> "tf.Tensor":
        """The square of each image: anywhere in it by its own draw from `seed`, or the centre without one.

        Args:
            images: (batch, height, width, channels).
            seed: int32, (2,).
        """
        import tensorflow as tf

        if self.crop is None:
            return images
        size, room = self.crop, tf.shape(images)[1:3] - self.crop
        if seed is None:
            top, left = room[0] // 2, room[1] // 2
            return images[:, top : top + size, left : left + size]
        drawn = tf.random.stateless_uniform([tf.shape(images)[0], 2], seed)
        start = tf.cast(drawn * tf.cast(room + 1, tf.float32), tf.int32)
        for axis in (0, 1):
            places = tf.minimum(start[:, axis], room[axis])[:, None] + tf.range(size)
            images = tf.gather(images, places, axis=axis + 1, batch_dims=1)
        return images

    def __call__(self, images: "tf.Tensor") -> "tf.Tensor":
        """Scale float32 images of 0 to 255, (batch, height, width, channels), cropped already."""
        import tensorflow as tf

        if self.reverse:
            images = images[..., ::-1]
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
        if self.crop is not None:
            # Not Keras' CenterCrop: it calls itself in training mode, and all layers behind it follow.
            top, left = ((axis - self.crop) // 2 for axis in pixels.shape[1:3])
            pixels = pixels[:, top : top + self.crop, left : left + self.crop]
        if self.reverse:
            pixels = ops.flip(pixels, axis=-1)
        scaled = keras.layers.Rescaling(self.scale.tolist(), self.offset.tolist(), dtype="float32")(pixels)
        if not self.per_image:
            return scaled
        floor = float(np.prod(pixels.shape[1:])) ** -0.5
        mean = ops.mean(scaled, axis=(1, 2, 3), keepdims=True)
        return (scaled - mean) / ops.maximum(ops.std(scaled, axis=(1, 2, 3), keepdims=True), floor)


@dataclass(frozen=True)
class Preprocessing:
    """How pixels are scaled before they enter the network; only an injected fault makes the two differ.

    Args:
        train: scaling of training images.
        evaluation: scaling of validation and test images.
    """

    train: Scaling
    evaluation: Scaling


def fit(config: Input, train: Split) -> Scaling:
    """The scaling that the config names.

    Args:
        config: the `input` group.
        train: the training images; only `standardize` and `center` look at them.

    Raises:
        DataError: the images are smaller than the crop, or have no three channels where the scaling needs them.
    """
    height, width, channels = train.images.shape[1:]
    if config.crop is not None and config.crop > min(height, width):
        raise DataError(f"input.crop={config.crop} is more than the images have: {height}×{width} pixels.")
    scale: np.ndarray = np.ones(channels, np.float32)
    offset: np.ndarray = np.zeros(channels, np.float32)
    match config.name:
        case "unit":
            scale = scale / 255
        case "symmetric":
            scale, offset = scale / 127.5, offset - 1
        case "standardize":
            mean, std = channel_moments(train)
            scale, offset = (1 / std).astype(np.float32), (-mean / std).astype(np.float32)
        case "center":
            offset = -channel_moments(train)[0].astype(np.float32)
        case "caffe":
            if channels != 3:
                raise DataError("input=caffe needs images of three channels; set data.channels=3.")
            offset = -np.asarray(IMAGENET_BGR, np.float32)
    return Scaling(scale, offset, config.name == "per_image", config.name == "caffe", config.crop)


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
