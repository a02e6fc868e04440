"""The images of a set before its splits, and where they come from."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

TRAIN, VALIDATION, TEST = 0, 1, 2


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
    """

    images: np.ndarray
    labels: np.ndarray
    classes: list[str]
    parts: np.ndarray
    skipped: list[str] = field(default_factory=list)
    fingerprint: str = ""


class Source(NamedTuple):
    """The files of a set, and what reads them."""

    files: Sequence[str | Path]
    read: Callable[[], Pool]
    labelling: str = ""  # what the places of the files say beyond their content


def plain(name: str) -> str:
    """A class name without control characters, for terminals and file names."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "�", name)
