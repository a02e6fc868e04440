"""The shape of a data set's images, read from the heads of a few files; no image is decoded."""

import contextlib
import zipfile
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np

from exprun.config.datasets import facts_of
from exprun.config.errors import DataError
from exprun.config.images import SHARDS, Data
from exprun.config.paths import user_path
from exprun.data.csv_file import first_files
from exprun.data.decode import UnreadableImage, upright_size
from exprun.data.folder import some_images

PROBED = 8  # files whose heads are read

Shape = tuple[int, int, int]


def image_shape(data: Data) -> Shape | None:
    """The height, width and channels of the images that a run gets; None if a few files do not show them.

    Args:
        data: the settings of the data set, whose files may be missing or damaged.
    """
    facts = facts_of(data)
    found = facts.shape if facts is not None else _shape_in_files(data)
    if found is None:
        return None
    height, width, channels = found
    return data.size or height, data.size or width, data.channels or channels


def _shape_in_files(data: Data) -> Shape | None:
    """The shape of the images in the user's files, before they are scaled."""
    assert data.root is not None
    if data.name == "arrays":
        return _shape_of_arrays(user_path(data.root))
    if data.size is not None:
        return data.size, data.size, 3
    if data.name in SHARDS or "://" in data.root:
        return None
    try:
        return _common_shape(
            some_images(str(user_path(data.root))) if data.name == "image_folder" else first_files(data, PROBED)
        )
    except DataError:
        return None


def _common_shape(files: Iterable[str]) -> Shape | None:
    """The shape of the first images, if they all have the same."""
    sizes = set()
    for file in islice(files, PROBED):
        with contextlib.suppress(UnreadableImage):
            sizes.add(upright_size(file))
    if len(sizes) != 1:
        return None
    width, height = sizes.pop()
    return height, width, 3


def _shape_of_arrays(root: Path) -> Shape | None:
    """The shape of the images in the array `x_train` of an `.npz` file, or of a folder of `.npy` files."""
    with contextlib.suppress(OSError, ValueError, KeyError, zipfile.BadZipFile):
        if root.is_file():
            with zipfile.ZipFile(root) as archive, archive.open("x_train.npy") as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, _ = read(file)
        else:
            shape = np.load(root / "x_train.npy", mmap_mode="r", allow_pickle=False).shape
        if len(shape) in (3, 4):
            return shape[1], shape[2], shape[3] if len(shape) == 4 else 1
    return None
