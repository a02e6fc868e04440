"""Groups of images, such as all images of one person: their names, and draws that keep each group on one side."""

import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from exprun.config.errors import DataError, one_line
from exprun.config.images import FOLDER, OUTER_FOLDER, Data
from exprun.data.pool import TEST, TRAIN, VALIDATION, Pool

PASSES = 20  # passes over all groups that improve a draw; most draws end after three
NAMES = {TRAIN: "training", VALIDATION: "validation", TEST: "test"}
EXAMPLES = 3  # files that an error names


@dataclass(frozen=True)
class Groups:
    """The group of each image of a pool.

    Args:
        numbers: the number of the group of each image, int64, (images,).
        names: the names of the groups, in the order of their numbers.
    """

    numbers: np.ndarray
    names: Sequence[str]

    @classmethod
    def of(cls, names: Sequence[str]) -> "Groups":
        """The groups of images, from the name of the group of each image."""
        known, numbers = np.unique(np.asarray(names, dtype=str), return_inverse=True)
        return cls(numbers.reshape(-1), known.tolist())

    def count(self, rows: np.ndarray) -> int:
        """The number of groups of some images."""
        return len(np.unique(self.numbers[rows]))


def group_finder(group: str) -> Callable[[str, str], str]:
    """A function that returns the group of an image of `data=image_folder`, or an empty text if it has none.

    Its arguments are the path of the image below `data.root`, and the path of the folder of its class.

    Args:
        group: `data.group`: `folder`, `outer_folder`, or a pattern with one group in parentheses.
    """
    if group == FOLDER:  # the first folder below that of the class
        return lambda path, class_folder: path[len(class_folder) + 1 :].rpartition("/")[0].partition("/")[0]
    if group == OUTER_FOLDER:
        return lambda _, class_folder: class_folder.rpartition("/")[0].rpartition("/")[2]
    pattern = re.compile(group)
    return lambda path, _: (found[1] or "") if (found := pattern.search(path)) else ""


def check_complete(group: str, files: Sequence[str], groups: Sequence[str]) -> None:
    """Refuse images of `data=image_folder` without a group.

    Args:
        group: `data.group`.
        files: the path of each image below `data.root`.
        groups: the group of each image; empty if it has none.

    Raises:
        DataError: images have no group; the message names some of them.
    """
    without = [file for file, name in zip(files, groups, strict=True) if not name]
    if not without:
        return
    examples = ", ".join(without[:EXAMPLES]) + (", …" if len(without) > EXAMPLES else "")
    what = "are in no folder below that of their class" if group == FOLDER else "do not match"
    raise DataError(f"data.group={group}: {len(without):,} of {len(files):,} images {what} ({examples}).")


def groups_of_arrays(files: list[Path], group: str, pool: Pool) -> list[str]:
    """The group of each image of `data=arrays`.

    Args:
        files: the files with the arrays.
        group: `data.group`, the first part of the names of arrays: `{group}_train`, and for other splits `{group}_val`
            and `{group}_test`.
        pool: all images of the data set.

    Raises:
        DataError: an array is missing, damaged or does not fit the images.
    """
    found = []
    for part, split in ((TRAIN, "train"), (VALIDATION, "val"), (TEST, "test")):
        count, name = int((pool.parts == part).sum()), f"{group}_{split}"
        if not count:
            continue
        values = _array(files, name)
        if values is None or values.shape not in ((count,), (count, 1)) or values.dtype.kind not in "iuUS":
            what = "there is none" if values is None else f"it is {values.dtype} of shape {values.shape}"
            raise DataError(
                f"data.group={group} needs an array {name} with a whole number or a text for each of the {count:,} "
                f"images in x_{split}, but {what}."
            )
        if values.dtype.kind == "S":
            values = np.char.decode(values, "utf-8", "backslashreplace")
        found += values.reshape(-1).astype(str).tolist()
    return found


def _array(files: list[Path], name: str) -> np.ndarray | None:
    """The array of a name, without reading the others; None if there is none."""
    for file in files:
        if file.suffix == ".npz" or file.stem == name:
            try:
                loaded = np.load(file, allow_pickle=False)
                found = loaded if isinstance(loaded, np.ndarray) else loaded[name] if name in loaded.files else None
            except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
                raise DataError(f"{file} cannot be read: {one_line(error)[:120]}.") from None
            if found is not None:
                return np.asarray(found)
    return None


def check_given_splits(groups: Groups, parts: dict[int, np.ndarray], data: Data) -> None:
    """Refuse groups that the splits of the data set itself divide.

    Args:
        groups: the groups of all images of the pool.
        parts: the rows of each split of the data set.
        data: the settings of the data set.

    Raises:
        DataError: a group has images in two splits.
    """
    seen = {part: np.unique(groups.numbers[rows]) for part, rows in parts.items() if len(rows)}
    for first, second in ((TRAIN, VALIDATION), (TRAIN, TEST), (VALIDATION, TEST)):
        if first not in seen or second not in seen:
            continue
        shared = np.intersect1d(seen[first], seen[second])
        if len(shared):
            count, total = len(shared), len(groups.names)
            raise DataError(
                f"data.group={data.group}: {count:,} of {total:,} groups ({groups.names[shared[0]]}"
                f"{', …' if count > 1 else ''}) {'have' if count > 1 else 'has'} both {NAMES[first]} and "
                f"{NAMES[second]} images in the splits of the data set itself: move each group to one side, or leave "
                "data.group out."
            )


def held_out_groups(
    rows: np.ndarray, labels: np.ndarray, groups: Groups, count: int, rng: np.random.Generator, keep: int = 1
) -> np.ndarray:
    """Draw whole groups with about `count` of the rows, from each class about its share, in ascending order.

    Groups are taken or put back in random order as long as this makes the counts more like those of a stratified draw
    of `count` rows. The measure is chi-squared: the squared differences divided by the wanted counts, over the classes,
    plus that of the total, which weighs half as much as all classes. Each class keeps at least one row that is not
    drawn.

    Args:
        rows: the rows to draw from.
        labels: the class numbers of all images of the pool.
        groups: the groups of all images of the pool.
        count: the wanted number of rows.
        rng: the random number generator.
        keep: the number of groups that are not drawn, at least.

    Returns:
        The rows; none if each group is at least twice as large as `count`, or holds all rows of a class.
    """
    if not len(rows) or not count:
        return rows[:0]
    _, of_class = np.unique(labels[rows], return_inverse=True)
    _, of_group = np.unique(groups.numbers[rows], return_inverse=True)
    sizes = np.bincount(of_class)
    pairs, numbers = np.unique(of_group * len(sizes) + of_class, return_counts=True)
    starts = np.searchsorted(pairs, np.arange(of_group.max() + 2) * len(sizes))
    members = [(pairs[a:b] % len(sizes), numbers[a:b]) for a, b in pairwise(starts)]
    wanted = sizes * (count / len(rows))
    weight, of_total = 1 / np.maximum(wanted, 1), len(sizes) / count / 2
    taken, total, drawn, left = np.zeros(len(sizes)), 0, np.zeros(len(members), bool), len(members)
    for _ in range(PASSES):
        before = drawn.copy()
        for one in rng.permutation(len(members)):
            classes, added = members[one]
            size, sign = int(added.sum()), -1 if drawn[one] else 1
            missing = taken[classes] - wanted[classes]
            change = (weight[classes] * added * (2 * sign * missing + added)).sum()
            change += of_total * size * (2 * sign * (total - count) + size)
            may_take = left > keep and (taken[classes] + added < sizes[classes]).all()
            if change < -1e-9 and (sign < 0 or may_take):
                taken[classes] += sign * added
                total += sign * size
                left -= sign
                drawn[one] = sign > 0
        if (drawn == before).all():
            break
    return rows[drawn[of_group]]


def nothing_held_out(
    key: str, count: int, rows: np.ndarray, labels: np.ndarray, groups: Groups, data: Data
) -> DataError:
    """The error that no group could be held out.

    Args:
        key: `val_fraction` or `test_fraction`.
        count: the wanted number of images.
        rows: the rows from which groups should have been held out.
        labels: the class numbers of all images of the pool, or several labels, (images, classes).
        groups: the groups of all images of the pool.
        data: the settings of the data set.
    """
    numbers, sizes = np.unique(groups.numbers[rows], return_counts=True)
    smallest = int(sizes.argmin())
    start = f"data.group={data.group}: no group can be held out for data.{key}={getattr(data, key)} ({count:,} images)"
    if labels.ndim == 1:
        pairs = np.unique(np.stack([labels[rows], groups.numbers[rows]]), axis=1)
        if pairs.shape[1] == len(np.unique(pairs[0])):
            return DataError(f"{start}, because each class has one group only: choose groups that are not classes.")
    if sizes[smallest] >= 2 * count:
        return DataError(
            f"{start}, because the smallest of {len(sizes):,} groups, {groups.names[numbers[smallest]]}, has "
            f"{sizes[smallest]:,} images: raise data.{key}, or choose smaller groups."
        )
    return DataError(
        f"{start}, because each class keeps images for training, and each group holds all images of a class or too "
        f"many of one: choose smaller groups, or another data.{key}."
    )


def summary(groups: Groups, splits: dict[str, np.ndarray], group: str) -> str:
    """A sentence with the number of groups in each split.

    Args:
        groups: the groups of all images of the pool.
        splits: the rows of each split, by its name.
        group: `data.group`.
    """
    counts = [f"{groups.count(rows):,} for {name}" for name, rows in splits.items() if len(rows)]
    return f"data.group={group} keeps groups on one side of each split: {', '.join(counts)}."
