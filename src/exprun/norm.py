"""The norm room: the normalisation layer of a config."""

from typing import Any

import keras
import tensorflow as tf

from exprun.config.network import Norm


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
