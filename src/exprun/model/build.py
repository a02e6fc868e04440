"""Build the Keras model of a config."""

import contextlib
import importlib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import keras
import numpy as np

from exprun.config import layer_kinds as kinds
from exprun.config import layers as grammar
from exprun.config.applications import IMAGENET
from exprun.config.builder import make_importable
from exprun.config.errors import RunError, one_line
from exprun.config.hub import PRESET
from exprun.config.network import Norm
from exprun.config.schema import Config
from exprun.config.weights import find_weights
from exprun.init import bias_initializer, depthwise_initializer, kernel_initializer, part_for, transpose_initializer
from exprun.model import application
from exprun.model.added_weights import LayerScale, PositionEmbedding
from exprun.model.hub import hub
from exprun.model.stages import stages
from exprun.model.weights import load_weights
from exprun.norm import LocalResponseNormalization, norm_layer
from exprun.text import listed


@dataclass
class Built:
    """A model, with its learning-rate multipliers and the layers whose weights were loaded.

    Args:
        model: the Keras model, from images (batch, height, width, channels) to logits, float32, (batch, classes).
        multipliers: the learning-rate multipliers other than 1, by the path of the variable.
        loaded: the names of the layers whose weights come from `model.weights`.
        stages: the layers of each stage before the head, from `exprun.model.stages`.
    """

    model: Any
    multipliers: dict[str, float] = field(default_factory=dict)
    loaded: list[str] = field(default_factory=list)
    stages: list[list[Any]] = field(default_factory=list)


def build(
    config: Config,
    shape: tuple[int, int, int],
    classes: int,
    images: Callable[[], np.ndarray] | None = None,
    left: int | None = None,
) -> Built:
    """Build the model of a config.

    Args:
        config: the config of the run; `model`, `init`, `norm` and `seed` are used.
        shape: the height, width and channels of the network's input.
        classes: the number of classes, which is the number of logits.
        images: function that returns scaled training images, float32, (images, height, width, channels), for
            initialisers that depend on them.
        left: the memory in bytes that the weights of a builder may take, or None if it is not known.

    Raises:
        RunError: the builder of `model=python` cannot be imported, fails or does not return a suitable model, or
            its weights do not fit into memory; the loaded weights do not fit or cannot be downloaded; or no weights are
            left to train.
    """
    model, backbone = config.model, None
    if model.builder is not None:
        with _limited(model.builder, shape, left):
            built = Built(_from_builder(model.builder, shape, classes))
    elif model.application is not None:
        network, backbone = application.application(config, shape, classes)
        built = Built(network)
    elif model.preset is not None:
        network, backbone = hub(config, shape, classes)
        built = Built(network)
    else:
        built = _Builder(config, images).build(shape, classes)
    hidden = [f"hidden{number}" for number, _ in enumerate(model.hidden or [], start=1)]
    built.stages = stages(built.model, head=len(hidden) + 1)
    if model.weights == PRESET and backbone is not None:
        built.loaded = [layer.name for layer in backbone.layers if layer.weights]
    elif model.weights is not None:
        pretrained = model.weights == IMAGENET
        path = application.download(config, shape) if pretrained else find_weights(model.weights)
        if model.application is not None and path.suffix.lower() != ".npz":
            built.loaded = application.fill(backbone, config, path)
        else:
            built.loaded = load_weights(built.model, path, hidden)
    _multiply(built, _variables(built.model, built.loaded), model.fine_tune_rate)
    for number, layers in enumerate(reversed(built.stages), start=1):
        _multiply(built, [v for layer in layers for v in layer.trainable_variables], model.layer_decay**number)
    freeze(built.model, model.frozen, built.stages)
    return built


def _multiply(built: Built, variables: Iterable[Any], factor: float) -> None:
    """Multiply the learning-rate multipliers of variables by a factor."""
    if factor != 1.0:
        for variable in variables:
            built.multipliers[variable.path] = factor * built.multipliers.get(variable.path, 1.0)


def freeze(model: Any, patterns: Iterable[str], stages: Sequence[Sequence[Any]] = ()) -> None:
    """Freeze layers: their weights are not trained, and frozen norms run in inference mode.

    Args:
        model: the Keras model.
        patterns: names of layers, patterns such as `conv*`, `backbone` for all layers of all stages, and stages:
            `stage1`, or `stage1-3`.
        stages: the layers of each stage.

    Raises:
        RunError: a pattern matches no layer with weights, or no weights are left to train.
    """
    # A pattern that matches `conv1` also matches the norm after it, `conv1_norm`.
    aliases = {layer.name: {layer.name, layer.name.removesuffix("_norm")} for layer in model.layers}
    for number, layers in enumerate(stages, start=1):
        for layer in layers:
            aliases[layer.name] |= {"backbone", f"stage{number}"}
    for pattern in patterns:
        named = _stages_in(pattern) or [pattern]
        frozen = [
            layer for layer in model.layers if any(fnmatchcase(a, one) for a in aliases[layer.name] for one in named)
        ]
        if not any(layer.weights for layer in frozen):
            of_stages = [f"stage{number}" for number, _ in enumerate(stages, start=1)]
            names = ["backbone", *of_stages, *(layer.name for layer in model.layers if layer.weights)]
            raise RunError(
                f"model.freeze names {pattern}, which matches no layer with weights; there are {listed(names, 20)}."
            )
        for layer in frozen:
            layer.trainable = False
    if not model.trainable_variables:
        raise RunError("model.freeze leaves no weights to train; do not freeze the classifier.")


def _stages_in(pattern: str) -> list[str]:
    """The stages in a range such as `stage1-3`; empty for other patterns."""
    ends = re.fullmatch(r"stage(\d+)-(\d+)", pattern)
    return [f"stage{number}" for number in range(int(ends[1]), int(ends[2]) + 1)] if ends else []


def _variables(model: Any, names: Iterable[str]) -> list[Any]:
    return [variable for name in names for variable in model.get_layer(name).trainable_variables]


class _Builder:
    """Turns layers of the grammar into Keras layers, and counts them for their names and seeds."""

    def __init__(self, config: Config, images: Callable[[], np.ndarray] | None) -> None:
        self.config, self.images = config, images
        self.counts: Counter[str] = Counter()
        self.multipliers: list[tuple[Any, list[float]]] = []
        self.blocks = 0  # residual blocks of the whole network

    def build(self, shape: tuple[int, int, int], classes: int) -> Built:
        assert self.config.model.layers is not None
        inputs = keras.Input(shape, name="images")
        x, layers = inputs, grammar.parse(self.config.model.layers)
        if self.config.model.stochastic_depth:
            self.blocks = grammar.residual_blocks(layers, shape)
        for layer in layers:
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
        factors = {}
        for keras_layer, (kernel, bias) in self.multipliers:
            factors[keras_layer.kernel.path] = kernel
            if keras_layer.use_bias:
                factors[keras_layer.bias.path] = bias
        return Built(model, {path: factor for path, factor in factors.items() if factor != 1.0})

    def seed(self) -> int:
        """The next seed, derived from the run's seed; each initialiser and dropout layer has a different one."""
        self.counts["seed"] += 1
        return (self.config.seed * 100_003 + self.counts["seed"]) % 2**31

    def name(self, kind: str) -> str:
        self.counts[kind] += 1
        return f"{kind}{self.counts[kind]}"

    def add(self, layer: kinds.Layer, x: Any) -> Any:
        for _ in range(getattr(layer, "repeat", 1)):
            x = self.add_once(layer, x)
        return x

    def add_once(self, layer: kinds.Layer, x: Any) -> Any:
        match layer:
            case kinds.Conv() | kinds.Depthwise() | kinds.Transpose() | kinds.Dense():
                return self.weighted(layer, x)
            case kinds.Block() | kinds.Separable() | kinds.Inverted():
                for inner in grammar.expanded(layer, x.shape[-1]):
                    x = self.add(inner, x)
                return x
            case kinds.Residual():
                return self.residual(layer, x)
            case kinds.Attention():
                return self.attention(layer, x)
            case kinds.Squeeze():
                return self.squeeze(layer, x)
            case kinds.Position():
                return PositionEmbedding(self.seed(), name=self.name("position"))(x)
            case kinds.OnlyActivation(activation=kind):
                return self.activation(None if kind is True else kind, self.name("activation"), x)
            case kinds.Pool(pool=kind):
                pool = keras.layers.MaxPooling2D if kind == "max" else keras.layers.AveragePooling2D
                return pool(layer.size, layer.stride or layer.size, layer.padding, name=self.name("pool"))(x)
            case kinds.GlobalPool(global_pool=kind):
                whole = keras.layers.GlobalMaxPooling2D if kind == "max" else keras.layers.GlobalAveragePooling2D
                return whole(name=self.name("global_pool"))(x)
            case kinds.Dropout(dropout=rate):
                return self.dropout(rate, x)
            case kinds.Lrn():
                return LocalResponseNormalization(
                    layer.lrn, layer.bias, layer.alpha, layer.beta, name=self.name("lrn")
                )(x)
            case kinds.FixedNorm():
                return self.norm(grammar.fixed_norm(layer, self.config.norm), self.name("norm"), x)
        return keras.layers.Flatten(name=self.name("flatten"))(x)

    def weighted(self, layer: kinds.Conv | kinds.Depthwise | kinds.Transpose | kinds.Dense, x: Any) -> Any:
        """Add a convolution or hidden dense layer, then norm, activation and dropout."""
        kind = type(layer).__name__.lower()
        where = "dense" if kind == "dense" else "conv"  # as the groups `norm` and `init` divide the layers
        name = self.name(kind)
        part = part_for(self.config.init, "first" if name == "conv1" else where)
        units = getattr(layer, kind) * (x.shape[-1] if kind == "depthwise" else 1)
        norm = None if layer.norm == "none" else norm_layer(self.config.norm, where, units, f"{name}_norm")
        common = {
            # A norm that subtracts the mean cancels the bias of the layer; the β of the norm replaces it.
            "use_bias": layer.bias and (norm is None or self.config.norm.name == "lrn"),
            "bias_initializer": bias_initializer(part),
            "name": name,
        }
        kernel = kernel_initializer(part, self.seed(), self.images, self.groups(layer, x))
        l2 = keras.regularizers.L2(layer.l2) if layer.l2 else None
        if isinstance(layer, kinds.Depthwise):
            common |= {"depthwise_initializer": depthwise_initializer(kernel), "depthwise_regularizer": l2}
        elif isinstance(layer, kinds.Transpose):
            common |= {"kernel_initializer": transpose_initializer(kernel), "kernel_regularizer": l2}
        else:
            common |= {"kernel_initializer": kernel, "kernel_regularizer": l2}
        made: Any
        match layer:
            case kinds.Conv():
                window = (layer.kernel, layer.stride, layer.padding)
                made = keras.layers.Conv2D(units, *window, dilation_rate=layer.dilation, groups=layer.groups, **common)
            case kinds.Depthwise():
                window = (layer.kernel, layer.stride, layer.padding)
                common |= {"depth_multiplier": layer.depthwise}
                made = keras.layers.DepthwiseConv2D(*window, dilation_rate=layer.dilation, **common)
            case kinds.Transpose():
                made = keras.layers.Conv2DTranspose(units, layer.kernel, layer.stride, layer.padding, **common)
            case _:
                made = keras.layers.Dense(units, **common)
        x = made(x)
        factors = layer.rate or [1.0, 1.0]
        self.multipliers.append((made, [0.0, factors[1]] if part.name == "whiten" else factors))
        if isinstance(layer, kinds.Conv) and layer.pool > 1:
            x = keras.layers.MaxPooling2D(layer.pool, name=self.name("pool"))(x)
        if norm is not None:
            x = norm(x)
        x = self.activation(layer.activation, name, x)
        return self.dropout(layer.dropout, x)

    def groups(self, layer: kinds.Layer, x: Any) -> int:
        """The number of groups of a convolution; each channel is a group of a depthwise convolution."""
        return int(x.shape[-1]) if isinstance(layer, kinds.Depthwise) else getattr(layer, "groups", 1)

    def attention(self, layer: kinds.Attention, x: Any) -> Any:
        """Add self-attention of several heads between the pixels of a feature map, and a projection of its output."""
        name, (height, width, channels) = self.name("attention"), x.shape[1:]
        pixels, heads = height * width, layer.attention
        x = keras.layers.Reshape((pixels, channels), name=f"{name}_pixels")(x)
        x = self.projection(layer, 3 * channels, f"{name}_qkv", x)
        x = keras.layers.Reshape((pixels, 3, heads, channels // heads), name=f"{name}_heads")(x)
        x = keras.ops.dot_product_attention(x[:, :, 0], x[:, :, 1], x[:, :, 2])
        x = keras.layers.Reshape((pixels, channels), name=f"{name}_joined")(x)
        x = self.projection(layer, channels, name, x)
        x = keras.layers.Reshape((height, width, channels), name=f"{name}_map")(x)
        return self.dropout(layer.dropout, x)

    def projection(self, layer: kinds.Attention | None, units: int, name: str, x: Any) -> Any:
        """Add a dense layer inside a layer of the list, which has no norm and activation."""
        part = part_for(self.config.init, "dense")
        made = keras.layers.Dense(
            units,
            kernel_initializer=kernel_initializer(part, self.seed()),
            bias_initializer=bias_initializer(part),
            kernel_regularizer=keras.regularizers.L2(layer.l2) if layer is not None and layer.l2 else None,
            name=name,
        )
        x = made(x)
        if layer is not None and layer.rate is not None:
            self.multipliers.append((made, layer.rate))
        return x

    def squeeze(self, layer: kinds.Squeeze, x: Any) -> Any:
        """Add squeeze and excitation: each channel is multiplied by a factor that depends on the means of all."""
        name, channels = self.name("squeeze"), x.shape[-1]
        y = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
        y = self.projection(None, grammar.squeezed(layer, channels), f"{name}_reduce", y)
        y = self.activation(layer.activation, f"{name}_reduce", y)
        y = self.projection(None, channels, f"{name}_expand", y)
        y = self.activation("sigmoid", f"{name}_expand", y)
        return keras.layers.Multiply(name=name)([x, y])

    def residual(self, layer: kinds.Residual, x: Any) -> Any:
        """Add the layers of a residual block; its shortcut adds the block's input to their output."""
        name, shortcut = self.name("residual"), x
        drop = layer.drop
        if drop is None and self.blocks:
            drop = self.config.model.stochastic_depth * self.counts["residual"] / self.blocks
        for inner in grammar.parse(layer.residual):
            x = self.add(inner, x)
        channels, stride = x.shape[-1], -(-shortcut.shape[1] // x.shape[1])
        if layer.shortcut in ("projection", "conv"):
            part = part_for(self.config.init, "conv")
            has_norm = layer.shortcut == "projection"
            norm = norm_layer(self.config.norm, "conv", channels, f"{name}_shortcut_norm") if has_norm else None
            shortcut = keras.layers.Conv2D(
                channels,
                1,
                stride,
                use_bias=has_norm and norm is None,
                kernel_initializer=kernel_initializer(part, self.seed()),
                name=f"{name}_shortcut",
            )(shortcut)
            shortcut = norm(shortcut) if norm is not None else shortcut
        elif layer.shortcut == "pad":
            if stride > 1:
                shortcut = keras.layers.AveragePooling2D(1, stride, name=f"{name}_shortcut")(shortcut)
            missing = channels - shortcut.shape[-1]
            shortcut = keras.ops.pad(shortcut, [[0, 0], [0, 0], [0, 0], [0, missing]])
        if layer.scale is not None:
            x = LayerScale(layer.scale, name=f"{name}_scale")(x)
        if drop:  # for each image, the whole block is left out
            x = keras.layers.Dropout(drop, (None, 1, 1, 1), seed=self.seed(), name=f"{name}_drop")(x)
        x = keras.layers.Add(name=name)([x, shortcut])
        return self.activation(layer.activation, name, x)

    def norm(self, norm: Norm, name: str, x: Any) -> Any:
        kind = "conv" if len(x.shape) == 4 else "dense"
        made = norm_layer(norm, kind, x.shape[-1], name)
        return x if made is None else made(x)

    def activation(self, of_layer: str | None, name: str, x: Any) -> Any:
        kind = of_layer or self.config.model.activation
        return x if kind == "none" else keras.layers.Activation(kind, name=f"{name}_{kind}")(x)

    def dropout(self, rate: float, x: Any) -> Any:
        return keras.layers.Dropout(rate, seed=self.seed(), name=self.name("dropout"))(x) if rate else x


@contextlib.contextmanager
def _limited(builder: str, shape: tuple[int, int, int], left: int | None) -> Iterator[None]:
    """Refuse weights that alone do not fit into memory, before they are allocated.

    Args:
        builder: `model.builder`.
        shape: the height, width and channels of the network's input.
        left: the memory in bytes, or None if it is not known.
    """
    add, taken = keras.layers.Layer.add_weight, 0

    def counted(layer: Any, *args: Any, **settings: Any) -> Any:
        nonlocal taken
        count = math.prod(settings.get("shape") or ())
        taken += 4 * count
        if left is not None and taken > left:
            raise RunError(
                f"model.builder={builder} for images of {shape[0]}×{shape[1]} pixels, with {count / 1e6:,.0f} million "
                f"weights in {layer.name}, takes at least {taken / 2**30:,.1f} GB, but only {left / 2**30:.1f} GB of "
                "memory are left; a smaller data.size makes the images smaller."
            )
        return add(layer, *args, **settings)

    keras.layers.Layer.add_weight = counted
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = add


def _from_builder(builder: str, shape: tuple[int, int, int], classes: int) -> Any:
    """The model that the function `package.module:function` returns; modules in the working folder can be imported."""
    module_name, _, function_name = builder.partition(":")
    make_importable()
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise RunError(f"model.builder={builder} cannot be imported: {one_line(error)}.") from None
    try:
        model = function(shape, classes)
    except RunError:
        raise
    except Exception as error:
        raise RunError(f"model.builder={builder} failed: {type(error).__name__}: {one_line(error)[:200]}.") from error
    try:
        inputs = len(model.inputs) if isinstance(model, keras.Model) and model.built else 0
    except (AttributeError, ValueError):
        inputs = 0
    if inputs != 1:
        raise RunError(
            f"model.builder={builder} must return a Keras model that begins with one keras.Input, "
            f"not {'a model without' if isinstance(model, keras.Model) else type(model).__name__}."
        )
    expected = tuple(model.input_shape[1:])
    if len(expected) != 3 or any(size not in (None, axis) for size, axis in zip(expected, shape, strict=True)):
        raise RunError(f"model.builder={builder} expects images of shape {expected}, but they have {shape}.")
    if tuple(model.output_shape) != (None, classes):
        raise RunError(
            f"model.builder={builder} returns outputs of shape {model.output_shape}, but must return {classes} logits."
        )
    last = model.layers[-1]
    ending = "softmax" if isinstance(last, keras.layers.Softmax) else getattr(last, "activation", None)
    ending = getattr(ending, "__name__", ending)
    if ending in ("softmax", "sigmoid"):
        raise RunError(f"model.builder={builder} ends in {ending}, but the loss needs logits: leave {ending} out.")
    return model


def summary(model: Any) -> str:
    """Keras' table of the layers of a model."""
    lines: list[str] = []
    model.summary(line_length=100, print_fn=lambda line, **_: lines.append(line))
    return "\n".join(lines) + "\n"
