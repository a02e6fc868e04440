"""The norm room: the normalisation layer of a config."""

from typing import Any

import keras
import tensorflow as tf

from exprun.config.schema import Norm


def norm_layer(norm: Norm, kind: str, channels: int, name: str) -> Any | None:
    """The layer that follows a convolution or a hidden dense layer, or None.

    Args:
        norm: the `norm` group.
        kind: `conv` or `dense`.
        channels: on the last axis.
        name: of the layer.
    """
    if norm.name == "none" or kind not in (norm.where or ()):
        return None
    own = {"epsilon": norm.epsilon, "name": name}
    match norm.name:
        case "batch":
            return keras.layers.BatchNormalization(momentum=norm.momentum, scale=norm.scale, **own)
        case "layer":
            axis = (1, 2, 3) if kind == "conv" else -1
            return keras.layers.LayerNormalization(axis=axis, scale=norm.scale, **own)
        case "group":
            assert norm.groups is not None
            # The largest number of groups that divides the channels, so that any width works.
            groups = max(g for g in range(1, min(norm.groups, channels) + 1) if channels % g == 0)
            return keras.layers.GroupNormalization(groups=groups, scale=norm.scale, **own)
        case "instance":
            return keras.layers.GroupNormalization(groups=channels, scale=norm.scale, **own)
    assert norm.depth_radius is not None
    return LocalResponseNormalization(norm.depth_radius, norm.bias, norm.alpha, norm.beta, name=name)


def fused(model: Any) -> Any:
    """The same network on the same variables, its batch norms computed by TensorFlow's fused kernel.

    Keras' layer is a chain of operations in float32, whatever the precision of the run; the kernel takes bfloat16 and
    float16 as they are, and keeps float32 to the statistics. The layers of `model` stay Keras' own, so it is saved and
    loaded as any Keras model.

    Args:
        model: built; one of a class of its own, which may do more than its graph says, is returned as it is.
    """
    found = [model, *model._flatten_layers(include_self=False)]
    own_class = any(isinstance(m, keras.Model) and not type(m).__module__.startswith("keras.") for m in found)
    if own_class or not any(map(_is_fusible, found)):
        return model

    def chosen(layer: Any) -> Any:
        return _FusedBatchNormalization(layer) if _is_fusible(layer) else layer

    # What a builder compiled its model with is never used, and would be made anew.
    compiled = [m for m in found if getattr(m, "compiled", False)]
    try:
        for inner in compiled:
            inner.compiled = False
        return keras.models.clone_model(model, clone_function=chosen, recursive=True)
    finally:
        for inner in compiled:
            inner.compiled = True


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


class _FusedBatchNormalization(keras.layers.Layer):
    """A Keras batch norm computed in one kernel each way (Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1).

    Args:
        norm: has the variables and settings; it is called for masked images only.
    """

    def __init__(self, norm: Any) -> None:
        super().__init__(name=norm.name, dtype=norm.dtype_policy)
        self.norm, self.supports_masking = norm, True

    def call(self, x: tf.Tensor, training: bool = False, mask: Any = None) -> tf.Tensor:
        """Normalise (batch, height, width, channels), and follow the statistics in training."""
        norm = self.norm
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

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape is kept."""
        return input_shape


@keras.saving.register_keras_serializable("exprun")
class LocalResponseNormalization(keras.layers.Layer):
    """Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3).

    `x / (bias + alpha * sum of squares over 2 * depth_radius + 1 channels) ** beta`.

    Args:
        depth_radius: channels to each side.
        bias: k of the paper.
        alpha: α of the paper, not divided by the number of channels.
        beta: β of the paper.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self, depth_radius: int, bias: float | None, alpha: float | None, beta: float | None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.settings = {"depth_radius": depth_radius, "bias": bias, "alpha": alpha, "beta": beta}

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Normalise (batch, height, width, channels); computed in float32 or float16 only, as the kernel is."""
        wide = tf.cast(x, tf.float32)
        return tf.cast(tf.nn.local_response_normalization(wide, **self.settings), x.dtype)

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape is kept."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments, for saving."""
        return {**super().get_config(), **self.settings}
