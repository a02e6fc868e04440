"""Checks of a Keras model as it was built, without a pass through it."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import keras
import numpy as np

from exprun.config.doctor import Doctor
from exprun.doctor.finding import Finding
from exprun.doctor.states import unchanged
from exprun.text import nouns, plural

layers = keras.layers
DROPOUTS = (layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D)
MIN_KEPT = 0.03  # usual share of the paths through all dropouts that remain in a step
WEIGHTED = (layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Conv2DTranspose)
NORMS = (
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.GroupNormalization,
    layers.UnitNormalization,
    layers.Normalization,
)
# Layers that are linear, or not nonlinear enough to replace an activation.
LINEAR = (
    *WEIGHTED,
    *DROPOUTS,
    layers.InputLayer,
    layers.Flatten,
    layers.Reshape,
    layers.Permute,
    layers.RepeatVector,
    *(
        getattr(layers, f"{name}{dimensions}D")
        for dimensions in (1, 2, 3)
        for name in (
            "ZeroPadding",
            "Cropping",
            "UpSampling",
            "MaxPooling",
            "AveragePooling",
            "GlobalMaxPooling",
            "GlobalAveragePooling",
        )
    ),
    *NORMS,
    layers.Rescaling,
    layers.Add,
    layers.Subtract,
    layers.Concatenate,
    layers.Average,
)
MAX_NAMES = 4  # names of layers in a sentence


def leaves(model: Any) -> list[Any]:
    """All layers that contain no other layers, in the order of the model."""
    return [layer for layer in model._flatten_layers(include_self=False) if not layer._layers]


def unclipped_recurrence(model: Any) -> str:
    """A sentence if a plain recurrent layer trains without gradient clipping; empty otherwise."""
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    clips = [getattr(optimizer, name, None) for name in ("clipnorm", "clipvalue", "global_clipnorm")]
    recurrent = [x for x in model._flatten_layers(include_self=False) if isinstance(x, layers.SimpleRNN)]
    if not recurrent or optimizer is None or any(clips):
        return ""
    return f" Layer {recurrent[0].name} processes a sequence step by step, and the optimiser does not clip gradients."


def named(found: list[Any]) -> str:
    """The names of layers for a sentence."""
    names = [layer.name for layer in found[:MAX_NAMES]]
    more = f" and {len(found) - MAX_NAMES} more" if len(found) > MAX_NAMES else ""
    return ", ".join(names) + more


def check_graph(model: Any, loaded: set[str], limits: Doctor) -> Iterator[Finding]:
    """The findings of all checks that need only the model.

    Args:
        model: a Keras model, built.
        loaded: the names of layers with weights from elsewhere, which may be frozen on purpose.
        limits: the thresholds.
    """
    yield from check_bypassed(model)
    yield from check_linear(model)
    yield from check_frozen(model, loaded, limits)
    yield from check_symmetric(model)
    yield from check_dropout(model, limits)
    yield from check_colours(model, limits)
    yield from check_narrow(model)
    yield from check_filters(model)


def check_bypassed(model: Any) -> Iterator[Finding]:
    """Find layers that were called but whose output does not reach the output of the model.

    Keras leaves such layers out of `model.layers`, but the layers that they were called on keep nodes that lead to
    them. A model that was saved and loaded has lost these nodes, which is reported as a note.
    """
    dropped: list[Any] = []
    for inner in [model, *model._flatten_layers(include_self=False)]:
        if isinstance(inner, keras.Model) and getattr(inner, "_nodes_by_depth", None):
            dropped += _dangling(inner)
    if not dropped:
        if _from_file(model):
            yield Finding(
                "reloaded-model",
                "note",
                "model",
                "The model was loaded from a file, not built by its code: its input tensor is called "
                f"{model.inputs[0].name}, but keras.Input would have called it keras_tensor.",
            )
        return
    yield Finding(
        "bypassed-layers",
        "error",
        f"{nouns(len(dropped), 'layer')} {named(dropped)}",
        f"{len(dropped)} layer{'s were' if len(dropped) > 1 else ' was'} called, but no path leads from "
        f"{'them' if len(dropped) > 1 else 'it'} to the output of the model.",
        numbers={"layers": len(dropped)},
    )


def _from_file(model: Any) -> bool:
    """Whether a functional model was loaded: Keras then names its input after its layer, not `keras_tensor_7`."""
    functional = bool(getattr(model, "_nodes_by_depth", None)) and not isinstance(model, keras.Sequential)
    return functional and model.inputs[0].name.startswith("input_layer")


def _dangling(model: Any) -> list[Any]:
    """The operations that use outputs of the model's operations, also indirectly, but do not belong to the model."""
    members = {id(operation) for operation in model._operations}
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
    return [operation for operation in found.values() if type(operation).__name__ != "Cast"]


def check_linear(model: Any) -> Iterator[Finding]:
    """Find layers of weights without an activation between them."""
    all_layers = leaves(model)
    weighted = [layer for layer in all_layers if isinstance(layer, WEIGHTED)]
    if len(weighted) < 2 or has_own_code(model):
        return
    last = weighted[-1]
    if any(not _too_weak(layer) for layer in all_layers[: all_layers.index(last)]):
        return
    if all(_is_linear(layer) for layer in weighted[:-1]):
        yield Finding(
            "missing-nonlinearity",
            "error",
            f"layers {named(weighted)}",
            f"The {len(weighted)} layers of weights have no activation function between them.",
            numbers={"layers": len(weighted)},
        )


def has_own_code(model: Any) -> bool:
    """Whether the model may compute something between its layers that no list of layers shows."""
    if any(_is_own_block(layer) for layer in model._flatten_layers(include_self=False)):
        return True
    if isinstance(model, keras.Sequential):
        return any(has_own_code(layer) for layer in model.layers if isinstance(layer, keras.Model))
    if not getattr(model, "_operations", None):
        return True
    others = [op for op in model._operations if not isinstance(op, keras.Layer)]
    inner = [op for op in model._operations if isinstance(op, keras.Model)]
    return bool(others) or any(has_own_code(m) for m in inner)


def _is_own_block(layer: Any) -> bool:
    """Whether a layer contains layers and is not one of Keras."""
    return (
        bool(layer._layers) and not isinstance(layer, keras.Model) and type(layer).__module__.split(".")[0] != "keras"
    )


def _is_linear(layer: Any) -> bool:
    return getattr(layer, "activation", None) in (None, keras.activations.linear)


def _too_weak(layer: Any) -> bool:
    """Whether a layer is known not to be an activation; a local response norm is recognised by its name."""
    identity = type(layer) is layers.Activation and _is_linear(layer)
    return identity or isinstance(layer, LINEAR) or type(layer).__name__ in ("LocalResponseNormalization", "LRN")


def check_frozen(model: Any, loaded: set[str], limits: Doctor) -> Iterator[Finding]:
    """Find layers that are not trained although they still have their initial weights."""
    weighted = [layer for layer in leaves(model) if layer.weights and _size(layer) > 0]
    total = sum(_size(layer) for layer in weighted)
    frozen = [layer for layer in weighted if not _trains(layer) and layer.name not in loaded and _is_fresh(layer)]
    share = sum(_size(layer) for layer in frozen) / max(1, total)
    assert limits.frozen is not None
    kernels = [layer for layer in frozen if isinstance(layer, (*WEIGHTED, layers.Embedding))]
    all_kernels = [layer for layer in weighted if isinstance(layer, (*WEIGHTED, layers.Embedding))]
    if kernels and (share > limits.frozen or len(kernels) >= 0.5 * len(all_kernels)):
        yield Finding(
            "frozen-layers",
            "error",
            f"{nouns(len(kernels), 'layer')} {named(kernels)}",
            f"{len(kernels)} of {len(all_kernels)} layers of weights, with {share:.0%} of all weights, are frozen but "
            "still have the random weights of their initialiser.",
            numbers={"layers": len(kernels), "share": share},
        )


def _size(layer: Any) -> int:
    return sum(int(np.prod(v.shape)) for v in layer.weights if "seed" not in v.path and v.dtype != "uint32")


def _trains(layer: Any) -> bool:
    return bool(layer.trainable_variables)


def _is_fresh(layer: Any) -> bool:
    """Whether weights look untrained: all biases equal, and kernels with the spread of their initialiser."""
    bias = getattr(layer, "bias", None)
    if bias is not None and np.ptp(np.asarray(bias)) > 0:
        return False
    moving = getattr(layer, "moving_mean", None)
    if moving is not None:
        return not np.asarray(moving).any()
    kernel = getattr(layer, "kernel", getattr(layer, "embeddings", None))
    initializer = getattr(layer, "kernel_initializer", getattr(layer, "embeddings_initializer", None))
    if kernel is None or initializer is None:
        return bias is not None
    try:
        with unchanged(layer):
            fresh = float(np.std(np.asarray(initializer(kernel.shape, dtype="float32"))))
    except (ValueError, TypeError, AttributeError):
        return False
    return bool(abs(float(np.std(np.asarray(kernel))) - fresh) <= 0.15 * fresh + 1e-12)


def check_symmetric(model: Any) -> Iterator[Finding]:
    """Find hidden layers in which all units start with the same weights."""
    matrices = [
        (layer, variable)
        for layer in leaves(model)
        for variable in layer.trainable_variables
        if len(variable.shape) > 1
        and variable.shape[-1] > 1
        and not isinstance(layer, (*NORMS, layers.Embedding))
        and "bias" not in variable.name  # the bias of a GRU has two rows, both zero at the start
    ]
    same = []
    for layer, variable in matrices[:-1]:  # a last layer may well start with zeros
        units = np.asarray(variable).reshape(-1, variable.shape[-1])
        is_matrix = len(units) > 1 or variable.name == "kernel"  # a single row may be a token of zeros
        if is_matrix and np.ptp(units, axis=1).max() == 0:
            same.append((layer, float(units[0, 0])))
    if same:
        first, value = same[0]
        yield Finding(
            "symmetric-init",
            "error",
            f"{nouns(len(same), 'layer')} {named([layer for layer, _ in same])}",
            f"All units start with the same weights ({value:g} in {first.name}).",
            numbers={"layers": len(same)},
        )


def check_dropout_depth(model: Any, step: int) -> Iterator[Finding]:
    """Find several dropouts in a row, in a network that stays at chance level: hardly any path passes all of them."""
    rates = [layer.rate for layer in leaves(model) if isinstance(layer, DROPOUTS) and layer.rate > 0]
    left = float(np.prod([1 - rate for rate in rates]))
    if len(rates) > 2 and left < MIN_KEPT:
        yield Finding(
            "excessive-dropout",
            "error",
            f"{len(rates)} dropouts",
            f"Only {left:.1%} of the paths through all {len(rates)} dropouts remain in each step; more than "
            f"{MIN_KEPT:.0%} is usual.",
            step,
            {"left": left},
            keras="use fewer dropouts, or lower dropout rates: the share that remains is the product of 1 - rate over "
            "all.",
        )


def check_dropout(model: Any, limits: Doctor) -> Iterator[Finding]:
    """Find dropout of nearly all units, and dropout directly before batch norm."""
    found = leaves(model)
    assert limits.dropout is not None
    high = [layer for layer in found if isinstance(layer, DROPOUTS) and layer.rate > limits.dropout]
    if high:
        most = max(layer.rate for layer in high)
        yield Finding(
            "excessive-dropout",
            "warning",
            f"{nouns(len(high), 'layer')} {named(high)}",
            f"It drops {most:.0%} of its units in each step; 20% to 50% is usual."
            if len(high) == 1
            else f"Each layer drops up to {most:.0%} of its units in each step; 20% to 50% is usual.",
            numbers={"rate": most},
        )
    before_norm = [
        layer
        for layer, following in pairwise(found)
        if isinstance(layer, DROPOUTS) and layer.rate > 0 and isinstance(following, layers.BatchNormalization)
    ]
    if before_norm:
        yield Finding(
            "dropout-before-norm",
            "note",
            f"{nouns(len(before_norm), 'layer')} {named(before_norm)}",
            f"A dropout of {before_norm[0].rate:.0%} comes directly before a batch norm.",
            numbers={"rate": before_norm[0].rate},
        )


def check_colours(model: Any, limits: Doctor) -> Iterator[Finding]:
    """Find augmentation that can turn any colour into any other."""
    assert limits.hue is not None
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, layers.RandomHue) and (most := max(abs(part) for part in layer.factor)) > limits.hue:
            yield Finding(
                "strong-augmentation",
                "warning",
                f"layer {layer.name}",
                f"It shifts hues by up to {180 * most:.0f} degrees in either direction (120 degrees turn red into "
                f"green or blue); up to {180 * limits.hue:.0f} is usual.",
                numbers={"factor": float(most)},
                keras="no RandomHue if the classes differ in colour; otherwise RandomHue(0.1), at most "
                f"RandomHue({limits.hue:g}).",
            )
            return


def check_narrow(model: Any) -> Iterator[Finding]:
    """Find convolutions on maps of one pixel, and hidden layers of one or two units."""
    weighted = [layer for layer in leaves(model) if isinstance(layer, WEIGHTED) and layer.built]
    if not weighted:
        return
    classes = weighted[-1].kernel.shape[-1]
    widths = [(layer, int(layer.kernel.shape[-1])) for layer in weighted[:-1]] + _last_states(model)
    few = min(2, (classes - 1) // 2)
    thin = [(layer, units) for layer, units in widths if units <= few and _is_only_way(model, layer)]
    if thin:
        layer, units = thin[0]
        yield Finding(
            "collapsed-features",
            "warning",
            f"layer {layer.name}",
            f"It has {plural(units, 'unit')} or {nouns(units, 'filter')}, and all {classes} outputs depend only on "
            "this layer.",
            numbers={"units": units},
            keras="use about 32 units: the units are the memory of the layer, not the number of outputs."
            if isinstance(layer, layers.RNN | layers.Bidirectional)
            else "give it at least as many units as there are classes, unless it is the code of an autoencoder.",
        )
        return
    blind = [layer for layer in weighted[:-1] if isinstance(layer, layers.Conv2D) and _sees_one_pixel(layer)]
    if len(blind) > 1:
        yield Finding(
            "collapsed-features",
            "warning",
            f"layers {named(blind)}",
            f"{len(blind)} convolutions with kernels of more than one pixel have input maps of 1×1: the pools and "
            "strides before them are too strong.",
            numbers={"layers": len(blind)},
            keras="use padding='same' and fewer pools and strides in the layers before them, or larger images.",
        )


def _last_states(model: Any) -> list[tuple[Any, int]]:
    """Recurrent layers that return only their last state, each with its number of units."""
    both = [x for x in model._flatten_layers(include_self=False) if isinstance(x, layers.Bidirectional)]
    inner = {id(part) for x in both for part in (x.forward_layer, x.backward_layer)}
    single = [x for x in model._flatten_layers(include_self=False) if isinstance(x, layers.RNN) and id(x) not in inner]
    return [
        (layer, int(layer.output.shape[-1]))
        for layer in [*single, *both]
        if layer._inbound_nodes and not layer.return_sequences
    ]


def _is_only_way(model: Any, layer: Any) -> bool:
    """Whether every path to the outputs of a functional model passes a layer; True for other models."""
    nodes = [node for level in (getattr(model, "_nodes_by_depth", None) or {}).values() for node in level]
    if not any(node.operation is layer for node in nodes):
        return True
    makers = {id(tensor): node for node in nodes for tensor in node.output_tensors}
    waiting, seen = [id(tensor) for tensor in model.outputs], set()
    while waiting:
        node = makers.get(waiting.pop())
        if node is None or id(node) in seen or node.operation is layer:
            continue
        seen.add(id(node))
        if not node.input_tensors:
            return False
        waiting += [id(tensor) for tensor in node.input_tensors]
    return True


def check_filters(model: Any) -> Iterator[Finding]:
    """Find convolutions with smaller maps and at most half as many filters as the previous convolution.

    Models with branches are not checked.
    """
    found = leaves(model)
    weighted = [layer for layer in found if isinstance(layer, WEIGHTED)][:-1]
    if any(isinstance(layer, (layers.Concatenate, layers.UpSampling2D, layers.Conv2DTranspose)) for layer in found):
        return
    convolutions = [x for x in weighted if isinstance(x, layers.Conv2D) and max(x.kernel_size) > 1]
    for previous, layer in pairwise(convolutions):
        if 2 * layer.filters <= previous.filters and _pixels(layer) < _pixels(previous):
            yield Finding(
                "shrinking-filters",
                "note",
                f"layer {layer.name}",
                f"It has {layer.filters} filters on a smaller map, but {previous.name} before it has "
                f"{previous.filters}.",
                numbers={"filters": layer.filters, "before": previous.filters},
            )
            return


def _pixels(layer: Any) -> float:
    """The number of pixels of a layer's input map; NaN if unknown."""
    try:
        height, width = layer.input.shape[1:3]
        return float(height * width)
    except (AttributeError, ValueError, TypeError):
        return float("nan")


def _sees_one_pixel(layer: Any) -> bool:
    try:
        height, width = layer.input.shape[1:3]
    except (AttributeError, ValueError):
        return False
    return (height, width) == (1, 1) and max(layer.kernel_size) > 1
