"""Builds the Keras model of a config."""

import importlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import keras
import numpy as np

from exprun.config import layers as grammar
from exprun.config.builder import make_importable
from exprun.config.errors import RunError, one_line
from exprun.config.network import Norm
from exprun.config.schema import Config
from exprun.config.weights import find_weights
from exprun.init import bias_initializer, kernel_initializer, part_for
from exprun.model.weights import load_weights
from exprun.norm import LocalResponseNormalization, norm_layer


@dataclass
class Built:
    """A model, and what Keras has no place for.

    Args:
        model: takes (batch, height, width, channels) and yields logits, (batch, classes), float32.
        multipliers: learning-rate multipliers of variables by their path, where they are not 1.
        loaded: names of the layers that `model.weights` filled.
    """

    model: Any
    multipliers: dict[str, float] = field(default_factory=dict)
    loaded: list[str] = field(default_factory=list)


def build(
    config: Config, shape: tuple[int, int, int], classes: int, images: Callable[[], np.ndarray] | None = None
) -> Built:
    """The model of a config.

    Args:
        config: of the run; `model`, `init`, `norm` and `seed` are read.
        shape: height, width and channels that the network takes.
        classes: the number of logits.
        images: training images as the network takes them, float32, (images, height, width, channels), for the
            initialisers that look at them.

    Raises:
        RunError: the builder of `model=python` cannot be imported, fails or returns something else; weights do
            not fit; or nothing is left to learn.
    """
    if config.model.builder is not None:
        built = Built(_from_builder(config.model.builder, shape, classes))
    else:
        built = _Builder(config, images).build(shape, classes)
    if config.model.weights is not None:
        built.loaded = load_weights(built.model, find_weights(config.model.weights))
        if (factor := config.model.fine_tune_rate) != 1.0:
            for variable in _variables(built.model, built.loaded):
                built.multipliers[variable.path] = factor * built.multipliers.get(variable.path, 1.0)
    freeze(built.model, config.model.freeze)
    return built


def freeze(model: Any, patterns: Iterable[str]) -> None:
    """Keep layers as they are, and their norms in inference mode, by name or pattern (`conv*`).

    Raises:
        RunError: a pattern matches no layer, or nothing is left to learn.
    """
    for pattern in patterns:
        # What matches a layer matches the norm behind it, `conv1_norm`, too.
        names = [(layer, (layer.name, layer.name.removesuffix("_norm"))) for layer in model.layers]
        chosen = [layer for layer, own in names if any(fnmatchcase(name, pattern) for name in own)]
        if not any(layer.weights for layer in chosen):
            there = ", ".join(layer.name for layer in model.layers if layer.weights)
            raise RunError(f"model.freeze names {pattern}, but no layer with weights is called so; there are {there}.")
        for layer in chosen:
            layer.trainable = False
    if not model.trainable_variables:
        raise RunError("model.freeze leaves nothing to learn; keep at least the classifier out of it.")


def _variables(model: Any, names: Iterable[str]) -> list[Any]:
    return [variable for name in names for variable in model.get_layer(name).trainable_variables]


class _Builder:
    """Turns layers of the grammar into Keras layers, counting them for names and seeds."""

    def __init__(self, config: Config, images: Callable[[], np.ndarray] | None) -> None:
        self.config, self.images = config, images
        self.counts: Counter[str] = Counter()
        self.multipliers: list[tuple[Any, list[float]]] = []

    def build(self, shape: tuple[int, int, int], classes: int) -> Built:
        assert self.config.model.layers is not None
        inputs = keras.Input(shape, name="images")
        x = inputs
        for layer in grammar.parse(self.config.model.layers):
            x = self.add(layer, x)
        part = part_for(self.config.init, "classifier")
        logits = keras.layers.Dense(
            classes,
            kernel_initializer=kernel_initializer(part, self.seed()),
            bias_initializer=bias_initializer(part),
            dtype="float32",
            name="classifier",
        )(x)
        model = keras.Model(inputs, logits, name=self.config.model.name)
        found = {}
        for keras_layer, (kernel, bias) in self.multipliers:
            found[keras_layer.kernel.path] = kernel
            if keras_layer.use_bias:
                found[keras_layer.bias.path] = bias
        return Built(model, {path: factor for path, factor in found.items() if factor != 1.0})

    def seed(self) -> int:
        """A seed of its own for each initialiser and dropout, drawn from the run's."""
        self.counts["seed"] += 1
        return (self.config.seed * 100_003 + self.counts["seed"]) % 2**31

    def name(self, kind: str) -> str:
        self.counts[kind] += 1
        return f"{kind}{self.counts[kind]}"

    def add(self, layer: grammar.Layer, x: Any) -> Any:
        for _ in range(getattr(layer, "repeat", 1)):
            x = self.add_once(layer, x)
        return x

    def add_once(self, layer: grammar.Layer, x: Any) -> Any:
        match layer:
            case grammar.Conv() | grammar.Dense():
                return self.weighted(layer, x)
            case grammar.Residual():
                return self.residual(layer, x)
            case grammar.Pool(pool=kind):
                pool = keras.layers.MaxPooling2D if kind == "max" else keras.layers.AveragePooling2D
                return pool(layer.size, layer.stride or layer.size, layer.padding, name=self.name("pool"))(x)
            case grammar.GlobalPool(global_pool=kind):
                whole = keras.layers.GlobalMaxPooling2D if kind == "max" else keras.layers.GlobalAveragePooling2D
                return whole(name=self.name("global_pool"))(x)
            case grammar.Dropout(dropout=rate):
                return self.dropout(rate, x)
            case grammar.Lrn():
                return LocalResponseNormalization(
                    layer.lrn, layer.bias, layer.alpha, layer.beta, name=self.name("lrn")
                )(x)
            case grammar.FixedNorm():
                return self.norm(grammar.fixed_norm(layer), self.name("norm"), x)
        return keras.layers.Flatten(name=self.name("flatten"))(x)

    def weighted(self, layer: grammar.Conv | grammar.Dense, x: Any) -> Any:
        """Convolution or hidden dense layer, then norm, activation and dropout."""
        kind = "conv" if isinstance(layer, grammar.Conv) else "dense"
        name = self.name(kind)
        part = part_for(self.config.init, "first" if name == "conv1" else kind)
        units = layer.conv if isinstance(layer, grammar.Conv) else layer.dense
        norm = None if layer.norm == "none" else norm_layer(self.config.norm, kind, units, f"{name}_norm")
        common = {
            # A norm that subtracts the mean takes the bias away again; its own β stands in.
            "use_bias": norm is None or self.config.norm.name == "lrn",
            "kernel_initializer": kernel_initializer(part, self.seed(), self.images, getattr(layer, "groups", 1)),
            "bias_initializer": bias_initializer(part),
            "kernel_regularizer": keras.regularizers.L2(layer.l2) if layer.l2 else None,
            "name": name,
        }
        if isinstance(layer, grammar.Conv):
            made = keras.layers.Conv2D(units, layer.kernel, layer.stride, layer.padding, groups=layer.groups, **common)
        else:
            made = keras.layers.Dense(units, **common)
        x = made(x)
        factors = layer.rate or [1.0, 1.0]
        self.multipliers.append((made, [0.0, factors[1]] if part.name == "whiten" else factors))
        if isinstance(layer, grammar.Conv) and layer.pool > 1:
            x = keras.layers.MaxPooling2D(layer.pool, name=self.name("pool"))(x)
        if norm is not None:
            x = norm(x)
        x = self.activation(layer.activation, name, x)
        return self.dropout(layer.dropout, x)

    def residual(self, layer: grammar.Residual, x: Any) -> Any:
        """Layers around which their input is carried and added."""
        name, shortcut = self.name("residual"), x
        for inner in grammar.parse(layer.residual):
            x = self.add(inner, x)
        channels, stride = x.shape[-1], -(-shortcut.shape[1] // x.shape[1])
        if layer.shortcut == "projection":
            part = part_for(self.config.init, "conv")
            norm = norm_layer(self.config.norm, "conv", channels, f"{name}_shortcut_norm")
            shortcut = keras.layers.Conv2D(
                channels,
                1,
                stride,
                use_bias=norm is None,
                kernel_initializer=kernel_initializer(part, self.seed()),
                name=f"{name}_shortcut",
            )(shortcut)
            shortcut = norm(shortcut) if norm is not None else shortcut
        elif layer.shortcut == "pad":
            if stride > 1:
                shortcut = keras.layers.AveragePooling2D(1, stride, name=f"{name}_shortcut")(shortcut)
            missing = channels - shortcut.shape[-1]
            shortcut = keras.ops.pad(shortcut, [[0, 0], [0, 0], [0, 0], [0, missing]])
        x = keras.layers.Add(name=name)([x, shortcut])
        return self.activation(layer.activation, name, x)

    def norm(self, norm: Norm, name: str, x: Any) -> Any:
        kind = "conv" if len(x.shape) == 4 else "dense"
        made = norm_layer(norm, kind, x.shape[-1], name)
        assert made is not None
        return made(x)

    def activation(self, own: str | None, name: str, x: Any) -> Any:
        kind = own or self.config.model.activation
        return x if kind == "none" else keras.layers.Activation(kind, name=f"{name}_{kind}")(x)

    def dropout(self, rate: float, x: Any) -> Any:
        return keras.layers.Dropout(rate, seed=self.seed(), name=self.name("dropout"))(x) if rate else x


def _from_builder(builder: str, shape: tuple[int, int, int], classes: int) -> Any:
    """The model that `package.module:function` makes; modules of the working folder can be named."""
    module_name, _, function_name = builder.partition(":")
    make_importable()
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise RunError(f"model.builder={builder} cannot be imported: {one_line(error)}.") from None
    try:
        model = function(shape, classes)
    except Exception as error:
        raise RunError(f"model.builder={builder} failed: {type(error).__name__}: {one_line(error)[:200]}.") from error
    try:
        inputs = len(model.inputs) if isinstance(model, keras.Model) and model.built else 0
    except (AttributeError, ValueError):
        inputs = 0
    if inputs != 1:
        raise RunError(
            f"model.builder={builder} must return a built Keras model of one input (a keras.Input tells its shape), "
            f"not {'one without' if isinstance(model, keras.Model) else type(model).__name__}."
        )
    taken = tuple(model.input_shape[1:])
    if len(taken) != 3 or any(own not in (None, axis) for own, axis in zip(taken, shape, strict=True)):
        raise RunError(f"model.builder={builder} takes images of {taken}, but these are {shape}.")
    if tuple(model.output_shape) != (None, classes):
        raise RunError(f"model.builder={builder} yields {model.output_shape}, but {classes} logits are needed.")
    last = model.layers[-1]
    ending = "softmax" if isinstance(last, keras.layers.Softmax) else getattr(last, "activation", None)
    ending = getattr(ending, "__name__", ending)
    if ending in ("softmax", "sigmoid"):
        raise RunError(f"model.builder={builder} ends in {ending}; the loss takes logits, so leave it out.")
    return model


def summary(model: Any) -> str:
    """Keras's table of layers."""
    lines: list[str] = []
    model.summary(line_length=100, print_fn=lambda line, **_: lines.append(line))
    return "\n".join(lines) + "\n"
