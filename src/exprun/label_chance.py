"""The chance level of the labels of a split, whatever kind they are."""

from typing import Any

import numpy as np

from exprun.config.schema import Loss
from exprun.data import Split
from exprun.doctor.instruments.chance import ChanceLevel, chance_level, chance_of_several, chance_of_soft


def chance_of(
    split: Split, classes: int, loss: Loss, mixing: np.ndarray | None = None, weights: np.ndarray | None = None
) -> ChanceLevel:
    """The chance level of the labels of a split, for the loss of a run in training.

    Args:
        split: the split.
        classes: the number of classes.
        loss: the settings of the loss.
        mixing: shares of the first label in images that are mixed, typical ones, (numbers,); None without mixing.
        weights: the weight of each class in the loss, (classes,); None for 1.
    """
    numbers: dict[str, Any] = {"smoothing": loss.label_smoothing, "gamma": loss.gamma or 0.0, "mixing": mixing}
    if split.labels.ndim > 1:
        return chance_of_several(split.row_labels.mean(axis=0, dtype=np.float64), weights=weights, **numbers)
    if split.shares is not None:
        return chance_of_soft(split.targets, **numbers)
    return chance_level(split.per_class(classes), **numbers)
