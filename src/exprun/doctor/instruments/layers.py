"""Layers as checks see them: by the names of their classes, so that no check has to import Keras."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

WEIGHTED = ("Dense", "Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose")  # layers with a matrix of weights
NORMS = ("BatchNormalization", "LayerNormalization", "GroupNormalization", "UnitNormalization", "Normalization")
DROPOUTS = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
RECURRENT = ("RNN", "Bidirectional")
# Layers that are linear, or not nonlinear enough to replace an activation.
LINEAR = (
    *WEIGHTED,
    *DROPOUTS,
    *NORMS,
    *("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"),
    *("InputLayer", "Flatten", "Reshape", "Permute", "RepeatVector", "Rescaling"),
    *("Add", "Subtract", "Concatenate", "Average"),
    *(
        f"{name}{dimensions}D"
        for dimensions in (1, 2, 3)
        for name in (
            *("ZeroPadding", "Cropping", "UpSampling", "MaxPooling", "AveragePooling"),
            *("GlobalMaxPooling", "GlobalAveragePooling"),
        )
    ),
)
MAX_NAMES = 4  # names of layers in a sentence


class Layer:
    """A layer of a Keras model.

    Args:
        layer: the layer of Keras.
    """

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    @property
    def name(self) -> str:
        """The name of the layer."""
        return str(self.layer.name)

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The names of the classes of Keras that the layer is an instance of."""
        return frozenset(c.__name__ for c in type(self.layer).__mro__ if _root(c) == "keras")

    def isa(self, *names: str) -> bool:
        """Whether the layer is an instance of one of these classes of Keras."""
        return not self.kinds.isdisjoint(names)

    @property
    def class_name(self) -> str:
        """The name of the class of the layer, of Keras or not."""
        return type(self.layer).__name__

    @property
    def is_own(self) -> bool:
        """Whether the class of the layer is not one of Keras, so that its code may compute anything."""
        return _root(type(self.layer)) != "keras"

    @property
    def is_plain_batch_norm(self) -> bool:
        """Whether the layer is the batch norm of Keras, and not of a class derived from it."""
        return self.class_name == "BatchNormalization" and not self.is_own

    @property
    def activation(self) -> str:
        """The name of the activation function at the end of the layer; `linear` if there is none."""
        return str(getattr(getattr(self.layer, "activation", None), "__name__", "linear"))

    @property
    def is_linear(self) -> bool:
        """Whether the layer has no activation function at its end; one without a name, as a layer is, counts as one."""
        function = getattr(self.layer, "activation", None)
        return function is None or (getattr(function, "__name__", "") == "linear" and _root(function) == "keras")

    @property
    def is_relu(self) -> bool:
        """Whether the layer ends in a ReLU, with or without an upper limit."""
        return self.activation in ("relu", "relu6") or self.isa("ReLU")

    @property
    def is_weighted(self) -> bool:
        """Whether the layer has a matrix of weights, as dense layers and convolutions have."""
        return self.isa(*WEIGHTED)

    @property
    def kernel(self) -> np.ndarray:
        """The matrix of weights, (…, inputs, outputs)."""
        return np.asarray(self.layer.kernel)

    @property
    def has_weights(self) -> bool:
        """Whether the layer has weights, trainable or not."""
        return bool(self.layer.weights)

    @property
    def units(self) -> int:
        """The number of units or filters of a layer with a matrix of weights."""
        return int(self.layer.kernel.shape[-1])

    @property
    def width(self) -> int:
        """The number of units or filters of a layer, as its configuration says; 0 if it has none."""
        return int(getattr(self.layer, "units", 0) or getattr(self.layer, "filters", 0) or 0)

    @property
    def length(self) -> int | None:
        """The number of steps of the sequences that a recurrent layer gets; None if it is unknown."""
        try:
            shape = self.layer.input.shape
        except (AttributeError, ValueError):  # a layer of a subclassed model, or one that was called twice
            return None
        return None if len(shape) < 3 or shape[1] is None else int(shape[1])

    @property
    def size(self) -> int:
        """The number of weights, without the states of random generators."""
        weights = (v for v in self.layer.weights if "seed" not in v.path and v.dtype != "uint32")
        return sum(int(np.prod(v.shape)) for v in weights)

    @property
    def trained(self) -> list[Any]:
        """The trainable variables of the layer."""
        return list(self.layer.trainable_variables)

    @property
    def is_trained(self) -> bool:
        """Whether any weight of the layer is trainable."""
        return bool(self.trained)

    @property
    def rate(self) -> float:
        """The share of units that a dropout drops."""
        return float(self.layer.rate)

    @property
    def has_wide_kernel(self) -> bool:
        """Whether a convolution looks at more than one pixel at a time."""
        return max(self.layer.kernel_size) > 1

    @property
    def map_size(self) -> tuple[int | None, int | None] | None:
        """The height and width of the input map of the layer, None where they vary; None without such a map."""
        try:
            height, width = self.layer.input.shape[1:3]
        except (AttributeError, ValueError, TypeError):  # the layer may have several inputs, or none that is known
            return None
        return height, width

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layer) and self.layer is other.layer

    def __hash__(self) -> int:
        return id(self.layer)


def _root(thing: Any) -> str:
    """The package that defines a class or function."""
    return str(getattr(thing, "__module__", None)).split(".")[0]


def leaves(model: Any) -> list[Layer]:
    """All layers of a model that contain no other layers, in the order of the model."""
    return [layer for layer in all_layers(model) if not layer.layer._layers]


def all_layers(model: Any) -> list[Layer]:
    """All layers of a model, in the order of the model, those that contain other layers before the layers inside.

    Keras itself lists the layers inside of a layer backwards.
    """
    found: dict[int, Any] = {}
    waiting = model._flatten_layers(include_self=False, recursive=False)[::-1]
    while waiting:
        layer = waiting.pop()
        if id(layer) not in found:
            found[id(layer)] = layer
            waiting += layer._layers[::-1]
    return [Layer(layer) for layer in found.values()]


def top_layers(model: Any) -> list[Layer]:
    """The layers that a model lists itself, without those inside of them; empty if it has no such list."""
    return [Layer(layer) for layer in getattr(model, "layers", [])]


def owners(model: Any, variables: Iterable[Any]) -> list[Layer]:
    """The layers, without other layers inside, that hold some of these variables."""
    wanted = {id(variable) for variable in variables}
    return [leaf for leaf in leaves(model) if any(id(variable) in wanted for variable in leaf.layer.variables)]


def named(found: list[Layer]) -> str:
    """The names of layers for a sentence."""
    more = f" and {len(found) - MAX_NAMES} more" if len(found) > MAX_NAMES else ""
    return ", ".join(layer.name for layer in found[:MAX_NAMES]) + more
