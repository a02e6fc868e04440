"""A trained network with plain operations in place of layers that other programs do not know."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from exprun.model.added_weights import LayerScale, PositionEmbedding
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
        return isinstance(layer, tuple(OWN)) or (convolutions and _is_grouped(layer))

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, keras.Model):
            layer = plain(layer, convolutions)
        if not is_special(layer):
            return layer(*args, **kwargs)
        return OWN.get(type(layer), _grouped)(layer, *args)

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


def _scaled(layer: Any, x: Any) -> Any:
    """A factor for each channel as a depthwise convolution of 1×1."""
    made = keras.layers.DepthwiseConv2D(1, use_bias=False, name=layer.name, dtype=layer.dtype_policy)
    y = made(x)
    made.set_weights([layer.get_weights()[0].reshape(made.kernel.shape)])
    return y


def _positioned(layer: Any, x: Any) -> Any:
    """The vectors of all pixels as the weights of a dense layer, whose input is the number 1."""
    shape = x.shape[1:]
    made = keras.layers.Dense(math.prod(shape), use_bias=False, name=layer.name, dtype=layer.dtype_policy)
    y = made(keras.ops.ones_like(x[:, :1, 0, 0]))
    made.set_weights([layer.get_weights()[0].reshape(made.kernel.shape)])
    return x + keras.ops.reshape(y, (-1, *shape))


# The layers of exprun, with the function that computes the same with layers and operations of Keras.
OWN = {LocalResponseNormalization: _response_norm, LayerScale: _scaled, PositionEmbedding: _positioned}


@contextlib.contextmanager
def plain_initializers(model: Any) -> Iterator[None]:
    """Let the layers of a model, as Keras saves them, name no initialisers of exprun, whose work is done."""
    replaced = []
    for layer in model._flatten_layers():
        for name in ("kernel_initializer", "depthwise_initializer"):
            if type(own := getattr(layer, name, None)).__module__.split(".")[0] == "exprun":
                replaced.append((layer, name, own))
                setattr(layer, name, keras.initializers.Zeros())
    try:
        yield
    finally:
        for layer, name, own in replaced:
            setattr(layer, name, own)
