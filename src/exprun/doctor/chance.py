"""What an answer is worth that looks at no image."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ChanceLevel:
    """What an answer costs, and how often it is right, that looks at no image.

    Args:
        loss: cross-entropy of the classes' frequencies.
        accuracy: share of the most frequent class.
        classes: their number.
    """

    loss: float
    accuracy: float
    classes: int


def chance_level(counts: np.ndarray, smoothing: float = 0.0) -> ChanceLevel:
    """From how often each class occurs, (classes,), and the label smoothing."""
    shares = counts / max(1, counts.sum())
    shares = (1 - smoothing) * shares + smoothing / len(counts)
    loss = -float((shares[shares > 0] * np.log(shares[shares > 0])).sum())
    return ChanceLevel(loss, float((counts / max(1, counts.sum())).max()), len(counts))
