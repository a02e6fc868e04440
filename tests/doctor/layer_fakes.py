"""Layers and models as checks see them, without Keras."""

from types import SimpleNamespace

import numpy as np

from exprun.doctor.instruments.layers import Layer

PARENTS = {"LSTM": "RNN", "BatchNormalization": "Layer"}


def layer_of(kind, own=False, weights=(), trainable=True, **attributes):
    """A layer that looks like one of Keras.

    Args:
        kind: the name of its class.
        own: whether the class is not one of Keras but derived from it.
        weights: its weights as `(name, array)`.
        trainable: whether its weights are trainable.
        **attributes: other attributes of the layer.
    """
    bases = (_class(PARENTS[kind]),) if kind in PARENTS else ()
    made = type(f"Own{kind}", (_class(kind, *bases),), {})() if own else _class(kind, *bases)()
    made.weights = [_Variable(name, np.asarray(values, np.float32)) for name, values in weights]
    made.trainable_variables = made.weights if trainable else []
    made.trainable, made.name, made.built = trainable, kind.lower(), True
    by_name = {variable.name: variable.values for variable in made.weights}
    if "kernel" in by_name:
        made.kernel = by_name["kernel"]
    vars(made).update(attributes)
    return Layer(made)


def dense(units=8, name="dense", activation=None, inputs=6):
    """A dense layer with random weights."""
    kernel = np.random.default_rng(0).normal(size=(inputs, units))
    return layer_of("Dense", weights=[("kernel", kernel)], name=name, activation=activation)


def convolution(filters=8, name="conv", size=3, height=8):
    """A convolution of square kernels on square maps, with random weights."""
    kernel = np.random.default_rng(0).normal(size=(size, size, 3, filters))
    of_map = SimpleNamespace(shape=(None, height, height, 3))
    shape = {"filters": filters, "kernel_size": (size, size), "input": of_map}
    return layer_of("Conv2D", weights=[("kernel", kernel)], name=name, **shape)


def activation(name):
    """A function that looks like an activation of Keras."""

    def function(x):
        return x

    function.__name__, function.__module__ = name, "keras.activations"
    return function


def model_of(*layers):
    """A sequence of layers."""
    model = _class("Sequential", _class("Model"))()
    model.layers = [layer.layer for layer in layers]
    model._flatten_layers = lambda include_self, recursive=True: model.layers
    for layer in model.layers:
        layer._layers = []
    return model


def _class(name, *bases):
    return type(name, bases or (object,), {"__module__": "keras.layers"})


class _Variable:
    def __init__(self, name, values):
        self.name = self.path = name
        self.values, self.shape, self.dtype = values, values.shape, str(values.dtype)

    def __array__(self, dtype=None, copy=None):
        return self.values
