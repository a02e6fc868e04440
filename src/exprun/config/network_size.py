"""The weights and outputs of a network: counted for a layer list, and known for an application; none is built."""

import math
from collections import Counter
from dataclasses import dataclass, field, replace

from exprun.config import layer_kinds as kinds
from exprun.config import layers as grammar
from exprun.config.applications import APPLICATIONS, MEASURED, REDUCTION
from exprun.config.layers import Shape, shape_after
from exprun.config.network import Model, Norm


@dataclass
class NetworkSize:
    """How many weights a network has, and how many values its layers return.

    Args:
        weights: the number of weights of each layer that has some, by the layer's name.
        outputs: the number of values that all layers together return for one image, without views and dropout.
    """

    weights: dict[str, int] = field(default_factory=dict)
    outputs: int = 0

    @property
    def total(self) -> int:
        """The number of weights of all layers."""
        return sum(self.weights.values())

    @property
    def largest(self) -> str:
        """The name of the layer with the most weights."""
        return max(self.weights, key=lambda name: self.weights[name])


def network_size(model: Model, norm: Norm, shape: Shape, classes: int) -> NetworkSize:
    """The size of a network, as `exprun.model.build` builds it.

    Args:
        model: the group `model` of the config, with `layers` or `application`.
        norm: the group `norm` of the config.
        shape: the height, width and channels of the network's input.
        classes: the number of classes, which is the number of logits.

    Raises:
        ConfigError: a layer does not fit the layer before it, or the image is too small.
    """
    if model.application is not None:
        return _application_size(model, shape, classes)
    assert model.layers is not None
    counter = _Counter(model, norm)
    after = counter.add_all(grammar.parse(model.layers), shape)
    counter.add("classifier", math.prod(after) * classes + classes, (classes,))
    return counter.size


def smallest_side(model: Model) -> int:
    """The height and width of the smallest images of an application; 1 for other models, whose layers say it."""
    return APPLICATIONS[model.application].smallest if model.application is not None else 1


def _application_size(model: Model, shape: Shape, classes: int) -> NetworkSize:
    """The size of a network of keras.applications; its outputs are in proportion to the area of the image."""
    facts = APPLICATIONS[str(model.application)]
    inputs, weights = facts.features, {str(model.application): facts.weights}
    if model.pooling == "flatten":
        inputs *= (shape[0] // REDUCTION) * (shape[1] // REDUCTION)
    for number, units in enumerate([*(model.hidden or []), classes], start=1):
        weights["classifier" if number > len(model.hidden or []) else f"hidden{number}"] = (inputs + 1) * units
        inputs = units
    return NetworkSize(weights, facts.outputs * shape[0] * shape[1] // MEASURED**2)


class _Counter:
    """Goes through the layers in the order in which they are built, and counts them for their names."""

    def __init__(self, model: Model, norm: Norm) -> None:
        self.model, self.own_norm = model, norm
        self.counts: Counter[str] = Counter()
        self.size = NetworkSize()

    def add_all(self, layers: list[kinds.Layer], shape: Shape) -> Shape:
        """Count layers; returns the shape of their output."""
        for layer in layers:
            for _ in range(getattr(layer, "repeat", 1)):
                shape = self.add_layer(layer, shape)
        return shape

    def add(self, name: str, weights: int, shape: Shape) -> None:
        """Count a layer with its number of weights and the shape of its output."""
        if weights:
            self.size.weights[name] = self.size.weights.get(name, 0) + weights
        self.size.outputs += math.prod(shape)

    def add_layer(self, layer: kinds.Layer, shape: Shape) -> Shape:
        after = shape_after(layer, shape)
        match layer:
            case kinds.Conv():
                inner = shape_after(replace(layer, pool=1), shape)
                self.add_weighted(layer, "conv", layer.kernel**2 * (shape[2] // layer.groups), inner, after)
            case kinds.Depthwise():
                self.add_weighted(layer, "depthwise", layer.kernel**2, after, after)
            case kinds.Transpose():
                self.add_weighted(layer, "transpose", layer.kernel**2 * shape[2], after, after)
            case kinds.Dense():
                self.add_weighted(layer, "dense", shape[0], after, after)
            case kinds.Block() | kinds.Separable() | kinds.Inverted():
                self.add_all(grammar.expanded(layer, shape[-1]), shape)
            case kinds.Residual():
                self.add_residual(layer, shape, after)
            case kinds.Attention():
                self.add_attention(layer, shape)
            case kinds.Squeeze():
                self.add_squeeze(layer, shape)
            case kinds.Position():
                self.counts["position"] += 1
                self.add(f"position{self.counts['position']}", math.prod(shape), after)
            case kinds.OnlyActivation():
                self.add_activation(None if layer.activation is True else layer.activation, after)
            case kinds.FixedNorm():
                self.counts["norm"] += 1
                norm = grammar.fixed_norm(layer, self.own_norm)
                if layer.norm is not True or self.follows("conv" if len(shape) == 3 else "dense"):
                    self.add_norm(norm, f"norm{self.counts['norm']}", after)
            case kinds.Pool() | kinds.GlobalPool() | kinds.Lrn():
                self.add("", 0, after)
        return after

    def add_weighted(
        self,
        layer: kinds.Conv | kinds.Depthwise | kinds.Transpose | kinds.Dense,
        kind: str,
        fan_in: int,
        inner: Shape,
        after: Shape,
    ) -> None:
        """Count a convolution or hidden dense layer with its pooling, norm and activation.

        Args:
            layer: the layer.
            kind: the key that names its kind.
            fan_in: the number of inputs of a unit.
            inner: the shape of the output before the pooling.
            after: the shape of the output after the pooling.
        """
        self.counts[kind] += 1
        name, has_norm = f"{kind}{self.counts[kind]}", layer.norm != "none" and self.follows(kind)
        bias = inner[-1] if layer.bias and (not has_norm or self.own_norm.name == "lrn") else 0
        self.add(name, fan_in * inner[-1] + bias, inner)
        if inner != after:
            self.add("", 0, after)
        if has_norm:
            self.add_norm(self.own_norm, f"{name}_norm", after)
        self.add_activation(layer.activation, after)

    def add_attention(self, layer: kinds.Attention, shape: Shape) -> None:
        """Count self-attention: queries, keys and values, the weights of all pairs of pixels, and the projection."""
        self.counts["attention"] += 1
        name, (height, width, channels) = f"attention{self.counts['attention']}", shape
        self.add(f"{name}_qkv", (channels + 1) * 3 * channels, (*shape, 3))
        self.add("", 0, (layer.attention, height * width, height * width))
        self.add(name, (channels + 1) * channels, shape)

    def add_squeeze(self, layer: kinds.Squeeze, shape: Shape) -> None:
        """Count squeeze and excitation with its two dense layers."""
        self.counts["squeeze"] += 1
        name, channels, units = f"squeeze{self.counts['squeeze']}", shape[2], grammar.squeezed(layer, shape[2])
        self.add("", 0, (channels,))
        self.add(f"{name}_reduce", (channels + 1) * units, (units,))
        self.add_activation(layer.activation, (units,))
        self.add(f"{name}_expand", (units + 1) * channels, (2, channels))  # with the sigmoid
        self.add("", 0, shape)

    def add_residual(self, layer: kinds.Residual, shape: Shape, after: Shape) -> None:
        self.counts["residual"] += 1
        name = f"residual{self.counts['residual']}"
        self.add_all(grammar.parse(layer.residual), shape)
        if layer.shortcut in ("projection", "conv"):
            has_norm = layer.shortcut == "projection" and self.follows("conv")
            bias = after[2] if layer.shortcut == "projection" and not has_norm else 0
            self.add(f"{name}_shortcut", shape[2] * after[2] + bias, after)
            if has_norm:
                self.add_norm(self.own_norm, f"{name}_shortcut_norm", after)
        elif layer.shortcut == "pad" and after[:2] != shape[:2]:
            self.add("", 0, (*after[:2], shape[2]))
        if layer.scale is not None:
            self.add(f"{name}_scale", after[2], after)
        self.add("", 0, after)
        self.add_activation(layer.activation, after)

    def follows(self, kind: str) -> bool:
        """Whether the norm of the config follows layers of a kind; all kinds but dense layers are convolutions."""
        where = "dense" if kind == "dense" else "conv"
        return self.own_norm.name != "none" and where in (self.own_norm.where or ())

    def add_norm(self, norm: Norm, name: str, shape: Shape) -> None:
        """Count a norm; layer norm over a whole image has its weights for each pixel."""
        channels = math.prod(shape) if norm.name == "layer" and norm.axis != "channels" else shape[-1]
        each = 0 if norm.name == "lrn" else int(norm.scale) + 1 + 2 * (norm.name == "batch")  # with moving averages
        self.add(name, each * channels, shape)

    def add_activation(self, of_layer: str | None, shape: Shape) -> None:
        if (of_layer or self.model.activation) != "none":
            self.add("", 0, shape)
