"""Images that are shown next to the ones that they are copies of."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exprun.doctor.context import Context
from exprun.doctor.instruments.kinship import find_kin
from exprun.doctor.instruments.leaks import Prints

SHOWN = 12  # pairs of each kind that are shown


@dataclass(frozen=True)
class Copy:
    """An image and another one that shows the same.

    Args:
        row: the row of the image in the pool.
        other: the row of the other image.
        split: the name of the split of the image.
        earlier: the name of the split of the other image.
        kind: how the image is related to the other one, in words such as `exact copies of`.
    """

    row: int
    other: int
    split: str
    earlier: str
    kind: str


@dataclass(frozen=True)
class Repeats:
    """Images that occur several times, bit for bit.

    Args:
        training: the number of training images that equal another training image.
        compared: the number of training images that were compared.
        conflicting: pairs of equal images of all splits with different labels.
        same: pairs of equal training images with the same label.
    """

    training: int
    compared: int
    conflicting: Sequence[Copy]
    same: Sequence[Copy]


def leaked(context: Context) -> list[Copy]:
    """The copies of images of earlier splits, at most `SHOWN` of each kind and split."""
    found = []
    for split, leak in context.leaks.items():
        kinds: dict[tuple[str, str], list[Copy]] = defaultdict(list)
        for pair in leak.pairs:
            kinds[pair.kind, pair.earlier].append(Copy(pair.row, pair.other, split, pair.earlier, pair.kind))
        found += [copy for copies in kinds.values() for copy in copies[:SHOWN]]
    return found


def related(context: Context, files: Sequence[str]) -> list[Copy]:
    """A pair of images of the same group, such as a person, on two sides of each split.

    Args:
        context: what the doctor has looked at.
        files: the file of each image of the pool.
    """
    groupings = context.subject.groupings
    found = []
    for groups in groupings() if groupings is not None else ():
        training, *others = context.prints
        for asked in others:
            kin = find_kin(training, asked, groups)
            if kin is not None and kin.examples:
                row, other = (files.index(name) for name in kin.examples)
                found.append(Copy(row, other, asked.split, "training", f"of the group '{kin.group}', as is"))
    return found


def repeats(prints: Sequence[Prints], labels: np.ndarray) -> Repeats:
    """The images that equal another one.

    Args:
        prints: the fingerprints of all splits, training first.
        labels: the labels of all images of the pool.
    """
    places: dict[bytes, list[tuple[int, str]]] = defaultdict(list)
    for one in prints:
        assert one.rows is not None
        for digest, row in zip(one.digests, one.rows, strict=True):
            if digest:
                places[digest].append((int(row), one.split))
    training = 0
    pairs: dict[bool, list[Copy]] = {True: [], False: []}
    for (first, earlier), *rest in places.values():
        inside = sum(split == prints[0].split for _, split in rest)
        training += inside + 1 if inside else 0
        for row, split in rest:
            is_same = np.array_equal(labels[row], labels[first])
            if not is_same or split == earlier == prints[0].split:
                pairs[is_same].append(Copy(row, first, split, earlier, "equal to"))
    return Repeats(training, len(prints[0].digests), pairs[False], pairs[True])
