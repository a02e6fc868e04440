"""Labels at regular intervals of an epoch: the first ones of a series say little about the others."""

import numpy as np

MOST = 4000  # labels that are kept, at most
MAX_VALUES = 4_000_000  # values of these labels, unless a few labels have more
LEAST = 100  # labels that are kept, however large they are
AGREE = 3.0  # standard errors by which the means of two halves differ by chance
MIN_HALF = 20  # labels of a half that shows its mean


class Spread:
    """Keeps every label of the batches that pass, and every second, fourth, … one as they become more.

    Args:
        most: the largest number of labels that are kept.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most, self._every, self._passed = most, 1, 0
        self._kept: list[np.ndarray] = []

    def take(self, labels: np.ndarray | None) -> None:
        """Keep some labels of a batch, (batch, …); none if they are unknown, or of another shape than those before."""
        if labels is None or (self._kept and labels.shape[1:] != self._kept[0].shape):
            return
        self._kept += [np.array(one) for one in labels[-self._passed % self._every :: self._every]]
        self._passed += len(labels)
        most = max(LEAST, MAX_VALUES // max(1, labels[0].size)) if len(labels) else self._most
        while len(self._kept) > min(self._most, most):
            self._kept, self._every = self._kept[::2], 2 * self._every

    @property
    def labels(self) -> np.ndarray:
        """The labels that were kept, (labels, …)."""
        return np.asarray(self._kept)

    @property
    def is_steady(self) -> bool:
        """Whether both halves of the labels agree in mean and variance, as those of shuffled data do."""
        rows = self.labels.astype(np.float64).reshape(len(self._kept), -1)
        if len(rows) < 2 * MIN_HALF or not np.isfinite(rows).all():
            return False
        moved = rows - rows.mean(0)
        scaled = moved / np.maximum(moved.std(0), np.finfo(np.float64).tiny)
        return _agree(scaled.mean(1)) and _agree(np.square(scaled).mean(1))


def _agree(values: np.ndarray) -> bool:
    one, two = values[: len(values) // 2], values[len(values) // 2 :]
    error = float(np.hypot(one.std() / np.sqrt(len(one)), two.std() / np.sqrt(len(two))))
    return abs(float(one.mean() - two.mean())) <= AGREE * error
