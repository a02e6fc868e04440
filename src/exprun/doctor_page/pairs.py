"""Images of different splits that are copies of one another, as pairs to look at."""

from dataclasses import dataclass

import numpy as np

from exprun.doctor.instruments.leaks import Prints, find_leaks
from exprun.doctor.subject import Subject

MOST = 6  # pairs that are shown


@dataclass(frozen=True)
class Copies:
    """Pairs of images of two splits.

    Args:
        images: the images of each pair, the one of the later split first.
        captions: the captions of each pair.
        described: how many pairs there are, and which splits they belong to.
    """

    images: list[tuple[np.ndarray, np.ndarray]]
    captions: list[tuple[str, str]]
    described: str


def copies(subject: Subject) -> Copies | None:
    """The first pairs of images of a split that are copies of images of an earlier split; None without."""
    prints = [one for one in subject.prints() if one.digests]
    by_split = {one.split: one for one in prints}
    for split, leak in find_leaks(prints, 0.0).items():
        pairs, later = leak.pairs[:MOST], by_split[split]
        if not pairs or later.images is None:
            continue
        images = [(later.images[pair.row], _images(by_split[pair.earlier])[pair.other]) for pair in pairs]
        captions = [
            (_caption(later, pair.row), f"{pair.kind} {_caption(by_split[pair.earlier], pair.other)}") for pair in pairs
        ]
        return Copies(images, captions, f"Copies of images of earlier splits among {split} images: {len(leak.pairs):,}")
    return None


def _images(prints: Prints) -> np.ndarray:
    assert prints.images is not None  # the rows of a pair are known
    return prints.images


def _caption(prints: Prints, row: int) -> str:
    name = prints.name(row)
    return f"{prints.split}: {name}" if name else prints.split
