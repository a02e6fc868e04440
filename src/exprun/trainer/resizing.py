"""Training on smaller images (`schedule.sizes`): the network at other sizes, and the images that it gets."""

from typing import Any

import keras
import tensorflow as tf

Size = tuple[int, int]  # height and width


class Networks:
    """The network of a run, at the size that it was built for and at smaller ones; all have the same weights.

    Args:
        network: the network, from scaled images to logits.
        shape: the height, width and channels that it was built for.
        fractions: the smaller sizes, as fractions of the height and width; those that are 1 are the whole size.
    """

    def __init__(self, network: Any, shape: tuple[int, int, int], fractions: list[float]) -> None:
        self.whole = shape[:2]
        self._networks = {self.whole: network}
        for size in {smaller(self.whole, fraction) for fraction in fractions} - {self.whole}:
            images = keras.Input((*size, shape[2]))
            self._networks[size] = keras.models.clone_model(network, images, clone_function=lambda layer: layer)

    def of(self, images: tf.Tensor) -> Any:
        """The network for the size of images, (images, height, width, channels)."""
        return self._networks.get(tuple(images.shape[1:3]), self._networks[self.whole])


def smaller(size: Size, fraction: float) -> Size:
    """A fraction of a height and width, in whole pixels."""
    height, width = (max(1, round(side * fraction)) for side in size)
    return height, width


def resized(pixels: tf.Tensor, size: Size) -> tf.Tensor:
    """Images in another size, by bilinear interpolation without aliasing, (images, height, width, channels)."""
    return pixels if tuple(pixels.shape[1:3]) == size else tf.image.resize(pixels, size, antialias=True)
