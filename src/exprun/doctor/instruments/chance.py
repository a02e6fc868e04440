"""Loss and accuracy of always predicting the class frequencies."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ChanceLevel:
    """Loss and accuracy of always predicting the class frequencies.

    Args:
        loss: cross-entropy of the class frequencies.
        accuracy: share of the most frequent class.
        classes: number of classes.
    """

    loss: float
    accuracy: float
    classes: int


def chance_level(counts: np.ndarray, smoothing: float = 0.0) -> ChanceLevel:
    """The chance level of labels.

    Args:
        counts: how often each class occurs, (classes,).
        smoothing: the label smoothing of the loss.
    """
    shares = counts / max(1, counts.sum())
    shares = (1 - smoothing) * shares + smoothing / len(counts)
    loss = -float((shares[shares > 0] * np.log(shares[shares > 0])).sum())
    return ChanceLevel(loss, float((counts / max(1, counts.sum())).max()), len(counts))


def uniform_loss(kind: str, units: int) -> float | None:
    """The loss of giving all classes the same probability; None if the loss does not compare classes.

    Args:
        kind: the kind of the loss, as in `Objective`.
        units: the number of units of the last layer.
    """
    classes = {"softmax": units, "sigmoid": 2}.get(kind)
    return float(np.log(classes)) if classes is not None and classes > 1 else None
