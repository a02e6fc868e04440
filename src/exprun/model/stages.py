"""The stages of a network: its layers by how often the size of their feature maps was reduced before them."""

from typing import Any

import keras

BACKBONE = "backbone"


def stages(model: Any, head: int) -> list[list[Any]]:
    """The layers with weights of each stage, the first stage first, without those of the head.

    A stage ends where a strided convolution or a pooling layer reduces the size of the feature maps. The strided layer
    belongs to the next stage. This gives the five stages of ResNet (He et al. 2016, arXiv:1512.03385, table 1) and the
    five blocks of VGG. Stages without weights are left out.

    Args:
        model: a Keras model with one input, or any other one, whose layers are then one stage.
        head: the number of layers with weights at the end of the model that are the head, such as the classifier.
    """
    weighted = [layer for layer in model.layers if layer.weights and type(layer) is not keras.layers.Normalization]
    body = weighted[: len(weighted) - head]
    reductions = _reductions(model)
    numbers = sorted({reductions.get(id(layer), 0) for layer in body})
    return [[layer for layer in body if reductions.get(id(layer), 0) == number] for number in numbers]


def _reductions(model: Any) -> dict[int, int]:
    """How many strided layers are on the longest path from the input to the output of each layer, by its `id`."""
    found: dict[int, int] = {}
    for operation in getattr(model, "operations", ()):  # in the order in which a functional model calls them
        if not operation._inbound_nodes:
            continue
        before = [found.get(id(node.operation), 0) for node in operation._inbound_nodes[0].parent_nodes]
        found[id(operation)] = max(before, default=0) + _strided(operation)
    return found


def _strided(operation: Any) -> int:
    """The number of strided layers in a layer, which may be a model of its own."""
    inner = getattr(operation, "layers", [])
    strides = getattr(operation, "strides", 1)
    return sum(map(_strided, inner)) + (max(strides) > 1 if isinstance(strides, tuple) else False)
