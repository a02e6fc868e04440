"""The kind of labels: class numbers, one-hot rows, yes or no, or numbers to predict."""

from dataclasses import dataclass
from typing import Any

import numpy as np

ROUNDING = 1e-6  # how far values between 0 and 1 may be outside by rounding, as after scaling
MAX_CLASSES = 1000  # different whole numbers that still count as class numbers


@dataclass(frozen=True)
class Labels:
    """Labels, with the kind that their values suggest.

    Args:
        values: the labels as the loss gets them, float64, (images, …).
        kind: `numbers` (class numbers), `rows` (one-hot or shares), `holes` (one-hot, but some rows are empty),
            `binary` (0 and 1) or `amounts`.
        classes: the class number of each image, (images,), int64; None for amounts.
        least: the lowest value.
        most: the highest value.
    """

    values: np.ndarray
    kind: str
    classes: np.ndarray | None
    least: float
    most: float

    @property
    def are_two(self) -> bool:
        """Whether the labels have at most two different values."""
        return len(np.unique(self.values)) <= 2

    @property
    def are_shares(self) -> bool:
        """Whether all values lie between 0 and 1, except for rounding."""
        return self.least >= -ROUNDING and self.most <= 1 + ROUNDING

    @property
    def are_single(self) -> bool:
        """Whether each image has one value."""
        return self.values.size == len(self.values)


@dataclass(frozen=True)
class ClassCounts:
    """How often each class occurs among at least two labels.

    Args:
        each: the number of labels of each class, (classes,), at least two classes.
    """

    each: np.ndarray

    @property
    def total(self) -> int:
        """The number of labels."""
        return int(self.each.sum())

    @property
    def top(self) -> int:
        """The number of the most frequent class."""
        return int(self.each.argmax())

    @property
    def share(self) -> float:
        """The share of labels that are the most frequent class; 1 if there is no other class."""
        return float(self.each[self.top] / self.total)


def class_counts(each: np.ndarray | None) -> ClassCounts | None:
    """The class counts of labels, (classes,); None if fewer than two labels or classes are known."""
    return None if each is None or len(each) < 2 or each.sum() < 2 else ClassCounts(each)


def read_labels(values: Any) -> Labels:
    """The kind of labels that a loss gets, (images,), (images, 1) or (images, classes)."""
    original = np.asarray(values)
    y = original.astype(np.float64)
    least, most = (float(y.min()), float(y.max())) if y.size else (0.0, 0.0)
    wide = y.ndim > 1 and y.shape[-1] > 1
    whole = bool(np.isfinite(y).all() and (y == np.rint(y)).all())
    if wide:
        flat = y.reshape(-1, y.shape[-1])
        shares = least >= -ROUNDING and most <= 1 + ROUNDING and bool((np.abs(flat.sum(1) - 1) < 1e-3).all())
        if whole and least >= 0 and most <= 1 and not shares and bool((flat.sum(1) <= 1).all()):
            return Labels(y, "holes", None, least, most)
        return Labels(y, "rows" if shares else "amounts", flat.argmax(1) if shares else None, least, most)
    if y.ndim > 2:  # a map for each image, such as a mask
        return Labels(y, "binary" if whole and least >= 0 and most <= 1 else "amounts", None, least, most)
    flat = y.reshape(len(y), -1)[:, 0] if y.size else y
    distinct = len(np.unique(flat))
    few = distinct <= min(MAX_CLASSES, max(2, len(flat) // 2)) or original.dtype.kind in "iub"
    if not (whole and few and least >= -1):
        return Labels(y, "amounts", None, least, most)
    kind = "binary" if least >= 0 and most <= 1 else "numbers"
    return Labels(y, kind, flat.astype(np.int64), least, most)


def are_all_ones(labels: Labels) -> bool:
    """Whether labels are rows of several columns that are all 1, as where a 1 was written to too many places."""
    return labels.values.ndim == 2 and labels.values.shape[1] > 1 and labels.least == labels.most == 1


def counts_of(*parts: np.ndarray) -> list[np.ndarray]:
    """How often each class occurs in some arrays of class numbers, (classes,) each, with the same classes."""
    classes = int(max(part.max() for part in parts)) + 1
    return [np.bincount(part, minlength=classes) for part in parts]


def moved(first: np.ndarray, other: np.ndarray) -> float:
    """The share of labels that would have to change so that two counts, (classes,), have the same distribution."""
    return float(np.abs(first / first.sum() - other / other.sum()).sum() / 2)
