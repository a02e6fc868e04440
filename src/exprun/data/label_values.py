"""Turn the values of label columns into labels: the names of several classes, or a number for each class.

The modules of data sets that are tables call `labels_of` with the text of each row, and those of arrays call `checked`.
"""

import re
from collections.abc import Sequence

import numpy as np

from exprun.config.errors import DataError, printable

SEPARATOR = "|"  # between the classes of an image in one column, and between the values of several columns
NUMBER = re.compile(r"[+-]?\d{1,300}(\.\d{1,300})?", re.ASCII)
SUM_ERROR = 1e-3  # by which the sum of soft labels may differ from 1; they are divided by their sum


def natural(name: str) -> tuple[int, float, str]:
    """A sort key that orders numbers by their size, before all other names."""
    return (0, float(name), name) if NUMBER.fullmatch(name) else (1, 0.0, name)


def sizes_of_classes(labels: np.ndarray, classes: int) -> np.ndarray:
    """The number of images of each class, int64, (classes,).

    Args:
        labels: class numbers, (images,), or several labels, 0 or 1, (images, classes).
        classes: the number of classes.
    """
    if labels.ndim > 1:
        return np.asarray(labels.sum(axis=0, dtype=np.float64), np.int64)
    return np.bincount(labels, minlength=classes)


def named(label: np.ndarray | int, classes: Sequence[str], separator: str = " + ") -> str:
    """The name of a class, or the names of several labels; `no label` without any.

    Args:
        label: the number of a class, or 0 or 1 for each class, (classes,).
        classes: the names of the classes.
        separator: the text between two names.
    """
    if np.ndim(label) == 0:
        return classes[int(label)]
    return separator.join(classes[int(one)] for one in np.flatnonzero(label)) or "no label"


def labels_of(
    texts: Sequence[str], kind: str, places: Sequence[str], columns: list[str] | None
) -> tuple[list[str], np.ndarray]:
    """The classes and the labels of the rows of a table.

    Args:
        texts: the label of each row, as text: names of classes, or a value for each column; separated by `SEPARATOR`.
        kind: the kind of labels, `several` or `soft`.
        places: the place of each row, such as its line, for errors.
        columns: the columns, which are the classes in this order; None if one column has names of classes.

    Returns:
        The names of the classes, and the labels, float32, (rows, classes).

    Raises:
        DataError: a value is not a number, or does not fit the kind.
    """
    cells = [[cell.strip() for cell in text.split(SEPARATOR)] for text in texts]
    if columns is None:
        classes = sorted({name for row in cells for name in row if name}, key=natural)
        numbers = {name: number for number, name in enumerate(classes)}
        labels = np.zeros((len(cells), len(classes)), np.float32)
        for row, found in enumerate(cells):
            labels[row, [numbers[name] for name in found if name]] = 1
        return classes, labels
    labels = np.zeros((len(cells), len(columns)), np.float64)
    for row, found in enumerate(cells):
        try:
            labels[row] = [float(cell or 0) for cell in found]
        except ValueError:
            shown = printable(SEPARATOR.join(found))[:60]
            raise DataError(
                f"{places[row]}: the label is {shown}, but data.labels={kind} needs a number for each class."
            ) from None
    return columns, checked(labels, kind, places)


def checked(values: np.ndarray, kind: str, places: Sequence[str]) -> np.ndarray:
    """Labels of the rows, float32, (rows, classes), after a check; soft labels add up to 1.

    Args:
        values: the values, (rows, classes).
        kind: the kind of labels, `several` or `soft`.
        places: the place of each row for errors.

    Raises:
        DataError: several labels are not all 0 or 1, or soft labels are negative or do not add up to 1.
    """
    values = np.asarray(values, np.float64)
    if kind == "several":
        wrong, rule = ~np.isin(values, (0, 1)).all(axis=1), "0 or 1 for each class"
    else:
        sums = values.sum(axis=1)
        wrong = ~((values >= 0).all(axis=1) & (np.abs(sums - 1) <= SUM_ERROR))
        rule = "a probability for each class, which add up to 1"
    if len(rows := np.flatnonzero(wrong)):
        shown = ", ".join(f"{value:g}" for value in values[rows[0]][:10]) + (", …" if values.shape[1] > 10 else "")
        raise DataError(f"{places[rows[0]]}: the label is {shown}, but data.labels={kind} needs {rule}.")
    return np.asarray(values if kind == "several" else values / sums[:, None], np.float32)
