"""The results of the compiled step, as NumPy arrays."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class StepResult:
    """The result of some training steps.

    Args:
        losses: float32, (steps done,).
        accuracies: float32, (steps done,).
        finite: False if the last of these steps had a loss or a gradient that is not finite.
    """

    losses: np.ndarray
    accuracies: np.ndarray
    finite: bool


@dataclass(frozen=True)
class EvalResult:
    """The result of an evaluation, for each image in order.

    Args:
        losses: float32, (images,).
        predictions: number of the most likely class, int32, (images,).
        more: further metrics of each image by their names, (images,) each: `adversarial_loss` and
            `adversarial_accuracy` under attack, and those of `trainer.metrics`.
    """

    losses: np.ndarray
    predictions: np.ndarray
    more: dict[str, np.ndarray] = field(default_factory=dict)
