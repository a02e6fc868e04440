"""What a network is asked to do: its loss, and how that takes outputs and labels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from exprun.doctor.states import unchanged

Kind = Literal["softmax", "sigmoid", "error", "unknown"]
_KERAS: dict[str, tuple[Kind, bool]] = {  # by class name: its kind, and whether it takes class numbers
    "SparseCategoricalCrossentropy": ("softmax", True),
    "CategoricalCrossentropy": ("softmax", False),
    "CategoricalFocalCrossentropy": ("softmax", False),
    "BinaryCrossentropy": ("sigmoid", False),
    "BinaryFocalCrossentropy": ("sigmoid", False),
    "MeanSquaredError": ("error", False),
    "MeanAbsoluteError": ("error", False),
    "MeanAbsolutePercentageError": ("error", False),
    "MeanSquaredLogarithmicError": ("error", False),
    "Huber": ("error", False),
    "LogCosh": ("error", False),
}


@dataclass(frozen=True)
class Objective:
    """A loss.

    Args:
        kind: `softmax` (cross-entropy over classes), `sigmoid` (of yes or no), `error` (of numbers) or `unknown`.
        sparse: whether it takes class numbers, where it is of classes.
        from_logits: whether it applies the softmax or sigmoid itself.
        name: for a person.
        losses: of outputs and labels, for each example, (batch,).
        ignored: the class number that it skips; None where it skips none.
    """

    kind: Kind
    sparse: bool
    from_logits: bool
    name: str
    losses: Callable[[Any, Any], Any]
    ignored: int | None = None


def objective_of(losses: Callable[[Any, Any], Any], classes: int) -> Objective:
    """What a loss of outputs (batch, classes) and class numbers (batch,) is, from what it says of known answers.

    Args:
        losses: for each example.
        classes: their number, at least 2.
    """
    labels = tf.range(classes)
    right = tf.eye(classes)
    guess, sure, certain = (
        float(tf.reduce_mean(losses(outputs, labels))) for outputs in (right * 0.0, right * 30.0, right)
    )
    of_logits = abs(guess - np.log(classes)) < 1e-3 and sure < 1e-3
    of_probabilities = certain < 1e-3 and not of_logits
    kind: Kind = "softmax" if of_logits or of_probabilities else "error"
    name = "This loss" if kind == "error" else "cross-entropy"
    return Objective(kind, True, of_logits, name, losses)


def of_keras(model: Any, units: int = 0) -> Objective | None:
    """The loss that a Keras model was compiled with; None where there are several or none.

    Args:
        model: it.
        units: of its last layer; a loss of one's own is only tried out where they are known.
    """
    loss = getattr(model, "loss", None)
    if loss is None and type(model).compute_loss is not keras.Model.compute_loss:

        def compute_loss(labels: Any, outputs: Any) -> Any:
            return model.compute_loss(x=None, y=labels, y_pred=outputs)

        loss = compute_loss
    own = [value for value in vars(model).values() if isinstance(value, keras.losses.Loss)]
    if loss is None and len(own) == 1:  # of a training step of one's own
        loss = own[0]
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
        with unchanged(model):  # one of a user's own may keep count, or draw
            return computed(outputs, labels)

    def computed(outputs: Any, labels: Any) -> Any:
        if not sparse and len(labels.shape) == len(outputs.shape) - 1 and outputs.shape[-1] == 1:
            labels = labels[..., None]
        if isinstance(found, keras.losses.Loss):
            value = found.call(tf.cast(labels, tf.float32), tf.cast(outputs, tf.float32))
        else:
            value = found(labels, outputs)
        value = tf.cast(tf.convert_to_tensor(value), tf.float32)
        return tf.reduce_mean(tf.reshape(value, [tf.shape(value)[0], -1]), 1) if value.shape.rank else value[None]

    classes = units if kind == "unknown" else 0
    if classes > 1 and _takes_logits(losses, tf.eye(classes)):
        kind, from_logits = "softmax", True
    elif classes > 1 and _takes_logits(losses, tf.range(classes)):
        kind, sparse, from_logits = "softmax", True, True
    return Objective(kind, sparse, from_logits, name, losses, getattr(found, "ignore_class", None))


def _takes_logits(losses: Callable[[Any, Any], Any], labels: Any) -> bool:
    """Whether a loss is ln(classes) for equal outputs, falls for right ones, and sees differences between outputs only:
    then it applies a softmax itself.

    Args:
        losses: for each example.
        labels: one of each class, as one-hot rows or class numbers.
    """
    classes = len(labels)
    right = tf.eye(classes)
    try:
        guess, sure, moved = (float(tf.reduce_mean(losses(o, labels))) for o in (right * 0, right * 9, right * 9 + 5))
    except Exception:  # a loss of one's own may take other labels
        return False
    return abs(guess - np.log(classes)) < 1e-2 and sure < guess and abs(moved - sure) < 1e-3
