"""Checks of a Keras model as it is built, without sending anything through it."""

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
LEAST_KEPT = 0.03  # of the paths through all dropouts
WEIGHTED = (layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Conv2DTranspose)
NORMS = (
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.GroupNormalization,
    layers.UnitNormalization,
    layers.Normalization,
)
# What is known to be linear in its input, or too weak a bend to stand for an activation.
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
SHOWN = 4  # names of layers in a sentence


def leaves(model: Any) -> list[Any]:
    """All layers without layers inside, in the order of the model."""
    return [layer for layer in model._flatten_layers(include_self=False) if not layer._layers]


def unclipped_recurrence(model: Any) -> str:
    """A sentence where a plain recurrent layer trains without clipped gradients; empty where none does."""
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    clips = [getattr(optimizer, name, None) for name in ("clipnorm", "clipvalue", "global_clipnorm")]
    found = [x for x in model._flatten_layers(include_self=False) if isinstance(x, layers.SimpleRNN)]
    if not found or optimizer is None or any(clips):
        return ""
    return f" Layer {found[0].name} goes through a sequence step by step, and the optimiser clips no gradient."


def named(found: list[Any]) -> str:
    """Names of layers for a sentence."""
    names = [layer.name for layer in found[:SHOWN]]
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(names) + more


def check_graph(model: Any, loaded: set[str], limits: Doctor) -> Iterator[Finding]:
    """All checks that need the model alone.

    Args:
        model: a Keras model, built.
        loaded: names of layers whose weights come from elsewhere and may well stay as they are.
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
    """Layers that were called on the way and whose result does not reach the output.

    Keras leaves them out of `model.layers`; they hang on the outbound nodes of what they were called on. A model that
    was saved and loaded has lost them, and that is said.
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
                "It was built from a file, not by its code: its input tensor is called "
                f"{model.inputs[0].name}, and after keras.Input it would be keras_tensor.",
            )
        return
    yield Finding(
        "bypassed-layers",
        "error",
        f"{nouns(len(dropped), 'layer')} {named(dropped)}",
        f"{len(dropped)} layer{'s were' if len(dropped) > 1 else ' was'} called, but no path leads from "
        f"{'them' if len(dropped) > 1 else 'it'} to the output.",
        numbers={"layers": len(dropped)},
    )


def _from_file(model: Any) -> bool:
    """Whether a functional model was loaded: then Keras calls its input by its layer, and else `keras_tensor_7`."""
    functional = bool(getattr(model, "_nodes_by_depth", None)) and not isinstance(model, keras.Sequential)
    return functional and model.inputs[0].name.startswith("input_layer")


def _dangling(model: Any) -> list[Any]:
    """Operations reached from those of a model that are none of its own, as far as no other model ends in them."""
    own = {id(operation) for operation in model._operations}
    nodes = [node for level in model._nodes_by_depth.values() for node in level]
    known = {id(node) for node in nodes}
    # Several models may share layers: what is called on this model's own tensors counts, not on those of others.
    tensors = {id(tensor) for node in nodes for tensor in node.output_tensors}
    waiting = [
        node
        for operation in model._operations
        for node in operation._outbound_nodes
        if id(node) not in known and any(id(tensor) in tensors for tensor in node.input_tensors)
    ]
    found: dict[int, Any] = {}
    while waiting:
        operation = waiting.pop().operation
        if id(operation) in own or id(operation) in found or operation is model:
            continue
        found[id(operation)] = operation
        waiting += operation._outbound_nodes
    # In mixed precision Keras casts what a float32 layer hands on, and notes the layer behind as called on the uncast.
    return [operation for operation in found.values() if type(operation).__name__ != "Cast"]


def check_linear(model: Any) -> Iterator[Finding]:
    """No activation between layers of weights."""
    found = leaves(model)
    weighted = [layer for layer in found if isinstance(layer, WEIGHTED)]
    if len(weighted) < 2 or has_own_code(model):
        return
    last = weighted[-1]
    if any(not _too_weak(layer) for layer in found[: found.index(last)]):
        return
    if all(_is_linear(layer) for layer in weighted[:-1]):
        yield Finding(
            "missing-nonlinearity",
            "error",
            f"layers {named(weighted)}",
            f"There is no activation function between {len(weighted)} layers of weights.",
            numbers={"layers": len(weighted)},
        )


def has_own_code(model: Any) -> bool:
    """Whether operations may stand between layers that no list of layers shows."""
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
    """Whether a layer has layers inside and is none of Keras' own."""
    return (
        bool(layer._layers) and not isinstance(layer, keras.Model) and type(layer).__module__.split(".")[0] != "keras"
    )


def _is_linear(layer: Any) -> bool:
    return getattr(layer, "activation", None) in (None, keras.activations.linear)


def _too_weak(layer: Any) -> bool:
    """Whether a layer is known to be no activation; Keras has no local response norm, so that goes by its name."""
    identity = type(layer) is layers.Activation and _is_linear(layer)
    return identity or isinstance(layer, LINEAR) or type(layer).__name__ in ("LocalResponseNormalization", "LRN")


def check_frozen(model: Any, loaded: set[str], limits: Doctor) -> Iterator[Finding]:
    """Layers that are not trained, though their weights are still as an initialiser makes them."""
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
            f"{len(kernels)} of {len(all_kernels)} layers of weights, with {share:.0%} of all weights, are frozen, "
            "with the random weights of the initialiser.",
            numbers={"layers": len(kernels), "share": share},
        )


def _size(layer: Any) -> int:
    return sum(int(np.prod(v.shape)) for v in layer.weights if "seed" not in v.path and v.dtype != "uint32")


def _trains(layer: Any) -> bool:
    return bool(layer.trainable_variables)


def _is_fresh(layer: Any) -> bool:
    """Whether weights look as their initialiser makes them: biases as at the start, kernels of its spread."""
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
    """Hidden layers all of whose weights are equal."""
    matrices = [
        (layer, variable)
        for layer in leaves(model)
        for variable in layer.trainable_variables
        if len(variable.shape) > 1
        and variable.shape[-1] > 1
        and not isinstance(layer, (*NORMS, layers.Embedding))
        and "bias" not in variable.name  # a GRU has one of two rows, which start at zero
    ]
    same = []
    for layer, variable in matrices[:-1]:  # a last layer of zeros is a good start
        units = np.asarray(variable).reshape(-1, variable.shape[-1])
        is_matrix = len(units) > 1 or variable.name == "kernel"  # not one row, such as a token of zeros
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
    """Several dropouts one behind the other, of a network that stays at chance: next to nothing passes them all."""
    rates = [layer.rate for layer in leaves(model) if isinstance(layer, DROPOUTS) and layer.rate > 0]
    left = float(np.prod([1 - rate for rate in rates]))
    if len(rates) > 2 and left < LEAST_KEPT:
        yield Finding(
            "excessive-dropout",
            "error",
            f"{len(rates)} dropouts",
            f"Of the paths through all {len(rates)} dropouts, {left:.1%} are left in each step; more than "
            f"{LEAST_KEPT:.0%} is usual.",
            step,
            {"left": left},
            keras="fewer of them, or lower rates: what is left is the product of 1 - rate over all of them.",
        )


def check_dropout(model: Any, limits: Doctor) -> Iterator[Finding]:
    """Dropout of nearly everything, and dropout directly before batch norm."""
    found = leaves(model)
    assert limits.dropout is not None
    high = [layer for layer in found if isinstance(layer, DROPOUTS) and layer.rate > limits.dropout]
    if high:
        most = max(layer.rate for layer in high)
        yield Finding(
            "excessive-dropout",
            "warning",
            f"{nouns(len(high), 'layer')} {named(high)}",
            f"{most:.0%} of its units are dropped in each step; 20% to 50% is usual."
            if len(high) == 1
            else f"Each drops up to {most:.0%} of its units in each step; 20% to 50% is usual.",
            numbers={"rate": most},
        )
    before = [
        layer
        for layer, following in pairwise(found)
        if isinstance(layer, DROPOUTS) and layer.rate > 0 and isinstance(following, layers.BatchNormalization)
    ]
    if before:
        yield Finding(
            "dropout-before-norm",
            "note",
            f"{nouns(len(before), 'layer')} {named(before)}",
            f"Dropout of {before[0].rate:.0%} stands directly before a batch norm.",
            numbers={"rate": before[0].rate},
        )


def check_colours(model: Any, limits: Doctor) -> Iterator[Finding]:
    """Colours that are turned into any others."""
    assert limits.hue is not None
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, layers.RandomHue) and (most := max(abs(part) for part in layer.factor)) > limits.hue:
            yield Finding(
                "strong-augmentation",
                "warning",
                f"layer {layer.name}",
                f"It turns hues by up to {180 * most:.0f} degrees either way (120 turn red into green or blue); up to "
                f"{180 * limits.hue:.0f} is usual.",
                numbers={"factor": float(most)},
                keras="no RandomHue where colour tells the classes apart; elsewhere RandomHue(0.1), at most "
                f"{limits.hue:g}.",
            )
            return


def check_narrow(model: Any) -> Iterator[Finding]:
    """Maps of one pixel that convolutions are still to look at, and hidden layers of one or two units."""
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
            f"It has {plural(units, 'unit')} or {nouns(units, 'filter')}, and {classes} outputs depend on it alone.",
            numbers={"units": units},
            keras="32 units or so: they are what it can remember, not the number of outputs."
            if isinstance(layer, layers.RNN | layers.Bidirectional)
            else "more units in it, as many as there are classes or more; not if it is the code of an autoencoder.",
        )
        return
    blind = [layer for layer in weighted[:-1] if isinstance(layer, layers.Conv2D) and _sees_one_pixel(layer)]
    if len(blind) > 1:
        yield Finding(
            "collapsed-features",
            "warning",
            f"layers {named(blind)}",
            f"{len(blind)} convolutions of more than one pixel look at maps of 1×1: pools and strides before them have "
            "left nothing to look at.",
            numbers={"layers": len(blind)},
            keras="padding='same' and fewer pools and strides in the layers before them, or larger images.",
        )


def _last_states(model: Any) -> list[tuple[Any, int]]:
    """Recurrent layers that give their last state alone, each with its units."""
    both = [x for x in model._flatten_layers(include_self=False) if isinstance(x, layers.Bidirectional)]
    inner = {id(part) for x in both for part in (x.forward_layer, x.backward_layer)}
    single = [x for x in model._flatten_layers(include_self=False) if isinstance(x, layers.RNN) and id(x) not in inner]
    return [
        (layer, int(layer.output.shape[-1]))
        for layer in [*single, *both]
        if layer._inbound_nodes and not layer.return_sequences
    ]


def _is_only_way(model: Any, layer: Any) -> bool:
    """Whether all that reaches the outputs of a functional model goes through a layer; taken for granted of others."""
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
    """Convolutions on a smaller map with at most half the filters, in a network that goes straight down."""
    found = leaves(model)
    weighted = [layer for layer in found if isinstance(layer, WEIGHTED)][:-1]
    if any(isinstance(layer, (layers.Concatenate, layers.UpSampling2D, layers.Conv2DTranspose)) for layer in found):
        return
    convolutions = [x for x in weighted if isinstance(x, layers.Conv2D) and max(x.kernel_size) > 1]
    for before, layer in pairwise(convolutions):
        if 2 * layer.filters <= before.filters and _pixels(layer) < _pixels(before):
            yield Finding(
                "shrinking-filters",
                "note",
                f"layer {layer.name}",
                f"It has {layer.filters} filters on a smaller map; {before.name} before it has {before.filters}.",
                numbers={"filters": layer.filters, "before": before.filters},
            )
            return


def _pixels(layer: Any) -> float:
    """Of the map that a layer looks at; NaN where unknown."""
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
