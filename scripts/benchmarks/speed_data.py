"""Data sets of noise for `scripts/bench speed`: speed does not depend on what the images show."""

from pathlib import Path

import numpy as np
from PIL import Image

SPLITS = ("train", "val", "test")


def noise_arrays(folder: Path, size: int, images: int, name: str = "data") -> list[str]:
    """Write arrays of noise and return the overrides that read them.

    Args:
        folder: the folder for the arrays and their cache.
        size: the height and width of the images, in pixels.
        images: the number of training images.
        name: the name of the file, without its extension.
    """
    rng = np.random.default_rng(0)
    path = folder / f"{name}.npz"
    arrays: dict[str, np.ndarray] = {}
    for split, count in zip(SPLITS, (images, 32, 32), strict=True):
        arrays[f"x_{split}"] = rng.integers(0, 256, (count, size, size, 3), np.uint8)
        arrays[f"y_{split}"] = np.arange(count) % 10
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return ["data=arrays", f"data.root={path}", f"data.cache={folder / 'cache'}"]


def noise_files(folder: Path, images: int) -> list[str]:
    """Write JPEG files of 256×256 pixels and return the overrides that read them.

    The files have about as many bytes as photographs with the same number of pixels.

    Args:
        folder: the folder for the files, in ten classes, and their cache.
        images: the number of training images.
    """
    rng = np.random.default_rng(0)
    root = folder / "pictures"
    for split, count in zip(SPLITS, (images, 32, 32), strict=True):
        for number in range(count):
            coarse = Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).resize((256, 256))
            of_class = root / split / str(number % 10)
            of_class.mkdir(parents=True, exist_ok=True)
            coarse.save(of_class / f"{number}.jpg", quality=90)
    return ["data=image_folder", f"data.root={root}", "data.size=224", f"data.cache={folder / 'cache'}"]
