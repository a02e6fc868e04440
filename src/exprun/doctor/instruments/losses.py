"""Which loss a network is trained with: of a compiled Keras model, or any function, by testing it."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.doctor.instruments.objective import Kind, Objective
from exprun.doctor.instruments.states import unchanged

ROWS, WRITTEN = 12, 1e-3  # rows on which a loss is tested, and the relative difference that an epsilon makes
_KERAS: dict[str, tuple[Kind, bool]] = {  # by class name: the kind of the loss, and whether it takes class numbers
    "SparseCategoricalCrossentropy": ("softmax", True),
    "CategoricalCrossentropy": ("softmax", False),
    "CategoricalFocalCrossentropy": ("softmax", False),
    "BinaryCrossentropy": ("sigmoid", False),
    "BinaryFocalCrossentropy": ("sigmoid", False),
    "KLDivergence": ("softmax", False),  # for one-hot rows the same as the cross-entropy
    "KlDivergence": ("softmax", False),
    "MeanSquaredError": ("error", False),
    "MeanAbsoluteError": ("error", False),
    "MeanAbsolutePercentageError": ("error", False),
    "MeanSquaredLogarithmicError": ("error", False),
    "Huber": ("error", False),
    "LogCosh": ("error", False),
}


def objective_of(losses: Callable[[Any, Any], Any], classes: int) -> Objective:
    """The kind of a loss of outputs (batch, classes) and class numbers (batch,), found by testing it on known outputs.

    Args:
        losses: computes the loss of each example, (batch,).
        classes: the number of classes, at least 2.
    """
    labels = tf.range(classes)
    right = tf.eye(classes)
    equal, sure, certain = (
        float(tf.reduce_mean(losses(outputs, labels))) for outputs in (right * 0.0, right * 30.0, right)
    )
    of_logits = abs(equal - np.log(classes)) < 1e-3 and sure < 1e-3
    of_probabilities = certain < 1e-3 and not of_logits
    kind: Kind = "softmax" if of_logits or of_probabilities else "error"
    name = "This loss" if kind == "error" else "cross-entropy"
    return Objective(kind, True, of_logits, name, losses)


def of_keras(model: Any, units: int = 0) -> Objective | None:
    """The loss that a Keras model was compiled with; None if the model has several losses or none.

    Args:
        model: a Keras model.
        units: the number of units of its last layer; 0 if unknown. A custom loss is only tested if it is known.
    """
    loss, in_own_code = getattr(model, "loss", None), False
    if loss is None and type(model).compute_loss is not keras.Model.compute_loss:

        def compute_loss(labels: Any, outputs: Any) -> Any:
            return model.compute_loss(x=None, y=labels, y_pred=outputs)

        loss, in_own_code = compute_loss, True
    attributes = [value for value in vars(model).values() if isinstance(value, keras.losses.Loss)]
    if loss is None and len(attributes) == 1:  # the loss of a custom training step
        loss = attributes[0]
    if isinstance(loss, list | tuple | dict) or loss is None:
        return None
    try:
        found = keras.losses.get(loss)
    except (ValueError, TypeError):
        return None
    if isinstance(found, type):
        found = found()
    known = {"".join(part.title() for part in name.split("_")): value for name, value in _KERAS.items()}
    name = type(found).__name__ if isinstance(found, keras.losses.Loss) else getattr(found, "__name__", "loss")
    key = name if name in _KERAS else "".join(part.title() for part in name.split("_"))
    kind, sparse = (_KERAS | known).get(key, ("unknown", False))
    config = found.get_config() if isinstance(found, keras.losses.Loss) else {}
    from_logits = bool(getattr(found, "_fn_kwargs", {}).get("from_logits", config.get("from_logits", False)))

    def losses(outputs: Any, labels: Any) -> Any:
        with unchanged(model):  # a custom loss may have state or draw random numbers
            return computed(outputs, labels)

    def computed(outputs: Any, labels: Any) -> Any:
        if not sparse and not in_own_code and len(labels.shape) == len(outputs.shape) - 1 and outputs.shape[-1] == 1:
            labels = labels[..., None]  # as `compile` does; code of one's own gets the labels as they are
        if isinstance(found, keras.losses.Loss):
            value = found.call(tf.cast(labels, tf.float32), tf.cast(outputs, tf.float32))
        else:
            value = found(labels, outputs)
        value = tf.cast(tf.convert_to_tensor(value), tf.float32)
        return tf.reduce_mean(tf.reshape(value, [tf.shape(value)[0], -1]), 1) if value.shape.rank else value[None]

    def total(outputs: Any, labels: Any) -> float:
        with unchanged(model):
            if isinstance(found, keras.losses.Loss):
                return float(found(labels, outputs))
            return float(tf.reduce_mean(computed(outputs, labels)))

    if kind == "unknown" and not in_own_code and _is_error(losses, max(1, units)):
        kind = "error"
    classes = units if kind == "unknown" else 0
    if classes > 1 and _takes_logits(losses, tf.eye(classes)):
        kind, from_logits = "softmax", True
    elif classes > 1 and _takes_logits(losses, tf.range(classes)):
        kind, sparse, from_logits = "softmax", True, True
    is_own = kind == "unknown" and not in_own_code and units > 0
    if is_own:
        kind, sparse = _written(losses, units)
    return Objective(kind, sparse, from_logits, name, losses, getattr(found, "ignore_class", None), total, is_own)


def _is_error(losses: Callable[[Any, Any], Any], units: int) -> bool:
    """Whether a loss is the mean squared or the mean absolute error.

    Args:
        losses: computes the loss of each example, (batch,).
        units: the number of units of the last layer.
    """
    rng = np.random.default_rng(0)
    outputs, labels = (rng.normal(size=(6, units)).astype(np.float32) for _ in range(2))
    labels[::2] = 0  # which a loss may leave out, as missing
    try:
        value = float(tf.reduce_mean(losses(tf.constant(outputs), tf.constant(labels))))
    except Exception:  # a custom loss may expect other shapes
        return False
    means = (np.square(outputs - labels).mean(), np.abs(outputs - labels).mean())
    return any(abs(value - mean) < 1e-5 for mean in means)


def _written(losses: Callable[[Any, Any], Any], units: int) -> tuple[Kind, bool]:
    """The kind of a loss that is a cross-entropy of probabilities, written by hand, and whether it takes class numbers.

    Args:
        losses: computes the loss of each example, (batch,).
        units: the number of units of the last layer.
    """
    rng = np.random.default_rng(0)
    shares = rng.uniform(0.1, 0.9, (ROWS, units)).astype(np.float32)
    yes = rng.integers(0, 2, (ROWS, units)).astype(np.float32)
    each = -(yes * np.log(shares) + (1 - yes) * np.log(1 - shares))
    tried: list[tuple[Kind, bool, np.ndarray, np.ndarray, float]] = [
        ("sigmoid", False, shares, yes, float(each.mean()))
    ]
    if units > 1:
        rows, numbers = shares / shares.sum(1, keepdims=True), rng.integers(0, units, ROWS)
        wanted = -float(np.log(rows[np.arange(ROWS), numbers]).mean())
        one_hot = np.eye(units, dtype=np.float32)[numbers]
        tried += [("softmax", False, rows, one_hot, wanted), ("softmax", True, rows, numbers, wanted)]
    for kind, sparse, outputs, labels, wanted in tried:
        try:
            value = float(tf.reduce_mean(losses(tf.constant(outputs), tf.constant(labels))))
        except Exception:  # a custom loss may expect other labels
            continue
        if any(abs(value - scale * wanted) <= WRITTEN * wanted for scale in (1, units, 1 / units)):
            return kind, sparse
    return "unknown", False


def _takes_logits(losses: Callable[[Any, Any], Any], labels: Any) -> bool:
    """Whether a loss applies a softmax itself.

    It does if it is ln(classes) for equal outputs, falls for correct outputs, and depends only on differences between
    outputs.

    Args:
        losses: computes the loss of each example, (batch,).
        labels: one label of each class, as one-hot rows or class numbers.
    """
    classes = len(labels)
    right = tf.eye(classes)
    try:
        equal, sure, moved = (float(tf.reduce_mean(losses(o, labels))) for o in (right * 0, right * 9, right * 9 + 5))
    except Exception:  # a custom loss may expect other labels
        return False
    return abs(equal - np.log(classes)) < 1e-2 and sure < equal and abs(moved - sure) < 1e-3
