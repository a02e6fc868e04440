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
        return frozenset(c.__name__ for c in type(self.layer).__mro__ if c.__module__.split(".")[0] == "keras")

    def isa(self, *names: str) -> bool:
        """Whether the layer is an instance of one of these classes of Keras."""
        return not self.kinds.isdisjoint(names)

    @property
    def activation(self) -> str:
        """The name of the activation function at the end of the layer; `linear` if there is none."""
        return str(getattr(getattr(self.layer, "activation", None), "__name__", "linear"))

    @property
    def is_relu(self) -> bool:
        """Whether the layer ends in a ReLU."""
        return self.activation == "relu" or self.isa("ReLU")

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
    def is_trained(self) -> bool:
        """Whether any weight of the layer is trainable."""
        return bool(self.layer.trainable_variables)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layer) and self.layer is other.layer

    def __hash__(self) -> int:
        return id(self.layer)


def leaves(model: Any) -> list[Layer]:
    """All layers of a model that contain no other layers, in the order of the model."""
    return [Layer(layer) for layer in model._flatten_layers(include_self=False) if not layer._layers]


def all_layers(model: Any) -> list[Layer]:
    """All layers of a model, in the order of the model, those that contain other layers included."""
    return [Layer(layer) for layer in model._flatten_layers(include_self=False)]


def owners(model: Any, variables: Iterable[Any]) -> list[Layer]:
    """The layers, without other layers inside, that hold some of these variables."""
    wanted = {id(variable) for variable in variables}
    return [leaf for leaf in leaves(model) if any(id(variable) in wanted for variable in leaf.layer.variables)]


def named(found: list[Layer]) -> str:
    """The names of layers for a sentence."""
    more = f" and {len(found) - MAX_NAMES} more" if len(found) > MAX_NAMES else ""
    return ", ".join(layer.name for layer in found[:MAX_NAMES]) + more
