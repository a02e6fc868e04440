"""What the layers of a model and the connections between them show, without a pass through it."""

import gc
from collections.abc import Iterable, Sequence
from typing import Any

from exprun.doctor.instruments.layers import Layer, all_layers

UNBOUNDED = ("relu", "leaky_relu", "elu", "linear", "selu", "softplus", "gelu")  # activations without upper limit
CAST = "Cast"  # the class of an operation that Keras adds in mixed precision


def dropped(model: Any) -> list[Layer]:
    """The layers that were called but whose output does not reach the output of the model.

    Keras leaves such layers out of `model.layers`, but the layers that they were called on keep nodes that lead to
    them. A model that was saved and loaded has lost these nodes.
    """
    found: list[Any] = []
    for inner in [Layer(model), *all_layers(model)]:
        if inner.isa("Model") and getattr(inner.layer, "_nodes_by_depth", None):
            found += _dangling(inner.layer)
    return [Layer(operation) for operation in found]


def dead_ends(dropped: Sequence[Layer]) -> list[tuple[list[str], list[str]]]:
    """Where the paths through dropped layers end, and where the network goes on instead.

    Args:
        dropped: the layers whose output does not reach the output of the model, as from `dropped`.

    Returns:
        For each of these layers whose output no other one uses: the names of the layer that the path branches off from
        and of the layers on the path; and the names of the other layers that the first one leads to.
    """
    inside = {id(layer.layer) for layer in dropped}
    found = []
    for layer in dropped:
        path = [layer.layer]
        if any(id(node.operation) in inside for node in path[0]._outbound_nodes):
            continue
        while id(path[-1]) in inside:
            tensors = [tensor for node in path[-1]._inbound_nodes for tensor in node.input_tensors]
            before = [tensor._keras_history.operation for tensor in tensors]
            new = [one for one in before if all(one is not other for other in path)]
            if not new:  # layers that were called several times, in a circle
                break
            path.append(next((one for one in new if id(one) in inside), new[0]))
        others = [node.operation for node in path[-1]._outbound_nodes if id(node.operation) not in inside]
        layers = [one.name for one in others if type(one).__name__ != CAST]
        found.append(([one.name for one in reversed(path)], layers))
    return found


def _dangling(model: Any) -> list[Any]:
    """The operations that use outputs of the model's operations, also indirectly, but do not belong to the model."""
    # A model inside may have been built on the input of this one, so its layers are no strangers.
    members = {id(operation) for operation in [*model._operations, *model._flatten_layers(include_self=False)]}
    nodes = [node for level in model._nodes_by_depth.values() for node in level]
    node_ids = {id(node) for node in nodes}
    # Several models may share layers, so only calls on the tensors of this model count.
    tensors = {id(tensor) for node in nodes for tensor in node.output_tensors}
    waiting = [
        node
        for operation in model._operations
        for node in operation._outbound_nodes
        if id(node) not in node_ids and any(id(tensor) in tensors for tensor in node.input_tensors)
    ]
    found: dict[int, Any] = {}
    while waiting:
        operation = waiting.pop().operation
        if id(operation) in members or id(operation) in found or operation is model:
            continue
        found[id(operation)] = operation
        waiting += operation._outbound_nodes
    # In mixed precision, Keras casts the output of a float32 layer, but records the next layer as called on the output
    # before the cast, so the cast looks unused.
    unused = [operation for operation in found.values() if type(operation).__name__ != CAST]
    elsewhere = _used_elsewhere(model) if unused else set()
    return [operation for operation in unused if id(operation) not in elsewhere]


def _used_elsewhere(model: Any) -> set[int]:
    """The ids of the operations of other functional models, which may share layers with this one."""
    kind = next((one for one in type(model).__mro__ if one.__name__ == "Functional"), None)
    if kind is None:
        return set()
    others = [one for one in gc.get_objects() if issubclass(type(one), kind) and one is not model]
    return {id(operation) for other in others for operation in getattr(other, "_operations", ())}


def is_from_file(model: Any) -> bool:
    """Whether a functional model was loaded: Keras then names its input after its layer, not `keras_tensor_7`."""
    functional = bool(getattr(model, "_nodes_by_depth", None)) and not Layer(model).isa("Sequential")
    return functional and model.inputs[0].name.startswith("input_layer")


def has_own_code(model: Any) -> bool:
    """Whether the model may compute something between its layers that no list of layers shows."""
    if any(_is_own_block(layer) for layer in all_layers(model)):
        return True
    if Layer(model).isa("Sequential"):
        return any(has_own_code(layer) for layer in model.layers if Layer(layer).isa("Model"))
    operations = [Layer(operation) for operation in getattr(model, "_operations", None) or []]
    if not operations:
        return True
    return any(not x.isa("Layer") for x in operations) or any(
        has_own_code(x.layer) for x in operations if x.isa("Model")
    )


def _is_own_block(layer: Layer) -> bool:
    """Whether a layer contains layers and is not one of Keras."""
    return bool(layer.layer._layers) and not layer.isa("Model") and layer.is_own


def is_only_way(model: Any, layer: Layer) -> bool:
    """Whether every path to the outputs of a functional model passes a layer; True for other models."""
    nodes = [node for level in (getattr(model, "_nodes_by_depth", None) or {}).values() for node in level]
    around = {id(node.operation) for node in nodes if _holds(node.operation, layer)}
    if not around:
        return True
    makers = {id(tensor): node for node in nodes for tensor in node.output_tensors}
    waiting, seen = [id(tensor) for tensor in model.outputs], set()
    while waiting:
        node = makers.get(waiting.pop())
        if node is None or id(node) in seen or id(node.operation) in around:
            continue
        seen.add(id(node))
        if not node.input_tensors:
            return False
        waiting += [id(tensor) for tensor in node.input_tensors]
    return True


def is_node(model: Any, layer: Layer) -> bool:
    """Whether a layer is an operation of a functional model, not a part of one, such as of a layer of one's own."""
    levels = (getattr(model, "_nodes_by_depth", None) or {}).values()
    return any(node.operation is layer.layer for nodes in levels for node in nodes)


def _holds(operation: Any, layer: Layer) -> bool:
    """Whether an operation of a functional model is a layer, or contains it, as TimeDistributed does."""
    inner = getattr(operation, "_flatten_layers", None)
    return operation is layer.layer or (inner is not None and any(one is layer.layer for one in inner()))


def last_states(layers: Iterable[Layer]) -> list[tuple[Layer, int]]:
    """The recurrent layers that return only their last state, each with the length of that state."""
    layers = list(layers)
    both = [x for x in layers if x.isa("Bidirectional")]
    inner = {id(part) for x in both for part in (x.layer.forward_layer, x.layer.backward_layer)}
    single = [x for x in layers if x.isa("RNN") and id(x.layer) not in inner]
    return [
        (x, int(x.layer.output.shape[-1]))
        for x in [*single, *both]
        if x.layer._inbound_nodes and not x.layer.return_sequences
    ]


def is_masked(layer: Layer) -> bool:
    """Whether a mask reaches a layer that was called, as an argument or attached to its input by layers before it."""
    return any(node.arguments.kwargs.get("mask") is not None for node in layer.layer._inbound_nodes)


def unclipped_recurrence(model: Any) -> str:
    """A sentence if the state of a recurrent layer may grow, or its gradients are not clipped; empty otherwise."""
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    clips = [getattr(optimizer, name, None) for name in ("clipnorm", "clipvalue", "global_clipnorm")]
    unbounded = [layer for layer in all_layers(model) if layer.isa("LSTM", "GRU") and layer.activation in UNBOUNDED]
    if unbounded:
        return (
            f" Layer {unbounded[0].name} has the activation {unbounded[0].activation}, which has no upper limit, so "
            "its state can grow from step to step; the default, tanh, has one."
        )
    recurrent = [layer for layer in all_layers(model) if layer.isa("SimpleRNN")]
    if not recurrent or optimizer is None or any(clips):
        return ""
    return f" Layer {recurrent[0].name} processes a sequence step by step, and the optimiser does not clip gradients."
