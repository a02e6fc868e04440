"""The folds of a cross-validation: stratified, and with each group of images in one fold."""

import numpy as np

from exprun.config.errors import DataError
from exprun.config.images import Data
from exprun.data.groups import Groups
from exprun.data.several import divided

ATTEMPTS = 20  # random orders of the groups that are tried until each fold has images of each class


def fold_of(
    rows: np.ndarray, labels: np.ndarray, groups: Groups | None, data: Data, classes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Divide rows into `data.folds` folds, drawn with `data.split_seed`.

    The folds are disjoint, and together they are all rows. Without groups, their sizes differ by at most one image.

    Args:
        rows: the rows to divide, in ascending order.
        labels: the class numbers of all images of the pool, or several labels, (images, classes).
        groups: the groups of all images of the pool; None without groups.
        data: the settings of the data set, with `data.folds`.
        classes: the names of the classes.

    Returns:
        The rows of all other folds, and the rows of the fold `data.fold`, both in ascending order.

    Raises:
        DataError: a class has fewer images or groups than folds, a group has more images than two folds, or no division
            of the groups puts each class into each fold.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    assert data.folds is not None
    assert data.fold is not None
    if not len(rows):
        return rows, rows
    if labels.ndim > 1:
        return _of_several(rows, labels, groups, data.folds, data.fold, np.random.default_rng(data.split_seed))
    _check_counts(rows, labels, groups, data, classes)
    # The instance continues its random sequence, so that each attempt has another order.
    random = np.random.RandomState(data.split_seed)
    if groups is None:
        found = list(StratifiedKFold(data.folds, shuffle=True, random_state=random).split(rows, labels[rows]))
    else:
        _check_largest(rows, groups, data.folds)
        splitter = StratifiedGroupKFold(data.folds, shuffle=True, random_state=random)
        for _ in range(ATTEMPTS):
            found = list(splitter.split(rows, labels[rows], groups.numbers[rows]))
            if all(len(np.unique(labels[rows[fold]])) == len(np.unique(labels[rows])) for _, fold in found):
                break
        else:
            raise DataError(
                f"data.folds={data.folds}: {ATTEMPTS} divisions of {groups.count(rows)} groups were tried, but none "
                "has images of each class in each fold: choose fewer folds, or another data.split_seed."
            )
    others, fold = found[data.fold]
    return rows[others], rows[fold]


def _of_several(
    rows: np.ndarray, labels: np.ndarray, groups: Groups | None, folds: int, fold: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The rows of all other folds and those of one fold; each label is spread over the folds as evenly as possible."""
    if groups is not None:
        _check_largest(rows, groups, folds)
    sizes = [len(part) for part in np.array_split(rows, folds)]
    chosen = divided(rows, labels, sizes, rng, groups)[fold]
    return np.setdiff1d(rows, chosen), chosen


def _check_counts(rows: np.ndarray, labels: np.ndarray, groups: Groups | None, data: Data, classes: list[str]) -> None:
    """Refuse classes that would be missing in a fold."""
    assert data.folds is not None
    pairs = np.unique(np.stack([labels[rows], rows if groups is None else groups.numbers[rows]]), axis=1)
    numbers, counts = np.unique(pairs[0], return_counts=True)
    if (few := counts < data.folds).any():
        smallest = int(counts.argmin())
        name, count = classes[numbers[smallest]], int(counts[smallest])
        what = ("image" if count == 1 else "images") if groups is None else ("group" if count == 1 else "groups")
        others = f" (and {few.sum() - 1} more of {len(counts)} classes)" if few.sum() > 1 else ""
        fewer = f"choose at most data.folds={count}, or " if count > 1 else ""
        raise DataError(
            f"data.folds={data.folds}: class {name} has {count} {what}, so it would be missing in a fold{others}: "
            f"{fewer}leave such classes out with data.classes."
        )


def _check_largest(rows: np.ndarray, groups: Groups, folds: int) -> None:
    """Refuse a group that is larger than two folds, whose fold would leave too little for the others."""
    numbers, sizes = np.unique(groups.numbers[rows], return_counts=True)
    largest = int(sizes.argmax())
    if sizes[largest] > 2 * len(rows) / folds:
        raise DataError(
            f"data.folds={folds}: group {groups.names[numbers[largest]]} has {sizes[largest]:,} of {len(rows):,} "
            f"images, more than two folds of about {len(rows) // folds:,}: choose fewer folds, or smaller groups."
        )
