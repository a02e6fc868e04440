"""A folder of pictures: one folder a class, with or without folders for the splits."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from exprun.config.errors import DataError, one_line
from exprun.config.schema import Data
from exprun.data.pool import TEST, TRAIN, VALIDATION, Allocate, Pool, Source, plain

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
# Formats that decode in Pillow alone; EPS, for one, would start another program.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "MPO")
SPLITS = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
}
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height


def locate_folder(data: Data) -> Source:
    """The pictures below `data.root`.

    Raises:
        DataError: no folder there, no pictures in it, or classes that differ between the splits.
    """
    assert data.root is not None
    root = Path(data.root).expanduser()
    if not root.is_dir():
        raise DataError(f"data.root={data.root} is not a folder.")
    inside = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))
    splits = {name: SPLITS[name.lower()] for name in inside if name.lower() in SPLITS}
    if splits and TRAIN not in splits.values():
        raise DataError(f"{root} has {', '.join(splits)} but no train folder.")
    places = [(part, root / name) for name, part in splits.items()] if splits else [(TRAIN, root)]
    # Paths as text: sets have files by the hundred thousand, and Path objects would take seconds.
    found: list[tuple[str, str, int]] = []
    for part, place in places:
        for name in sorted(
            entry.name for entry in os.scandir(place) if entry.is_dir() and not entry.name.startswith(".")
        ):
            files = sorted(
                os.path.join(folder, file)
                for folder, _, names in os.walk(place / name)
                for file in names
                if os.path.splitext(file)[1].lower() in SUFFIXES and not file.startswith(".")
            )
            found += [(file, name, part) for file in files]
    classes = sorted({name for _, name, part in found if part == TRAIN})
    if len(classes) < 2:
        raise DataError(
            f"{root} has pictures of {len(classes)} {'class' if len(classes) == 1 else 'classes'}: "
            "put those of each class into a folder of its own, at least two of them."
        )
    if strange := sorted({name for _, name, _ in found} - set(classes)):
        raise DataError(f"{root}: class {strange[0]} has no training pictures.")
    labelling = "\n".join(f"{file.removeprefix(str(root))}\0{name}\0{part}" for file, name, part in found)
    key = hashlib.sha256(labelling.encode(errors="surrogateescape")).hexdigest()
    return Source([file for file, _, _ in found], lambda allocate: _read(found, classes, data, allocate), key)


def _read(found: list[tuple[str, str, int]], classes: list[str], data: Data, allocate: Allocate) -> Pool:
    size = (data.size, data.size) if data.size else _common_size([file for file, _, _ in found])
    mode = "L" if data.channels == 1 else "RGB"
    images = allocate((len(found), size[1], size[0], 1 if mode == "L" else 3))
    skipped: dict[int, str] = {}

    def decode(index: int) -> None:
        try:
            images[index] = decode_picture(found[index][0], size, mode)
        except Exception as error:  # Pillow raises nearly anything on a damaged file
            known: dict[type[Exception], str] = {
                UnidentifiedImageError: "not a picture",
                FileNotFoundError: "a link to nothing",
            }
            reason = known.get(type(error)) or one_line(error)[:120]
            skipped[index] = f"{found[index][0]}: {reason}"

    Image.init()  # not thread-safe, so before the threads
    with ThreadPoolExecutor() as threads:
        list(threads.map(decode, range(len(found)), chunksize=64))
    if skipped and data.corrupt == "refuse":
        first = skipped[min(skipped)]
        raise DataError(
            f"{len(skipped)} of {len(found)} pictures cannot be read, the first is {first}; "
            "data.corrupt=skip leaves them out."
        )
    if len(skipped) == len(found):
        raise DataError(f"None of the {len(found)} pictures can be read, the first is {skipped[0]}.")
    keep = np.array([index not in skipped for index in range(len(found))], bool)
    if len(skipped):
        every, images = images, allocate((int(keep.sum()), *images.shape[1:]))
        for place, index in enumerate(np.flatnonzero(keep)):
            images[place] = every[index]
    labels = np.array([classes.index(name) for _, name, _ in found], np.int32)[keep]
    parts = np.array([part for _, _, part in found], np.uint8)[keep]
    if empty := set(range(len(classes))) - set(labels[parts == TRAIN].tolist()):
        raise DataError(f"None of the training pictures of class {classes[min(empty)]} can be read.")
    return Pool(images, labels, [plain(name) for name in classes], parts, [skipped[i] for i in sorted(skipped)])


def _common_size(files: list[str]) -> tuple[int, int]:
    """The one size, width and height, that all pictures have."""
    sizes = set()
    for file in files:
        try:
            with Image.open(file, formats=FORMATS) as picture:
                turned = picture.getexif().get(0x0112) in SIDEWAYS
                sizes.add(picture.size[::-1] if turned else picture.size)
        except Exception:  # named when it is decoded
            continue
        if len(sizes) > 1:
            a, b = sorted(sizes)
            raise DataError(
                f"The pictures differ in size ({a[0]}×{a[1]}, {b[0]}×{b[1]}); choose one, for example data.size=64."
            )
    if not sizes:
        raise DataError(f"None of the {len(files)} pictures can be read, the first is {files[0]}.")
    return sizes.pop()


def decode_picture(file: str, size: tuple[int, int], mode: str) -> np.ndarray:
    """One picture, cropped to the shape in its middle and scaled; (height, width, channels), uint8."""
    with Image.open(file, formats=FORMATS) as picture:
        if picture.width * picture.height > (Image.MAX_IMAGE_PIXELS or 0):
            raise ValueError(f"{picture.width}×{picture.height} pixels are too many")
        picture.draft(mode, (size[0] * 2, size[1] * 2))  # JPEG decodes straight to a smaller size
        upright = _eight_bits(ImageOps.exif_transpose(picture)).convert(mode)
        if upright.size != size:
            upright = ImageOps.fit(upright, size, Image.Resampling.BILINEAR)
        pixels = np.asarray(upright)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _eight_bits(picture: Image.Image) -> Image.Image:
    """A picture of 16 bits a pixel scaled to 8, which Pillow's own conversion would cut off at 255."""
    if not picture.mode.startswith("I"):
        return picture
    return Image.fromarray(np.clip(np.asarray(picture, np.float64) / 257, 0, 255).round().astype(np.uint8))
