"""Crop and scale the pixels before they enter the network; the scaling is fitted on the training images only."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from exprun.config.errors import DataError, RunError, one_line
from exprun.config.hub import preset_source
from exprun.config.images import Input
from exprun.data import Split
from exprun.data.stream import sample

if TYPE_CHECKING:
    import tensorflow as tf

COUNTED = 2**21  # bytes of images whose pixels are counted at a time
# The means of blue, green and red over ImageNet's training images, which Caffe's VGG-16 subtracts.
IMAGENET_BGR = (103.939, 116.779, 123.68)
# Mean and standard deviation of red, green and blue over ImageNet's training images, from 0 to 1, as in PyTorch.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STDDEV = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Scaling:
    """The crop and the scaling of images: `pixels * scale + offset`, and then optionally a standardisation per image.

    Args:
        scale: the factor of each channel, float32, (channels,).
        offset: the number added to each channel, float32, (channels,).
        per_image: whether each image is then scaled to mean 0 and standard deviation 1.
        reverse: whether the order of the channels is reversed before they are scaled.
        crop: the height and width of the square that is cut out of each image; None for the whole image.
    """

    scale: np.ndarray
    offset: np.ndarray
    per_image: bool = False
    reverse: bool = False
    crop: int | None = None

    def shape(self, image: tuple[int, int, int]) -> tuple[int, int, int]:
        """The shape of the network's input, (height, width, channels), for images of a shape."""
        return (self.crop, self.crop, image[2]) if self.crop else image

    def cropped(self, images: "tf.Tensor", seed: "tf.Tensor | None" = None) -> "tf.Tensor":
        """Cut a square out of each image: at a random position with a `seed`, else at the centre.

        Args:
            images: the images, (batch, height, width, channels).
            seed: the seed of the positions, int32, (2,).

        Returns:
            The squares, (batch, crop, crop, channels); without a `crop`, `images`.
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
            positions = tf.minimum(start[:, axis], room[axis])[:, None] + tf.range(size)
            images = tf.gather(images, positions, axis=axis + 1, batch_dims=1)
        return images

    def __call__(self, images: "tf.Tensor") -> "tf.Tensor":
        """Scale cropped images, float32, from 0 to 255, (batch, height, width, channels)."""
        import tensorflow as tf

        if self.reverse:
            images = images[..., ::-1]
        # A factor for each pixel of a row, instead of each channel, gives the same numbers four times as fast on CPUs:
        # TensorFlow 2.21 computes a product whose last axis has only a few numbers without vector instructions.
        width = tf.shape(images)[2]
        scale, offset = (tf.tile(of_channels[None], [width, 1]) for of_channels in (self.scale, self.offset))
        scaled = images * scale + offset
        if not self.per_image:
            return scaled
        mean, variance = tf.nn.moments(scaled, [1, 2, 3], keepdims=True)
        # The lower limit of the deviation, as in `tf.image.per_image_standardization`, keeps a blank image finite.
        count = tf.cast(tf.reduce_prod(tf.shape(images)[1:]), tf.float32)
        return (scaled - mean) / tf.maximum(tf.sqrt(variance), tf.math.rsqrt(count))

    def on_graph(self, pixels: Any) -> Any:
        """Crop the centre of a Keras tensor of pixels and scale it, in float32, for a model whose input is pixels."""
        import keras

        ops = keras.ops
        if self.crop is not None:
            # Keras' CenterCrop is not used: it runs in training mode and makes all layers after it do so.
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
    """The crop and the scaling of images in training and in evaluation, which differ only with an injected fault.

    Args:
        train: the scaling of training images.
        evaluation: the scaling of validation and test images.
    """

    train: Scaling
    evaluation: Scaling


def fit(config: Input, train: Split, preset: str | None = None) -> Scaling:
    """The scaling of a config, fitted on the training images.

    Args:
        config: the group `input` of the config.
        train: the training split; only `standardize` and `center` use its images.
        preset: the preset of KerasHub whose scaling `preset` is.

    Raises:
        DataError: the images are smaller than the crop, or do not have the three channels that ImageNet's means need.
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
        case "preset":
            factor, addend = _of_preset(str(preset))
            scale = np.broadcast_to(np.float32(1 if factor is None else factor), channels).copy()
            offset = np.broadcast_to(np.float32(0 if addend is None else addend), channels).copy()
        case "caffe" | "imagenet" if channels != 3:
            raise DataError(f"input={config.name} needs images of three channels; set data.channels=3.")
        case "caffe":
            offset = -np.asarray(IMAGENET_BGR, np.float32)
        case "imagenet":
            mean, std = np.asarray(IMAGENET_MEAN), np.asarray(IMAGENET_STDDEV)
            scale, offset = (1 / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32)
    return Scaling(scale, offset, config.name == "per_image", config.name == "caffe", config.crop)


def channel_moments(split: Split, chunk: int = COUNTED) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel over a split, (channels,) each, in pixel values.

    Both are exact, because they are computed from the counts of the 256 pixel values; if the images are decoded while
    a run trains, they are those of a sample. The standard deviation of a constant channel is set to 1.

    Args:
        split: the split.
        chunk: the bytes of images that are counted at a time; counting takes 8 times as much memory.
    """
    channels = split.images.shape[3]
    counts = np.zeros((channels, 256), np.int64)
    rows = sample(split.images, split.rows)
    step = max(1, chunk * len(split.images) // split.images.nbytes)
    for start in range(0, len(rows), step):
        pixels = split.images[rows[start : start + step]].reshape(-1, channels)
        for channel in range(channels):
            counts[channel] += np.bincount(np.ascontiguousarray(pixels[:, channel]), minlength=256)
    values, total = np.arange(256), counts[0].sum()
    mean = counts @ values / total
    std = np.sqrt(np.maximum(counts @ values**2 / total - mean**2, 0))
    return mean, np.where(std > 0, std, 1.0)


def _of_preset(preset: str) -> tuple[Any, Any]:
    """The factor and the addend of pixels, numbers or one for each channel, of the image converter of a preset.

    Raises:
        RunError: the preset has no image converter.
    """
    import keras_hub  # type: ignore[import-untyped]

    try:
        converter = keras_hub.layers.ImageConverter.from_preset(preset_source(preset))
    except Exception as error:
        raise RunError(
            f"model.preset={preset} has no image converter, which input=auto takes the scaling from "
            f"({one_line(error)[:120].rstrip('.')}); choose the scaling, for example input=unit."
        ) from None
    return converter.scale, converter.offset
