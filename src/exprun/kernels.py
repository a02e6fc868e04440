"""Layers computed in faster ways than Keras' own, on the same variables."""

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

MOST_PIXELS = 4  # that a convolution computed as a product may have; the matrix grows with their square
# By the instructions of processors for bfloat16, the faster ones first: most pixels, least channels in and least out
# with which several products were faster than oneDNN's gradient of a kernel.
SPLIT = {"amx_bf16": [(64, 128, 128), (196, 256, 256)], "avx512_bf16": [(64, 128, 256)]}
MOST_WIDTH = 5  # of images that AMX convolves faster side by side


def faster(model: Any, cpu: bool, bfloat16: str = "") -> Any:
    """The same network on the same variables, some of its layers computed in a faster way.

    Batch norm by TensorFlow's fused kernel: Keras' layer is a chain of operations in float32, whatever the precision
    of the run; the kernel takes bfloat16 and float16 as they are, and keeps float32 to the statistics. On CPUs, dropout
    draws fewer bits, and convolutions over images so small that each pixel reaches all of them are one product of
    matrices. The gradient of other kernels in bfloat16 is several products, and narrow images are convolved side by
    side, where the processor gains by it. The layers of `model` stay Keras' own: it is saved and loaded as any Keras
    model.

    Args:
        model: built; one of a class of its own, which may do more than its graph says, is returned as it is.
        cpu: whether it computes on a CPU.
        bfloat16: the instructions of the processor for it, a key of `SPLIT`; other convolutions are left to TensorFlow
            where it is empty.
    """
    found = [model, *model._flatten_layers(include_self=False)]
    own_class = any(isinstance(m, keras.Model) and not type(m).__module__.startswith("keras.") for m in found)

    def kind(layer: Any) -> Callable[[Any], Any] | None:
        if _is_fusible(layer):
            return _FusedBatchNormalization
        if cpu and _is_dense(layer):
            return _DenseConvolution
        if cpu and _is_dropout(layer):
            return _Dropout
        if bfloat16 and _is_splittable(layer, SPLIT[bfloat16]):
            wide = bfloat16 == "amx_bf16" and layer.input.shape[2] <= MOST_WIDTH
            return functools.partial(_SplitConvolution, wide=wide)
        return None

    if own_class or not any(map(kind, found)):
        return model

    def chosen(layer: Any) -> Any:
        make = kind(layer)
        return make(layer) if make else layer

    # What a builder compiled its model with is never used, and would be made anew.
    compiled = [m for m in found if getattr(m, "compiled", False)]
    try:
        for inner in compiled:
            inner.compiled = False
        return keras.models.clone_model(model, clone_function=chosen, recursive=True)
    finally:
        for inner in compiled:
            inner.compiled = True


class _Faster(keras.layers.Layer):
    """A Keras layer that is computed in another way.

    Args:
        own: has the variables and settings.
    """

    def __init__(self, own: Any) -> None:
        super().__init__(name=own.name, dtype=own.dtype_policy)
        self.own, self.supports_masking = own, own.supports_masking

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """That of the layer."""
        return self.own.compute_output_shape(input_shape)


def _is_fusible(layer: Any) -> bool:
    """Whether it is what the kernel computes: a batch norm over the last axis of images, in at most 32 bits."""
    return (
        type(layer) is keras.layers.BatchNormalization
        and layer.input_spec.ndim == 4
        and layer.axis in (-1, 3)
        and layer.compute_dtype in ("float32", "bfloat16", "float16")
        and layer.variable_dtype == "float32"
        and not (layer.renorm or layer.synchronized or layer.activity_regularizer)
    )


class _FusedBatchNormalization(_Faster):
    """A Keras batch norm computed in one kernel each way (Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1).

    The layer itself is called for masked images only.
    """

    def call(self, x: tf.Tensor, training: bool = False, mask: Any = None) -> tf.Tensor:
        """Normalise (batch, height, width, channels), and follow the statistics in training."""
        norm = self.own
        if mask is not None:
            return norm(x, training=training, mask=mask)
        learns = training and norm.trainable
        own = norm.moving_mean, norm.moving_variance
        gamma = norm.gamma if norm.scale else tf.ones_like(own[0])
        beta = norm.beta if norm.center else tf.zeros_like(own[0])
        y, *statistics, _, _, _ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=gamma,
            offset=beta,
            mean=[] if learns else own[0],
            variance=[] if learns else own[1],
            epsilon=norm.epsilon,
            is_training=learns,
        )
        if learns:
            # The kernel tells the unbiased variance; Keras follows the one that normalises.
            count = tf.cast(tf.reduce_prod(tf.shape(x)[:3]), tf.float32)
            statistics[1] *= (count - 1) / count
            for moving, new in zip(own, statistics, strict=True):
                moving.assign(moving * norm.momentum + new * (1 - norm.momentum))
        return y


def _is_dropout(layer: Any) -> bool:
    """Whether it drops some of its numbers, each on its own."""
    plain = type(layer) is keras.layers.Dropout and layer.noise_shape is None and not layer.activity_regularizer
    return plain and 0 < layer.rate < 1


class _Dropout(_Faster):
    """A Keras dropout (Srivastava et al. 2014) that draws 8 or 16 bits for a number, where TensorFlow draws 32.

    The rate is that of the layer where it is a multiple of 1/256, and else the nearest multiple of 1/65536 below 1.
    What is left is divided by the share that is kept.
    """

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Drop numbers of a tensor of any shape in training."""
        if not training:
            return x
        rate, seed = self.own.rate, self.own.seed_generator.next()
        kind = tf.uint8 if (rate * 2**8).is_integer() else tf.uint16
        values = kind.max + 1
        dropped = min(round(rate * values), kind.max)
        count, each = tf.size(x), tf.uint32.size // kind.size
        words = tf.random.stateless_uniform(
            [(count + each - 1) // each], seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
        )
        bits = tf.reshape(tf.reshape(tf.bitcast(words, kind), [-1])[:count], tf.shape(x))
        return tf.where(bits >= tf.constant(dropped, kind), x * tf.constant(values / (values - dropped), x.dtype), 0)


def _is_plain(layer: Any) -> bool:
    """Whether it is a convolution of stride 1 that keeps the size of its images, which is known."""
    return (
        type(layer) is keras.layers.Conv2D
        and len(layer._inbound_nodes) == 1
        and layer.padding == "same"
        and layer.data_format == "channels_last"
        and {*layer.strides, *layer.dilation_rate, layer.groups} == {1}
        and None not in layer.input.shape[1:3]
        and layer.variable_dtype == "float32"
        and not layer.activity_regularizer
    )


def _is_dense(layer: Any) -> bool:
    """Whether it is a plain convolution in which each pixel of the input reaches each of the output."""
    if not _is_plain(layer) or max(layer.kernel_size) == 1:
        return False
    shape = layer.input.shape[1:3]
    reach = [(size - 1) // 2 for size in layer.kernel_size]
    return math.prod(shape) <= MOST_PIXELS and all(size <= far + 1 for size, far in zip(shape, reach, strict=True))


def _is_splittable(layer: Any, limits: list[tuple[int, int, int]]) -> bool:
    """Whether it is a plain convolution whose kernel's gradient is faster as several products."""
    if not _is_plain(layer) or layer.compute_dtype != "bfloat16" or layer.kernel_size != (3, 3):
        return False
    _, height, width, channels = layer.input.shape
    return any(height * width <= most and channels >= into and layer.filters >= out for most, into, out in limits)


class _DenseConvolution(_Faster):
    """A Keras convolution over few pixels, as the dense layer that it is.

    Its matrix holds the part of the kernel that leads from each pixel to each. What a convolution computes besides, at
    the edges, is zeros: for 3×3 over 2×2 pixels, 20 of 36 products.
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Convolve (batch, height, width, channels)."""
        conv, (height, width, channels) = self.own, x.shape[1:]
        rows, columns = conv.kernel_size
        top, left = (rows - 1) // 2, (columns - 1) // 2
        parts = tf.unstack(tf.reshape(tf.convert_to_tensor(conv.kernel), (rows * columns, channels, conv.filters)))
        pixels = [(row, column) for row in range(height) for column in range(width)]
        matrix = tf.concat(
            [
                tf.concat([parts[(y - row + top) * columns + x - column + left] for row, column in pixels], axis=1)
                for y, x in pixels
            ],
            axis=0,
        )
        found = tf.matmul(tf.reshape(x, (-1, height * width * channels)), matrix)
        found = tf.reshape(found, (-1, height, width, conv.filters))
        return conv.activation(found + conv.bias if conv.use_bias else found)


class _SplitConvolution(_Faster):
    """A Keras convolution; the gradient of its kernel is computed as a product of matrices for each offset in it.

    oneDNN, as TensorFlow 2.21 has it, computes this gradient in bfloat16 at half the speed of the other two and less
    where there are few pixels and many channels. 3×3×512×512 over 4×4 pixels, batch 128, by AVX512-BF16: 26 ms, and 13
    as nine products; by AMX: 120 and 22. AMX multiplies 16 pixels of a row at once, and convolves a row of 4 in the
    same time: 36 ms, and 22 with all images in one row.

    Args:
        own: 3×3.
        wide: whether images are laid side by side.
    """

    def __init__(self, own: Any, wide: bool) -> None:
        super().__init__(own)
        self.wide = wide

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Convolve (batch, height, width, channels)."""
        conv = self.own
        found = _split(self.wide)(x, tf.convert_to_tensor(conv.kernel))
        return conv.activation(tf.nn.bias_add(found, tf.convert_to_tensor(conv.bias)) if conv.use_bias else found)


def _split(wide: bool) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """A 3×3 convolution of stride 1 with padding, and its gradients.

    It takes images, (batch, height, width, channels), and a kernel, (3, 3, channels, filters).

    Args:
        wide: whether the images are laid side by side, but for the kernel's gradient.
    """

    @tf.custom_gradient
    def convolve(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[..., tuple[tf.Tensor, tf.Tensor]]]:
        (height, width), (channels, filters) = x.shape[1:3], kernel.shape[2:]
        joined, parted = (_join, functools.partial(_part, width=width)) if wide else (tf.identity, tf.identity)

        def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            given = joined(upstream)
            size = tf.shape(given)
            to_input = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=[size[0], height, size[2], channels],
                filter=kernel,
                out_backprop=given,
                strides=[1] * 4,
                padding="SAME",
            )
            padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
            flat = tf.reshape(upstream, (-1, filters))
            parts = [
                tf.matmul(
                    tf.reshape(padded[:, row : row + height, column : column + width], (-1, channels)),
                    flat,
                    transpose_a=True,
                )
                for row in range(3)
                for column in range(3)
            ]
            return parted(to_input), tf.reshape(tf.stack(parts), kernel.shape)

        return parted(tf.nn.conv2d(joined(x), kernel, 1, "SAME")), gradients

    return convolve


def _join(images: tf.Tensor) -> tf.Tensor:
    """Images, (batch, height, width, channels), side by side in one, a column of zeros behind each."""
    _, height, _, channels = images.shape
    padded = tf.pad(images, [[0, 0], [0, 0], [0, 1], [0, 0]])
    return tf.reshape(tf.transpose(padded, (1, 0, 2, 3)), (1, height, -1, channels))


def _part(image: tf.Tensor, width: int) -> tf.Tensor:
    """The images of this width that `_join` laid side by side, (batch, height, width, channels)."""
    _, height, _, channels = image.shape
    return tf.transpose(tf.reshape(image, (height, -1, width + 1, channels)), (1, 0, 2, 3))[:, :, :width]
