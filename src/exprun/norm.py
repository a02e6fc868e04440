"""The normalisation layers of a network."""

from typing import Any

import keras
import tensorflow as tf

from exprun.config.network import Norm


def norm_layer(norm: Norm, kind: str, channels: int, name: str) -> Any | None:
    """The normalisation layer after a convolution or a hidden dense layer; None if there is none.

    Args:
        norm: the group `norm` of the config.
        kind: the kind of the layer before, `conv` or `dense`.
        channels: the number of channels, which is the size of the last axis.
        name: the name of the new layer.
    """
    if norm.name == "none" or kind not in (norm.where or ()):
        return None
    common = {"epsilon": norm.epsilon, "name": name}
    match norm.name:
        case "batch":
            return keras.layers.BatchNormalization(momentum=norm.momentum, scale=norm.scale, **common)
        case "layer":
            axis = (1, 2, 3) if kind == "conv" and norm.axis != "channels" else -1
            return keras.layers.LayerNormalization(axis=axis, scale=norm.scale, **common)
        case "group":
            assert norm.groups is not None
            # The largest number up to `norm.groups` that divides the channels, so that any number of channels works.
            groups = max(g for g in range(1, min(norm.groups, channels) + 1) if channels % g == 0)
            return keras.layers.GroupNormalization(groups=groups, scale=norm.scale, **common)
        case "instance":
            return keras.layers.GroupNormalization(groups=channels, scale=norm.scale, **common)
    assert norm.depth_radius is not None
    return LocalResponseNormalization(norm.depth_radius, norm.bias, norm.alpha, norm.beta, name=name)


@keras.saving.register_keras_serializable("exprun")
class LocalResponseNormalization(keras.layers.Layer):
    """Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3).

    It computes `x / (bias + alpha * sum of squares over 2 * depth_radius + 1 channels) ** beta`.

    Args:
        depth_radius: the number of neighbouring channels on each side.
        bias: the constant k of the paper.
        alpha: the constant α of the paper, which is not divided by the number of channels.
        beta: the constant β of the paper.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(
        self, depth_radius: int, bias: float | None, alpha: float | None, beta: float | None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.settings = {"depth_radius": depth_radius, "bias": bias, "alpha": alpha, "beta": beta}

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Normalise images, (batch, height, width, channels), in float32; TensorFlow does not support bfloat16 here."""
        wide = tf.cast(x, tf.float32)
        return tf.cast(tf.nn.local_response_normalization(wide, **self.settings), x.dtype)

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the output, which equals the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the layer, from which Keras restores it."""
        return {**super().get_config(), **self.settings}
