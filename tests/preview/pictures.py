"""Folders and files of images for the page, with whatever people may have in them."""

from pathlib import Path

import numpy as np
from PIL import Image

HOSTILE = "cat <b>x<script>alert(1)"  # the name of a class and of files


def photo(rng: np.random.Generator, size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """A smooth random image, as different from others as a photo."""
    channels = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    small = rng.integers(0, 256, (6, 6, channels), np.uint8)
    return Image.fromarray(small[..., 0] if channels == 1 else small).resize(size, Image.Resampling.BICUBIC)


def write_folder(root: Path) -> Path:
    """A folder with two classes: copies with another label, a broken file, transparency, and names with HTML."""
    rng = np.random.default_rng(0)
    for name, count in ((HOSTILE, 40), ("dog", 20)):
        (root / name).mkdir(parents=True)
        for number in range(count):
            mode = ("RGB", "L", "RGBA")[number % 3]
            photo(rng, (24 + number, 30), mode).save(root / name / f"<i>{number:02}.png")
    for number in range(3, 33, 3):
        copied = (root / HOSTILE / f"<i>{number:02}.png").read_bytes()
        (root / "dog" / f"copy{number}.png").write_bytes(copied)
    (root / "dog" / "broken.png").write_bytes(b"no image")
    (root / "dog" / "notes.txt").write_text("text")
    return root


def write_arrays(path: Path, count: int, classes: int, shape: tuple[int, int, int]) -> Path:
    """An .npz file of random images."""
    rng = np.random.default_rng(0)
    arrays = {}
    for part, size in (("train", count), ("test", max(classes, count // 10))):
        labels = np.arange(size) % classes
        levels = (labels * 7 % 97).astype(np.uint8)[:, None, None, None]
        arrays[f"y_{part}"] = labels
        arrays[f"x_{part}"] = rng.integers(0, 120, (size, *shape), np.uint8) + levels
    np.savez(path, classes=np.array([f"class {number} <i>" for number in range(classes)]), **arrays)
    return path
