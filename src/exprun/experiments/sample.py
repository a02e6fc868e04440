"""The rows that experiments train on and test on, and how a prediction of them is scored."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

MAX_ROWS = 4000  # training rows of an experiment
MAX_TESTED = 1000  # rows that are tested
MAX_BYTES = 100 * 2**20  # bytes of the inputs of an experiment, and of the tested rows
MAX_VALUES = 20_000  # numbers to predict for a row
HELD_OUT = 0.25  # share of the training rows that are held out if there is no validation set
FEW, LEAST = 16, 4  # rows below which all are trained on and tested, as in a truth table, and least rows of these
MAX_CLASSES = 100  # different whole numbers that still count as classes

MAX_TARGETS = 16  # numbers to predict that may have units of their own; more are of one kind, such as pixels

Task = Literal["classes", "numbers"]


@dataclass(frozen=True)
class Sample:
    """Rows of a data set, as a script passes them to its network.

    Args:
        x: the inputs that are trained on, (rows, …).
        y: their targets, as the loss takes them, (rows, …).
        test_x: the inputs that are tested, (other rows, …).
        test_y: their targets.
        task: whether the targets are classes or numbers.
        axes: the axes of the network's outputs; with more than 2, each row has targets at many positions, such as
            words or pixels.
        is_balanced: whether each class counts as much in a score, as it does in a loss with class weights.
        is_whole: whether the tested rows are those that are trained on, because there are so few.
    """

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    task: Task
    axes: int = 2
    is_balanced: bool = False
    is_whole: bool = False

    @property
    def classes(self) -> int:
        """The number of classes; 0 if the targets are numbers."""
        return int(max(self._labels.max(), self.numbers(self.test_y).max())) + 1 if self.is_classes else 0

    @property
    def _labels(self) -> np.ndarray:
        """The class numbers of the training rows whose targets are finite."""
        return self.numbers(self.y[are_finite(self.y)])

    def finite(self) -> "Sample":
        """The sample without training rows that are not finite."""
        kept = are_finite(self.x, self.y)
        return self if kept.all() else replace(self, x=self.x[kept], y=self.y[kept])

    def numbers(self, targets: np.ndarray) -> np.ndarray:
        """The class numbers of targets, (rows,), or (rows x positions,) where each position has a class."""
        return class_numbers(targets, self.axes)

    @property
    def is_classes(self) -> bool:
        """Whether the targets are classes."""
        return self.task == "classes"

    def in_batches(self, batch: int) -> "Sample":
        """The sample with as many rows, trained on and tested, as full batches hold; a network may take no others."""
        train, test = (len(part) // batch * batch for part in (self.x, self.test_x))
        return replace(self, x=self.x[:train], y=self.y[:train], test_x=self.test_x[:test], test_y=self.test_y[:test])

    def score(self, predicted: np.ndarray) -> float:
        """How good predictions of the tested rows are: 0 is as good as guessing, 1 is perfect.

        For classes, the accuracy between that of the most frequent class and 100 %; for numbers, the share of the
        targets' variance that is explained.

        Args:
            predicted: class numbers, (rows,), or numbers, shaped as the targets.
        """
        if not np.isfinite(predicted).all():
            return -np.inf
        if self.is_classes:
            right, guess = self.numbers(self.test_y), self.most_frequent
            if self.is_balanced:
                hits = right == predicted.reshape(-1)
                recalls = [hits[right == number].mean() for number in np.unique(right)]
                return float((np.mean(recalls) * len(recalls) - 1) / max(len(recalls) - 1, 1))
            chance = float((right == guess).mean())
            return (float((right == predicted.reshape(-1)).mean()) - chance) / max(1 - chance, 1e-9)
        wanted = self.test_y.reshape(len(self.test_y), -1).astype(np.float64)
        errors = ((predicted.reshape(len(wanted), -1) - wanted) ** 2).mean(0)
        variance = ((wanted - np.nanmean(self.y.reshape(len(self.y), -1), 0)) ** 2).mean(0)
        if len(errors) > MAX_TARGETS:  # such as pixels, of which some hardly vary
            return float(1 - errors.sum() / max(variance.sum(), 1e-12))
        return float(1 - (errors / np.maximum(variance, 1e-12)).mean())

    @property
    def noise(self) -> float:
        """The standard error of a score, because only so many rows are tested."""
        rows = len(self.test_x)
        if self.is_whole:
            return 0.0
        if not self.is_classes:
            return float(1 / np.sqrt(rows))
        right = self.numbers(self.test_y)
        if self.is_balanced:
            return float(np.sqrt(1 / max(1, np.unique(right, return_counts=True)[1].min())))
        chance = float((right == self.most_frequent).mean())
        return float(np.sqrt(chance * (1 - chance) / rows) / max(1 - chance, 1e-9))

    @property
    def most_frequent(self) -> int:
        """The class of most training rows."""
        return int(np.bincount(self._labels).argmax())


def sample_of(
    x: np.ndarray,
    y: np.ndarray,
    validation: tuple[np.ndarray, np.ndarray] | None,
    task: Task | None = None,
    axes: int = 2,
) -> Sample | None:
    """Rows of a data set for experiments; None if its targets are neither classes nor numbers, or if they are too few.

    Rows that are not finite are trained on, as the script does, but they are not tested.

    Args:
        x: the training inputs, (rows, …).
        y: their targets, (rows, …).
        validation: validation inputs and targets; None to hold out some of the training rows.
        task: what the loss takes the targets for, such as ages for numbers; None to tell by their values.
        axes: the axes of the network's outputs; with more than 2, each row has targets at many positions, such as
            words or pixels.
    """
    rng = np.random.default_rng(0)
    order = rng.permutation(len(x))
    is_whole = validation is None and len(x) < FEW
    if is_whole:
        kept, test_x, test_y = np.arange(len(x)), x, y
    elif validation is None:
        held = order[: max(1, int(HELD_OUT * len(order)))][: most_rows(x, y, MAX_TESTED)]
        kept = np.sort(
            order[max(1, int(HELD_OUT * len(order))) :][: most_rows(x, y, MAX_ROWS)]
        )  # in the order of the script
        test_x, test_y = x[held], y[held]
    else:
        some = rng.permutation(len(validation[0]))[: most_rows(x, y, MAX_TESTED)]
        kept, test_x, test_y = np.sort(order[: most_rows(x, y, MAX_ROWS)]), validation[0][some], validation[1][some]
    if y[0].size > MAX_VALUES or y.shape[1:] != test_y.shape[1:]:
        return None
    tested = are_finite(test_x, test_y)
    test_x, test_y, known = test_x[tested], test_y[tested], y[kept]
    known = known[are_finite(known)]
    if len(known) < (LEAST if is_whole else 8) or len(test_x) < LEAST:
        return None
    targets = np.concatenate([known, test_y])
    rows = targets.reshape(len(targets), -1)
    if axes > 2:
        rows = targets.reshape(-1, targets.shape[-1] if targets.ndim == axes else 1)
    if task is None or (task == "classes" and not _may_be_classes(rows)):
        task = _task(rows)
    return Sample(x[kept], y[kept], test_x, test_y, task, axes, is_whole=is_whole)


def _may_be_classes(targets: np.ndarray) -> bool:
    """Whether targets, (rows, values), are class numbers or one-hot rows, whatever their number."""
    if targets.shape[1] > 1:
        return bool(((targets == 0) | (targets == 1)).all() and (targets.sum(1) == 1).all())
    return bool((targets == np.rint(targets)).all() and targets.min() >= 0)


def are_finite(*arrays: np.ndarray) -> np.ndarray:
    """Which rows of arrays, (rows, …) each, hold finite numbers only, (rows,)."""
    return np.logical_and.reduce([np.isfinite(one.reshape(len(one), -1)).all(1) for one in arrays])


def most_rows(x: np.ndarray, y: np.ndarray, rows: int) -> int:
    """How many of `rows` rows fit into the memory of an experiment, which computes with float32."""
    return min(rows, max(1, MAX_BYTES // max(1, 4 * max(x[0].size, y[0].size))))


def _task(targets: np.ndarray) -> Task:
    """Whether targets, (rows, values), are classes or numbers."""
    if targets.shape[1] > 1 or not _may_be_classes(targets):
        return "classes" if _may_be_classes(targets) else "numbers"
    distinct = np.unique(targets)
    few = len(distinct) <= min(MAX_CLASSES, max(2, len(targets) // 8)) and distinct.max() < 2 * len(distinct)
    return "classes" if few else "numbers"


def class_numbers(targets: np.ndarray, axes: int = 2) -> np.ndarray:
    """The class number of each row, or of each position of each row, (any number,), of numbers or of one-hot rows.

    Args:
        targets: the targets, as the loss takes them.
        axes: the axes of the network's outputs.
    """
    if axes > 2:
        wide = targets.ndim == axes and targets.shape[-1] > 1
        return np.asarray((targets.argmax(-1) if wide else targets).reshape(-1).astype(np.int64))
    flat = targets.reshape(len(targets), -1)
    return np.asarray(flat.argmax(1) if flat.shape[1] > 1 else flat[:, 0].astype(np.int64))
