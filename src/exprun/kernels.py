"""Faster implementations of some Keras layers, which use the variables of the original layers."""

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

MOST_PIXELS = 4  # largest image of a convolution that is computed as one product; the matrix grows with its square
# For each kind of bfloat16 instructions, the faster kind first: the convolutions for which several products were faster
# than oneDNN's gradient of the kernel, as the most pixels, the fewest input channels and the fewest filters.
SPLIT = {"amx_bf16": [(64, 128, 128), (196, 256, 256)], "avx512_bf16": [(64, 128, 256)]}
MOST_WIDTH = 5  # largest width of images that AMX convolves faster when they are laid side by side


def faster(model: Any, cpu: bool, bfloat16: str = "") -> Any:
    """A network with the variables of `model` and faster implementations of some of its layers.

    These layers are replaced:

    - Batch norm uses TensorFlow's fused kernel. Keras' layer is a chain of operations in float32 in every precision;
      the kernel computes in bfloat16 or float16 and uses float32 for the statistics only.
    - On CPUs, dropout draws fewer random bits.
    - On CPUs, a convolution of images so small that each input pixel affects each output pixel is one matrix product.
    - In bfloat16, the gradient of other kernels is computed as several matrix products, and narrow images are laid side
      by side, for the convolutions that become faster on the processor.

    `model` itself is not changed, so it can be saved and loaded like any Keras model.

    Args:
        model: a built Keras model. A model of a subclass is returned unchanged, because its code may do more than its
            graph shows.
        cpu: whether the network runs on a CPU.
        bfloat16: the bfloat16 instructions of the processor, a key of `SPLIT`; if empty, no gradients of kernels are
            computed as several products.
    """
    layers = [model, *model._flatten_layers(include_self=False)]
    subclassed = any(isinstance(m, keras.Model) and not type(m).__module__.startswith("keras.") for m in layers)

    def kind(layer: Any) -> Callable[[Any], Any] | None:
        if _is_fusible(layer):
            return FusedBatchNormalization
        if cpu and _is_dense(layer):
            return _DenseConvolution
        if cpu and _is_dropout(layer):
            return _Dropout
        if bfloat16 and _is_splittable(layer, SPLIT[bfloat16]):
            wide = bfloat16 == "amx_bf16" and layer.input.shape[2] <= MOST_WIDTH
            return functools.partial(_SplitConvolution, wide=wide)
        return None

    if subclassed or not any(map(kind, layers)):
        return model

    def replacement(layer: Any) -> Any:
        make = kind(layer)
        return make(layer) if make else layer

    # A builder may have compiled its model; its loss and optimiser are not used, so they are not cloned either.
    compiled = [m for m in layers if getattr(m, "compiled", False)]
    try:
        for inner in compiled:
            inner.compiled = False
        return keras.models.clone_model(model, clone_function=replacement, recursive=True)
    finally:
        for inner in compiled:
            inner.compiled = True


class _Faster(keras.layers.Layer):
    """A faster implementation of a Keras layer.

    Args:
        original: the Keras layer, whose variables and settings are used.
    """

    def __init__(self, original: Any) -> None:
        super().__init__(name=original.name, dtype=original.dtype_policy)
        self.original, self.supports_masking = original, original.supports_masking

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the original layer's output."""
        return self.original.compute_output_shape(input_shape)


def _is_fusible(layer: Any) -> bool:
    """Whether the fused kernel can compute a layer: a batch norm over the last axis of images, in at most 32 bits."""
    return (
        type(layer) is keras.layers.BatchNormalization
        and layer.input_spec.ndim == 4
        and layer.axis in (-1, 3)
        and layer.compute_dtype in ("float32", "bfloat16", "float16")
        and layer.variable_dtype == "float32"
        and not (layer.renorm or layer.synchronized or layer.activity_regularizer)
    )


class FusedBatchNormalization(_Faster):
    """Batch norm with one kernel for each direction (Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1).

    The original layer is called for masked images only.

    Args:
        original: the Keras layer, whose variables and settings are used.
    """

    def __init__(self, original: Any) -> None:
        super().__init__(original)
        # What is computed instead while a pass is traced in which the norm is folded into the convolution before it.
        self.folded: Callable[[tf.Tensor], tf.Tensor] | None = None

    def call(self, x: tf.Tensor, training: bool = False, mask: Any = None) -> tf.Tensor:
        """Normalise images, (batch, height, width, channels); in training, update the moving statistics."""
        if self.folded is not None:
            return self.folded(x)
        norm = self.original
        if mask is not None:
            return norm(x, training=training, mask=mask)
        learns = training and norm.trainable
        moving_statistics = norm.moving_mean, norm.moving_variance
        gamma = norm.gamma if norm.scale else tf.ones_like(moving_statistics[0])
        beta = norm.beta if norm.center else tf.zeros_like(moving_statistics[0])
        y, *statistics, _, _, _ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=gamma,
            offset=beta,
            mean=[] if learns else moving_statistics[0],
            variance=[] if learns else moving_statistics[1],
            epsilon=norm.epsilon,
            is_training=learns,
        )
        if learns:
            # The kernel returns the unbiased variance; Keras' moving variance averages the biased one.
            count = tf.cast(tf.reduce_prod(tf.shape(x)[:3]), tf.float32)
            statistics[1] *= (count - 1) / count
            for moving, new in zip(moving_statistics, statistics, strict=True):
                moving.assign(moving * norm.momentum + new * (1 - norm.momentum))
        return y


def _is_dropout(layer: Any) -> bool:
    """Whether a layer is a dropout that draws for each number separately, with a dropout rate between 0 and 1."""
    plain = type(layer) is keras.layers.Dropout and layer.noise_shape is None and not layer.activity_regularizer
    return plain and 0 < layer.rate < 1


class _Dropout(_Faster):
    """Dropout (Srivastava et al. 2014) that draws 8 or 16 random bits per number instead of TensorFlow's 32.

    With 8 bits, for dropout rates that are multiples of 1/256, the dropout rate is exact. With 16 bits, it is the
    nearest multiple of 1/65536 below 1. The numbers that are kept are divided by the share of numbers that are kept.
    """

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Set random numbers of a tensor of any shape to 0, in training only."""
        if not training:
            return x
        rate, seed = self.original.rate, self.original.seed_generator.next()
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
    """Whether a layer is a convolution of stride 1 that keeps the image size, which must be known."""
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
    """Whether a layer is a plain convolution in which each input pixel affects each output pixel."""
    if not _is_plain(layer) or max(layer.kernel_size) == 1:
        return False
    shape = layer.input.shape[1:3]
    reach = [(size - 1) // 2 for size in layer.kernel_size]
    return math.prod(shape) <= MOST_PIXELS and all(size <= far + 1 for size, far in zip(shape, reach, strict=True))


def _is_splittable(layer: Any, limits: list[tuple[int, int, int]]) -> bool:
    """Whether a layer is a plain convolution whose kernel's gradient is computed faster as several matrix products."""
    if not _is_plain(layer) or layer.compute_dtype != "bfloat16" or layer.kernel_size != (3, 3):
        return False
    _, height, width, channels = layer.input.shape
    return any(height * width <= most and channels >= into and layer.filters >= out for most, into, out in limits)


class _DenseConvolution(_Faster):
    """A convolution of images of very few pixels, computed as a dense layer.

    The matrix contains, for each input pixel and each output pixel, the weights of the kernel that connect them. It
    leaves out the multiplications with the padding, which are most of them: 20 of 36 for a 3×3 kernel and 2×2 pixels.
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Convolve images, (batch, height, width, channels)."""
        conv, (height, width, channels) = self.original, x.shape[1:]
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
        outputs = tf.matmul(tf.reshape(x, (-1, height * width * channels)), matrix)
        outputs = tf.reshape(outputs, (-1, height, width, conv.filters))
        return conv.activation(outputs + conv.bias if conv.use_bias else outputs)


class _SplitConvolution(_Faster):
    """A 3×3 convolution that computes the gradient of its kernel as nine matrix products, one for each of its offsets.

    In TensorFlow 2.21, oneDNN computes this gradient in bfloat16 at half the speed of the convolution and of the
    gradient of its input, and slower still if there are few pixels and many channels. With a kernel of 3×3×512×512,
    images of 4×4 pixels and a batch of 128, the gradient took 26 ms with AVX512-BF16, and 13 ms as nine products; with
    AMX it took 120 ms, and 22 ms as nine products.

    AMX multiplies 16 pixels of a row at once, so a row of 4 pixels takes as long as a row of 16. The convolution of the
    same images took 36 ms, and 22 ms with all images laid side by side in one row.

    Args:
        original: the Keras layer, a 3×3 convolution.
        wide: whether images are laid side by side.
    """

    def __init__(self, original: Any, wide: bool) -> None:
        super().__init__(original)
        self.wide = wide

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Convolve images, (batch, height, width, channels)."""
        conv = self.original
        outputs = _split(self.wide)(x, tf.convert_to_tensor(conv.kernel))
        return conv.activation(tf.nn.bias_add(outputs, tf.convert_to_tensor(conv.bias)) if conv.use_bias else outputs)


def _split(wide: bool) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """A function that computes a padded 3×3 convolution of stride 1, with its own gradient.

    Its arguments are images, (batch, height, width, channels), and a kernel, (3, 3, channels, filters).

    Args:
        wide: whether images are laid side by side, except for the gradient of the kernel.
    """

    @tf.custom_gradient
    def convolve(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[..., tuple[tf.Tensor, tf.Tensor]]]:
        (height, width), (channels, filters) = x.shape[1:3], kernel.shape[2:]
        join, separate = (_join, functools.partial(_separate, width=width)) if wide else (tf.identity, tf.identity)

        def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            joined = join(upstream)
            size = tf.shape(joined)
            to_input = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=[size[0], height, size[2], channels],
                filter=kernel,
                out_backprop=joined,
                strides=[1] * 4,
                padding="SAME",
            )
            padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
            flat = tf.reshape(upstream, (-1, filters))
            products = [
                tf.matmul(
                    tf.reshape(padded[:, row : row + height, column : column + width], (-1, channels)),
                    flat,
                    transpose_a=True,
                )
                for row in range(3)
                for column in range(3)
            ]
            return separate(to_input), tf.reshape(tf.stack(products), kernel.shape)

        return separate(tf.nn.conv2d(join(x), kernel, 1, "SAME")), gradients

    return convolve


def _join(images: tf.Tensor) -> tf.Tensor:
    """One wide image of all images, (batch, height, width, channels), side by side; a column of zeros follows each."""
    _, height, _, channels = images.shape
    padded = tf.pad(images, [[0, 0], [0, 0], [0, 1], [0, 0]])
    return tf.reshape(tf.transpose(padded, (1, 0, 2, 3)), (1, height, -1, channels))


def _separate(image: tf.Tensor, width: int) -> tf.Tensor:
    """The images of `width` pixels that `_join` laid side by side, (batch, height, width, channels)."""
    _, height, _, channels = image.shape
    return tf.transpose(tf.reshape(image, (height, -1, width + 1, channels)), (1, 0, 2, 3))[:, :, :width]
