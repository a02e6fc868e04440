"""The images of a data set before they are split, and the files they come from."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exprun.config.errors import printable
from exprun.data.decode import Content

TRAIN, VALIDATION, TEST = 0, 1, 2

Allocate = Callable[[tuple[int, int, int, int]], np.ndarray]  # allocates a uint8 array of images of a given shape


@dataclass
class Pool:
    """All images of a data set, before they are split.

    Args:
        images: the images, uint8, (images, height, width, channels).
        labels: the class number of each image, int32, (images,); or several or soft labels, float32, (images, classes).
        classes: the names of the classes, in the order of their numbers.
        parts: the split to which the data set assigns each image, uint8, (images,): 0 training, 1 validation, 2 test.
        skipped: the files that could not be read, each with the reason.
        fingerprint: the SHA-256 of images, labels and parts, in hex.
        files: the file of each image, below the folder of the data set; empty if the images have no files of their own.
        groups: the name of the group of each image, if it is known only from reading all files; empty otherwise.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: list[str]
    parts: np.ndarray
    skipped: list[str] = field(default_factory=list)
    fingerprint: str = ""
    files: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


class LeftOut(NamedTuple):
    """A file or folder among the images of a data set that is not read.

    Args:
        path: the path below the folder of the data set.
        reason: the reason, in words that can follow a number: "hidden", "of format .heic".
    """

    path: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """The encoded images of a data set, with their labels, before they are decoded.

    Args:
        root: the folder of the data set, which the names of files leave out.
        found: the path or name, the class and the split of each image.
        classes: the names of the classes, in the order of their numbers.
        labels: several or soft labels, float32, (images, classes); None for those of `found`.
        read: function that returns the content of each image, in the order of `found`; None if `found` has paths.
        groups: the group of each image, if it is known only from reading all files; empty otherwise.
        skipped: images that are left out of `found`, each with the reason.
    """

    root: str
    found: list[tuple[str, str, int]]
    classes: list[str]
    labels: np.ndarray | None = None
    read: Callable[[], Iterable[Content]] | None = None
    groups: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def contents(self) -> Iterable[Content]:
        """The content of each image, or the path of its file."""
        return [file for file, _, _ in self.found] if self.read is None else self.read()


def below(file: str, root: str) -> str:
    """The path of a file below the folder of the data set, as people read it and as `Pool.files` has it."""
    return printable(file.removeprefix(f"{root}{os.sep}"))


class Source(NamedTuple):
    """The files of a data set, and the function that reads them.

    Args:
        files: all files that the images depend on.
        read: function that reads the pool; it writes the images into an array that it allocates with its argument,
            which may be a memory-mapped file, so that the data set need not fit into memory.
        labelling: the classes and splits as far as they follow from the paths of the files, as text for the cache key.
        left_out: files and folders that are not read.
        note: how an ambiguous folder was read; empty if there is nothing to note.
        groups: function that returns the name of the group of each image of a pool; None without `data.group`.
        listing: function that returns the encoded images; None if the data set has no encoded images.
    """

    files: Sequence[str | Path]
    read: Callable[[Allocate], Pool]
    labelling: str = ""
    left_out: Sequence[LeftOut] = ()
    note: str = ""
    groups: Callable[[Pool], list[str]] | None = None
    listing: Callable[[], Listing] | None = None


def in_memory(shape: tuple[int, int, int, int]) -> np.ndarray:
    """An empty uint8 array of images, in memory."""
    return np.empty(shape, np.uint8)


def plain(name: str) -> str:
    """A class name without control characters, for terminals and file names."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "�", name)
