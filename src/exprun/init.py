"""Initialisers by their names in the config: Keras' own, and `dirac` and `whiten` from airbench."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from exprun.config.network import Init, InitPart

_CLASSES = {
    "glorot_uniform": keras.initializers.GlorotUniform,
    "glorot_normal": keras.initializers.GlorotNormal,
    "he_normal": keras.initializers.HeNormal,
    "he_uniform": keras.initializers.HeUniform,
    "lecun_normal": keras.initializers.LecunNormal,
}


def part_for(init: Init, kind: str) -> InitPart:
    """The settings of a kind of layer: `conv`, `dense`, `classifier`, or `first` for the first convolution."""
    if kind == "first" and init.first is None:
        kind = "conv"
    return getattr(init, kind) or init


def kernel_initializer(
    part: InitPart, seed: int, images: Callable[[], np.ndarray] | None = None, groups: int = 1
) -> Any:
    """The Keras initialiser of a kernel.

    Args:
        part: the initialisation settings for the kind of layer that the kernel belongs to.
        seed: the seed of the values.
        images: function that returns scaled training images, (images, height, width, channels), for `whiten`.
        groups: the number of groups of the convolution.
    """
    match part.name:
        case "dirac":
            return Dirac(seed, groups)
        case "whiten":
            assert images is not None
            assert part.epsilon is not None
            return Whiten(images, part.epsilon)
        case "orthogonal":
            return keras.initializers.Orthogonal(gain=part.gain, seed=seed)
        case "gaussian":
            return keras.initializers.RandomNormal(stddev=part.stddev, seed=seed)
        case "truncated_normal":
            return keras.initializers.TruncatedNormal(stddev=part.stddev, seed=seed)
    return _CLASSES[part.name](seed=seed)


def depthwise_initializer(kernel: Any) -> Any:
    """The initialiser of a depthwise kernel, (height, width, channels, filters per channel).

    A unit of a depthwise convolution has as many inputs as its window has pixels (the n of He et al. 2015,
    arXiv:1502.01852, section 2.2), but Keras would count the inputs of all channels.

    Args:
        kernel: the initialiser of the same kernel as that of a convolution with a group for each channel.
    """
    return _Reordered(kernel, lambda shape: (*shape[:2], 1, shape[2] * shape[3]), lambda drawn: drawn)


def transpose_initializer(kernel: Any) -> Any:
    """The initialiser of the kernel of a transposed convolution, (height, width, filters, input channels).

    Args:
        kernel: the initialiser of the kernel of a convolution.
    """
    return _Reordered(kernel, lambda shape: (*shape[:2], shape[3], shape[2]), lambda drawn: drawn.swapaxes(2, 3))


def bias_initializer(part: InitPart) -> Any:
    """The Keras initialiser of a bias."""
    return keras.initializers.Constant(part.bias)


class _Reordered(keras.initializers.Initializer):
    """Draws a kernel whose axes have another meaning than those of a convolution, from which Keras counts the inputs.

    Args:
        kernel: the initialiser of the kernel of a convolution.
        usual: the shape that this kernel has, for the shape that is wanted.
        reorder: a function that brings its axes into the wanted order.
    """

    def __init__(
        self,
        kernel: Any,
        usual: Callable[[tuple[int, ...]], tuple[int, ...]],
        reorder: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self.kernel, self.usual, self.reorder = kernel, usual, reorder

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """The kernel of the shape that is wanted."""
        drawn = self.reorder(np.array(self.kernel(self.usual(shape))))
        return keras.ops.convert_to_tensor(drawn.reshape(shape), dtype)


class Dirac(keras.initializers.Initializer):
    """Initialises a convolution so that its first filters copy its input (airbench, arXiv:2404.00498, section 3.3).

    As far as there are enough filters, each input channel is copied by one filter. The other filters,
    and matrices, are uniform between -1 / √fan_in and 1 / √fan_in, as in PyTorch.

    Args:
        seed: the seed of the uniform values.
        groups: the number of groups of the convolution; the filters of a group copy its channels.
    """

    def __init__(self, seed: int, groups: int = 1) -> None:
        self.groups = groups
        self.uniform = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=seed)

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """The kernel, (height, width, input channels per group, filters)."""
        kernel = np.array(self.uniform(shape))
        if len(shape) == 4:
            height, width, channels, filters = shape
            copies = np.arange(min(channels, filters // self.groups))
            for first in range(0, filters, filters // self.groups):
                kernel[..., first + copies] = 0.0
                kernel[(height - 1) // 2, (width - 1) // 2, copies, first + copies] = 1.0
        return keras.ops.convert_to_tensor(kernel, dtype)


class Whiten(keras.initializers.Initializer):
    """Initialises the first convolution so that its outputs are uncorrelated and have the same variance.

    The filters are the principal components of patches of the training images, each divided by the square root of its
    variance, and then the same filters with the opposite sign. Source: airbench, arXiv:2404.00498, section 3.2.

    Args:
        images: function that returns scaled training images, (images, height, width, channels).
        epsilon: the number added to each variance.
    """

    def __init__(self, images: Callable[[], np.ndarray], epsilon: float) -> None:
        self.images, self.epsilon = images, epsilon

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """The kernel, (height, width, input channels, 2 · height · width · input channels)."""
        size, count = int(np.prod(shape[:3])), 0
        total: np.ndarray = np.zeros((size, size))
        images = self.images()
        for start in range(0, len(images), 64):
            patches = np.lib.stride_tricks.sliding_window_view(images[start : start + 64], shape[:2], (1, 2))
            rows = patches.transpose(0, 1, 2, 4, 5, 3).reshape(-1, size).astype(np.float64)
            total, count = total + rows.T @ rows, count + len(rows)
        values, vectors = np.linalg.eigh(total / count)
        filters = vectors / np.sqrt(values + self.epsilon)
        return keras.ops.convert_to_tensor(np.concatenate([filters, -filters], 1).reshape(shape), dtype)
