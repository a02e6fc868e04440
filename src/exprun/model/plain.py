"""A trained network with plain operations in place of layers that other programs do not know."""

from typing import Any

import keras
import numpy as np

from exprun.norm import LocalResponseNormalization


def plain(model: Any, convolutions: bool = True) -> Any:
    """The same network without layers of exprun and, if wanted, without grouped convolutions.

    Keras calls XLA for grouped convolutions on CPUs, and other formats have no operation for such a call.

    Args:
        model: a built Keras model. A model of a subclass is returned unchanged, as its code may do more than its graph
            shows.
        convolutions: whether grouped convolutions are replaced.

    Returns:
        A Keras model that shares the weights of `model`, except those of the convolutions that are replaced, or `model`
        itself if it has nothing to replace.
    """

    def is_special(layer: Any) -> bool:
        return isinstance(layer, LocalResponseNormalization) or (convolutions and _is_grouped(layer))

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, keras.Model):
            layer = plain(layer, convolutions)
        if not is_special(layer):
            return layer(*args, **kwargs)
        return _response_norm(layer, *args) if isinstance(layer, LocalResponseNormalization) else _grouped(layer, *args)

    if not any(map(is_special, model._flatten_layers(include_self=False))):
        return model
    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs, model.outputs, name=model.name)
    if type(model).__module__.split(".")[0] != "keras":
        return model
    return keras.models.clone_model(model, call_function=call, clone_function=lambda layer: layer)


def _is_grouped(layer: Any) -> bool:
    return type(layer) is keras.layers.Conv2D and layer.groups > 1


def _response_norm(layer: Any, x: Any) -> Any:
    """Local response normalisation as a sum of shifted squares (Krizhevsky et al. 2012, section 3.3)."""
    radius, channels = layer.settings["depth_radius"], x.shape[-1]
    padded = keras.ops.pad(keras.ops.square(x), [[0, 0], [0, 0], [0, 0], [radius, radius]])
    total = padded[..., :channels]
    for start in range(1, 2 * radius + 1):
        total = total + padded[..., start : start + channels]
    return x / (layer.settings["bias"] + layer.settings["alpha"] * total) ** layer.settings["beta"]


def _grouped(layer: Any, x: Any) -> Any:
    """A grouped convolution as one that is depthwise, or as a convolution for each group."""
    groups, (kernel, *bias) = layer.groups, layer.get_weights()
    common = {
        "kernel_size": layer.kernel_size,
        "strides": layer.strides,
        "padding": layer.padding,
        "dilation_rate": layer.dilation_rate,
        "use_bias": layer.use_bias,
    }
    if groups == x.shape[-1]:
        made = keras.layers.DepthwiseConv2D(depth_multiplier=layer.filters // groups, name=layer.name, **common)
        y = made(x)
        made.set_weights([kernel.reshape(*kernel.shape[:2], groups, -1), *bias])
        return layer.activation(y)
    parts = []
    weights = zip(*(np.split(array, groups, axis=-1) for array in (kernel, *bias)), strict=True)
    for number, (part, of_part) in enumerate(zip(keras.ops.split(x, groups, axis=-1), weights, strict=True), start=1):
        made = keras.layers.Conv2D(layer.filters // groups, name=f"{layer.name}_group{number}", **common)
        parts.append(made(part))
        made.set_weights(of_part)
    return layer.activation(keras.ops.concatenate(parts, axis=-1))
