"""A folder of images: one folder a class, with or without folders for the splits."""

import hashlib
import os
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from exprun.config.errors import DataError, printable
from exprun.config.images import Data
from exprun.config.paths import user_path
from exprun.data.decode import SUFFIXES, UnreadableImage, decode_image, upright_size
from exprun.data.pool import TEST, TRAIN, VALIDATION, Allocate, LeftOut, Pool, Source, plain

SPLITS = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
}
# Folders that macOS, Synology and Windows put beside images, with copies and thumbnails of them.
SYSTEM = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"})
SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
REASONS = 8  # that one line has room for
EXAMPLES = 3  # of each


def locate_folder(data: Data) -> Source:
    """The images below `data.root`.

    Raises:
        DataError: no folder there, no images in it, or classes that differ between the splits.
    """
    assert data.root is not None
    root = user_path(data.root, f"data.root={data.root}")
    if not root.is_dir():
        raise DataError(f"data.root={data.root} is not a folder.")
    left_out: list[LeftOut] = []
    inside = _class_folders(str(root), left_out)
    splits = {name: SPLITS[name.lower()] for name in inside if name.lower() in SPLITS}
    note = ""
    if len(splits) == 1 and len(inside) > 2 and not any(map(_is_folder, _visible(str(root / min(splits)), []))):
        (name,), splits = splits, {}
        note = f"{name} is taken as a class, not as a split: no folders of classes are in it, and others beside it"
    if splits and TRAIN not in splits.values():
        raise DataError(f"{root} has {', '.join(splits)} but no train folder.")
    if splits:
        left_out += [LeftOut(str(root / name), "beside the split folders") for name in inside if name not in splits]
    # Paths as text: sets have files by the hundred thousand, and Path objects would take seconds.
    found: list[tuple[str, str, int]] = []
    unread: list[LeftOut] = []
    for part, place in [(part, root / name) for name, part in splits.items()] or [(TRAIN, root)]:
        for name in _class_folders(str(place), left_out) if splits else inside:
            files = find_images(str(place / name), unread, above=(str(root), str(place)))
            if not files:
                left_out.append(LeftOut(str(place / name), "without images"))
            found += [(file, name, part) for file in files]
    left_out = [LeftOut(os.path.relpath(path, root), reason) for path, reason in left_out + unread]
    classes = sorted({name for _, name, part in found if part == TRAIN})
    also = f"; {summary(left_out)}" if left_out else ""
    if len(classes) < 2:
        raise DataError(
            f"{root} has images of {len(classes)} {'class' if len(classes) == 1 else 'classes'}: "
            f"put those of each class into a folder of its own, at least two of them{also}."
        )
    if strange := sorted({name for _, name, _ in found} - set(classes)):
        raise DataError(f"{root}: class {strange[0]} has no training images{also}.")
    labelling = "\n".join(f"{file.removeprefix(str(root))}\0{name}\0{part}" for file, name, part in found)
    key = hashlib.sha256(labelling.encode(errors="surrogateescape")).hexdigest()
    return Source(
        [file for file, _, _ in found], lambda allocate: _read(found, classes, data, allocate), key, left_out, note
    )


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or the system's own, and never one of a set's images."""
    return name.startswith(".") or name in SYSTEM or name.lower() in SYSTEM_FILES


def find_images(folder: str, left_out: list[LeftOut], above: Iterable[str] = ()) -> list[str]:
    """The images at any depth below a folder, in the order of their paths.

    Links are followed, and each folder is read once, so that links in a circle come to an end.

    Args:
        folder: where to look, hidden itself or not.
        left_out: is added what is not read, but for hidden files that would be no images either.
        above: folders that a link must not lead back to.
    """
    found: list[str] = []
    read = {os.path.realpath(place) for place in above}
    folders, links = [folder], list[str]()
    while folders or links:
        here = (folders or links).pop()  # the folder's own before those that are linked
        if (real := os.path.realpath(here)) in read:
            left_out.append(LeftOut(here, "linked to a folder that is read already"))
            continue
        read.add(real)
        for entry in _visible(here, left_out):
            if _is_folder(entry):
                (links if entry.is_symlink() else folders).append(entry.path)
            elif reason := _unread(entry):
                left_out.append(LeftOut(entry.path, reason))
            else:
                found.append(entry.path)
    return sorted(found)


def _visible(folder: str, left_out: list[LeftOut]) -> list[os.DirEntry[str]]:
    """What is in a folder and not hidden, by name; hidden folders and images are told."""
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        left_out.append(LeftOut(folder, (error.strerror or "unreadable").lower()))
        return []
    for entry in inside:
        if is_hidden(entry.name) and (_is_folder(entry) or _suffix(entry) in SUFFIXES):
            left_out.append(LeftOut(entry.path, "hidden"))
    return [entry for entry in inside if not is_hidden(entry.name)]


def _class_folders(place: str, left_out: list[LeftOut]) -> list[str]:
    """The names of the folders in a place; images beside them belong to no class."""
    names = []
    for entry in _visible(place, left_out):
        if _is_folder(entry):
            names.append(entry.name)
        elif _suffix(entry) in SUFFIXES:
            left_out.append(LeftOut(entry.path, "in no class folder"))
        elif entry.is_symlink() and not os.path.exists(entry.path):
            left_out.append(LeftOut(entry.path, "linked to no file"))
    return names


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # `entry.is_dir()` raises where a link leads to itself, `os.path.isdir` asks the disk for every entry.
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def _suffix(entry: os.DirEntry[str]) -> str:
    return os.path.splitext(entry.name)[1].lower()


def _unread(entry: os.DirEntry[str]) -> str:
    """Why a file is not read, empty where it is; an image that is a link to nothing is named when it is decoded."""
    suffix = _suffix(entry)
    if not entry.is_symlink() and not entry.is_file():
        return "neither files nor folders"  # pipes: opening one would wait for ever
    if entry.is_symlink() and not os.path.isfile(entry.path) and (os.path.exists(entry.path) or suffix not in SUFFIXES):
        return "linked to no file"
    if suffix in SUFFIXES:
        return ""
    return f"of format {suffix}" if suffix else "of unknown format"


def summary(left_out: Sequence[LeftOut]) -> str:
    """What was left out in one line: how many for each reason, with the first of them."""
    reasons: dict[str, list[str]] = {}
    for path, reason in left_out:
        reasons.setdefault(reason, []).append(path)
    counts = [
        f"{len(paths):,} {reason} ({', '.join(paths[:EXAMPLES])}{', …' if len(paths) > EXAMPLES else ''})"
        for reason, paths in list(reasons.items())[:REASONS]
    ]
    rest = sum(map(len, list(reasons.values())[REASONS:]))
    return f"left out: {', '.join(counts)}" + (f", {rest:,} for other reasons" if rest else "")


def _read(found: list[tuple[str, str, int]], classes: list[str], data: Data, allocate: Allocate) -> Pool:
    with warnings.catch_warnings(action="ignore"):  # Pillow's, of what it reads all the same
        return _decoded(found, classes, data, allocate)


def _decoded(found: list[tuple[str, str, int]], classes: list[str], data: Data, allocate: Allocate) -> Pool:
    Image.init()  # not thread-safe, so before the threads
    size = (data.size, data.size) if data.size else _common_size([file for file, _, _ in found])
    mode = "L" if data.channels == 1 else "RGB"
    images = allocate((len(found), size[1], size[0], 1 if mode == "L" else 3))
    skipped: dict[int, str] = {}

    def decode(index: int) -> None:
        try:
            images[index] = decode_image(found[index][0], size, mode, data.background)
        except UnreadableImage as reason:
            skipped[index] = f"{found[index][0]}: {reason}"

    with ThreadPoolExecutor() as threads:
        list(threads.map(decode, range(len(found)), chunksize=64))
    if skipped and data.corrupt == "refuse":
        first = skipped[min(skipped)]
        raise DataError(
            f"{len(skipped)} of {len(found)} images cannot be read, the first is {first}; "
            "data.corrupt=skip leaves them out."
        )
    if len(skipped) == len(found):
        raise DataError(f"None of the {len(found)} images can be read, the first is {skipped[0]}.")
    keep = np.array([index not in skipped for index in range(len(found))], bool)
    if len(skipped):
        every, images = images, allocate((int(keep.sum()), *images.shape[1:]))
        for place, index in enumerate(np.flatnonzero(keep)):
            images[place] = every[index]
    labels = np.array([classes.index(name) for _, name, _ in found], np.int32)[keep]
    parts = np.array([part for _, _, part in found], np.uint8)[keep]
    if empty := set(range(len(classes))) - set(labels[parts == TRAIN].tolist()):
        name = classes[min(empty)]
        first = next(text for index, text in sorted(skipped.items()) if found[index][1:] == (name, TRAIN))
        raise DataError(f"None of the training images of class {name} can be read, the first is {first}.")
    below = f"{user_path(data.root or '')}{os.sep}"
    files = [printable(file.removeprefix(below)) for (file, _, _), kept in zip(found, keep, strict=True) if kept]
    names, unreadable = [plain(name) for name in classes], [skipped[i] for i in sorted(skipped)]
    return Pool(images, labels, names, parts, unreadable, files=files)


def _common_size(files: list[str]) -> tuple[int, int]:
    """The one size, width and height, that all images have."""
    sizes, first = set(), ""
    for file in files:
        try:
            sizes.add(upright_size(file))
        except UnreadableImage as reason:  # named again when it is decoded
            first = first or f"{file}: {reason}"
        if len(sizes) > 1:
            a, b = sorted(sizes)
            raise DataError(
                f"The images differ in size ({a[0]}×{a[1]}, {b[0]}×{b[1]}); choose one, for example data.size=64."
            )
    if not sizes:
        raise DataError(f"None of the {len(files)} images can be read, the first is {first}.")
    return sizes.pop()
