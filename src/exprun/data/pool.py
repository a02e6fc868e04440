"""The images of a set before its splits, and where they come from."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

TRAIN, VALIDATION, TEST = 0, 1, 2

Allocate = Callable[[tuple[int, int, int, int]], np.ndarray]  # room for images, uint8, of a shape


@dataclass
class Pool:
    """All images of a set, before splits.

    Args:
        images: uint8, (images, height, width, channels).
        labels: int32, (images,), numbers of `classes`.
        classes: names, in the order of their numbers.
        parts: for each image 0 training, 1 validation, 2 test, by the set's own division; uint8.
        skipped: files that could not be read, with the reason.
        fingerprint: SHA-256 of images, labels and parts, in hex.
        files: for each image the file that it was read from, below the set's folder; empty where it has none.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: list[str]
    parts: np.ndarray
    skipped: list[str] = field(default_factory=list)
    fingerprint: str = ""
    files: list[str] = field(default_factory=list)


class LeftOut(NamedTuple):
    """A file or folder that lies among the images of a set and is not read.

    Args:
        path: below the folder of the set.
        reason: why, in words that follow a number: "hidden", "of format .heic".
    """

    path: str
    reason: str


class Source(NamedTuple):
    """The files of a set, and what reads them.

    Args:
        files: all that the images depend on.
        read: makes the pool; images that may be many are written into room that it asks for, which may
            be a file, so that a set does not have to fit into memory.
        labelling: what the places of the files say beyond their content.
        left_out: what lies among the files and is not read.
        note: what was made of a folder that could be meant in two ways; empty where there is none.
    """

    files: Sequence[str | Path]
    read: Callable[[Allocate], Pool]
    labelling: str = ""
    left_out: Sequence[LeftOut] = ()
    note: str = ""


def in_memory(shape: tuple[int, int, int, int]) -> np.ndarray:
    """Room for images in memory."""
    return np.empty(shape, np.uint8)


def plain(name: str) -> str:
    """A class name without control characters, for terminals and file names."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "�", name)
