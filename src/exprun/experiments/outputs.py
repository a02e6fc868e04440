"""The change that makes last layer, loss and labels fit together, and what did not fit."""

import functools
from typing import Any

import keras
import numpy as np

from exprun.doctor.instruments.labels import ROUNDING
from exprun.doctor.instruments.layers import leaves
from exprun.doctor.instruments.losses import of_keras
from exprun.doctor.instruments.packing import packing_of, remember
from exprun.doctor.instruments.task import RANGES
from exprun.experiments.sample import Sample
from exprun.experiments.trials import Setup, decoded, outputs_of, with_sample

SQUASHING = ("sigmoid", "softmax")
BOUNDED = (*RANGES, "relu6")


def match_labels(setup: Setup) -> bool:
    """Use a last layer without activation, with the units that the labels need, and the loss that fits both."""
    sample, units = setup.sample, _units(setup)
    needed = _needed(sample, units)
    setup.causes = mismatches(setup.model, sample, units, needed)
    if not setup.causes:
        return False
    if units == needed:
        drop_last_activation(setup)
    elif not _replace_last_layer(setup, needed):
        return False
    if not sample.is_classes:
        setup.loss = keras.losses.MeanSquaredError()
        setup.decode = lambda outputs: decoded(outputs, sample, 0.0)
        return True
    shape: tuple[int, ...] = (-1, *_positions(sample))
    if needed == 1:
        setup.loss = keras.losses.BinaryCrossentropy(from_logits=True)
        shape = (*shape, 1)
    else:
        setup.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    dtype = np.float32 if needed == 1 else np.int64
    with_sample(
        setup, **{name: sample.numbers(getattr(sample, name)).reshape(shape).astype(dtype) for name in ("y", "test_y")}
    )
    setup.decode = lambda outputs: decoded(outputs, sample, 0.0)
    return True


def mismatches(model: Any, sample: Sample, units: int, needed: int) -> tuple[str, ...]:
    """The causes for which last layer, loss and labels of a network do not fit together, the most fundamental first.

    Args:
        model: the compiled network.
        sample: the rows.
        units: the units of its last layer.
        needed: the units that the labels need.
    """
    objective, activations = of_keras(model, units), last_activations(model)
    if objective is None:
        return ()
    found = []
    if units != needed:
        labels = sample.numbers(sample.test_y) if sample.is_classes else np.zeros(1)
        counted_from_1 = sample.is_classes and labels.min() == 1 and labels.max() == units
        found.append("label-out-of-range" if counted_from_1 else "output-units")
    if not sample.is_classes:
        if objective.kind in ("softmax", "sigmoid") and _are_probabilities(sample, objective.kind):
            return tuple(found)  # several labels at once, soft labels, or pixels
        if any(name in BOUNDED for name in activations):
            found.append("output-activation")
        unfit = {"unknown": ("wrong-loss", "broadcast-loss"), "error": ()}.get(objective.kind, ("wrong-loss",))
        return (*found, *unfit)
    squashes = [name for name in activations if name in SQUASHING]
    if units == 1 and "softmax" in activations:
        found.append("output-activation")
    elif objective.kind in ("softmax", "sigmoid"):
        if (squashes and objective.from_logits) or len(squashes) > 1:
            found.append("softmax-twice")
        elif any(name in BOUNDED for name in activations if name not in SQUASHING):
            found.append("output-activation")
        elif not squashes and not objective.from_logits:
            found.append("missing-softmax")
        elif objective.kind == "softmax" and "sigmoid" in activations:
            found.append("output-activation")
    if objective.kind in ("error", "unknown") or (objective.kind == "softmax") != (needed > 1):
        found.append("wrong-loss")
    wide = sample.y.ndim == sample.axes and sample.y.shape[-1] > 1
    if objective.kind == "softmax" and needed > 1 and objective.sparse == wide:
        found.append("label-encoding")
    if objective.kind == "unknown":
        found.append("broadcast-loss")
    return tuple(found)


def _are_probabilities(sample: Sample, kind: str) -> bool:
    """Whether targets are numbers from 0 to 1 that a cross-entropy takes, of rows that sum to 1 for a softmax."""
    targets = sample.y.reshape(-1, sample.y.shape[-1])
    sums_fit = kind == "sigmoid" or bool(np.allclose(targets.sum(-1), 1, atol=1e-3))
    return bool(targets.min() > -ROUNDING and targets.max() < 1 + ROUNDING) and sums_fit


def last_activations(model: Any) -> list[str]:
    """The names of the activations after the last layer of weights, in order; empty if there is none."""
    names: list[str] = []
    for layer in reversed([leaf.layer for leaf in leaves(model)]):
        if isinstance(layer, keras.layers.Softmax):
            names.insert(0, "softmax")
        elif isinstance(layer, keras.layers.ReLU):
            names.insert(0, "relu")
        elif getattr(layer, "activation", None) not in (None, keras.activations.linear):
            names.insert(0, getattr(layer.activation, "__name__", "own"))
        if layer.weights:
            break
    return names


def drop_last_activation(setup: Setup) -> bool:
    """Replace the activations after the last layer of weights by none; returns whether there was one."""
    dropped = bool(last_activations(setup.model))
    for layer in reversed([leaf.layer for leaf in leaves(setup.model)]):
        if hasattr(layer, "activation"):
            setup.set(layer, "activation", keras.activations.linear)
        elif isinstance(layer, keras.layers.Softmax | keras.layers.ReLU):
            setup.set(layer, "call", same)
        if layer.weights:
            break
    return dropped


def same(inputs: Any, *args: Any, **kwargs: Any) -> Any:
    """What a layer computes that is left out."""
    return inputs


def _units(setup: Setup) -> int:
    """The units of the last layer; of a model that does not know them, a pass of one row shows them."""
    shape = getattr(setup.model, "output_shape", None)
    if not isinstance(shape, tuple) or shape[-1] is None:
        shape = outputs_of(setup.model, setup.sample.test_x[:1], training=False).shape
    return int(shape[-1])


def _positions(sample: Sample) -> tuple[int, ...]:
    """The shape of the positions of a row that have a class each; empty if the row has one class."""
    if sample.axes == 2:
        return ()
    return sample.y.shape[1:-1] if sample.y.ndim == sample.axes else sample.y.shape[1:]


def _needed(sample: Sample, units: int) -> int:
    """The units that the last layer needs; one is enough for two classes."""
    if sample.is_classes:
        return 1 if units == 1 and sample.classes <= 2 else max(2, sample.classes, units)
    return int(sample.y.shape[-1]) if sample.y.ndim > 1 and sample.y.ndim == sample.axes else 1


def _replace_last_layer(setup: Setup, units: int) -> bool:
    """Train a network with another last layer, with fresh weights; returns whether the model allows it."""
    model = setup.model
    last = next((leaf.layer for leaf in reversed(leaves(model)) if leaf.layer.weights), None)
    if not getattr(model, "inputs", None) or last not in model.layers or not isinstance(last, keras.layers.Dense):
        return False
    for part in keras.tree.flatten(last.input):  # a call of the new layer adds itself to those that it follows
        nodes = part._keras_history.operation._outbound_nodes
        setup.undo.append(functools.partial(nodes.__setitem__, slice(None), list(nodes)))
    inputs = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    if (packing := packing_of(model)) is not None:
        inputs = getattr(model, "_inputs_struct", inputs)
    setup.network = keras.Model(inputs, keras.layers.Dense(units)(last.input))
    if packing is not None:
        remember(setup.network, packing)
    return True
