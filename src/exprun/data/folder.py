"""A folder of images with one folder per class, with or without folders for the splits."""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from exprun.config.errors import DataError
from exprun.config.images import OUTER_FOLDER, Data
from exprun.config.paths import user_path
from exprun.data.decode import SUFFIXES
from exprun.data.groups import check_complete, group_finder
from exprun.data.label_values import natural
from exprun.data.listing import read_images
from exprun.data.pool import TEST, TRAIN, VALIDATION, LeftOut, Listing, Source, below

SPLITS = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
}
# Folders that macOS, Synology and Windows create next to images, with copies or thumbnails of them.
SYSTEM = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"})
SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
REASONS = 8  # reasons that one line lists
EXAMPLES = 3  # files that are named for each reason


def locate_folder(data: Data) -> Source:
    """The images below `data.root`, with their classes and splits.

    Raises:
        DataError: `data.root` is not a folder, it contains no images, or its splits have different classes.
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
        note = f"{name} is read as a class, not as a split, because it contains no folders and is next to other folders"
    if splits and TRAIN not in splits.values():
        raise DataError(f"{root} has {', '.join(splits)} but no train folder.")
    if splits:
        left_out += [LeftOut(str(root / name), "next to the split folders") for name in inside if name not in splits]
    # Paths are strings here: for hundreds of thousands of files, Path objects would take seconds.
    found: list[tuple[str, str, int]] = []
    unread: list[LeftOut] = []
    group_of, groups = group_finder(data.group) if data.group is not None else None, dict[str, str]()
    places = [(part, root / name) for name, part in splits.items()] or [(TRAIN, root)]
    if data.group == OUTER_FOLDER:
        places = [(part, folder / name) for part, folder in places for name in _class_folders(str(folder), left_out)]
    for part, folder in places:
        for name in inside if folder == root else _class_folders(str(folder), left_out):
            files = find_images(str(folder / name), unread, above=(str(root), str(folder)))
            if not files:
                left_out.append(LeftOut(str(folder / name), "without images"))
            found += [(file, name, part) for file in files]
            if group_of is not None:
                class_folder = os.path.relpath(folder / name, root)
                groups |= {path: group_of(path, class_folder) for path in (below(file, str(root)) for file in files)}
    left_out = [LeftOut(os.path.relpath(path, root), reason) for path, reason in left_out + unread]
    return source_of_files(data, str(root), found, groups, left_out, note)


def source_of_files(
    data: Data, root: str, found: list[tuple[str, str, int]], groups: dict[str, str], left_out: list[LeftOut], note: str
) -> Source:
    """The source of images that have a file each.

    Args:
        data: the settings of the data set.
        root: the folder of the data set.
        found: the path, the class and the split of each image.
        groups: the group of each image, by its path below the folder; not used without `data.group`.
        left_out: files and folders that are not read.
        note: how an ambiguous folder was read; empty if there is nothing to note.

    Raises:
        DataError: there are images of fewer than two classes, a class has no training images, or an image has no group.
    """
    order = natural if data.labels == "ordered" else None
    classes: list[str] = sorted({name for _, name, part in found if part == TRAIN}, key=order)
    also = f"; {summary(left_out)}" if left_out else ""
    if len(classes) < 2:
        raise DataError(
            f"{root} has images of {len(classes)} {'class' if len(classes) == 1 else 'classes'}: "
            f"put the images of each class into a folder of its own, with at least two classes{also}."
        )
    if strange := sorted({name for _, name, _ in found} - set(classes)):
        raise DataError(f"{root}: class {strange[0]} has no training images{also}.")
    if data.group is not None:
        check_complete(data.group, list(groups), list(groups.values()))
    labelling = "\n".join(f"{file.removeprefix(root)}\0{name}\0{part}" for file, name, part in found)
    key = hashlib.sha256(labelling.encode(errors="surrogateescape")).hexdigest()
    listing = Listing(root, found, classes)
    return Source(
        [file for file, _, _ in found],
        lambda allocate: read_images(listing, data, allocate),
        key,
        left_out,
        note,
        (lambda pool: [groups[file] for file in pool.files]) if data.group is not None else None,
        lambda: listing,
    )


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is hidden or belongs to the operating system, so that it is not read."""
    return name.startswith(".") or name in SYSTEM or name.lower() in SYSTEM_FILES


def find_images(folder: str, left_out: list[LeftOut], above: Iterable[str] = ()) -> list[str]:
    """The images at any depth below a folder, sorted by path.

    Links are followed. Each folder is read only once, so a circle of links is harmless.

    Args:
        folder: the folder to search; its own name may be a hidden one.
        left_out: list to which files and folders that are not read are appended, except hidden files that are not
            images.
        above: folders that a link must not lead back to.
    """
    images: list[str] = []
    read = {os.path.realpath(path) for path in above}
    around = {str(parent) for path in read for parent in Path(path).parents}
    folders, links = [folder], list[str]()
    while folders or links:
        current = (folders or links).pop()  # real folders come before links
        real = os.path.realpath(current)
        if real in read or real in around:
            what = "is read already" if real in read else "contains the data set"
            left_out.append(LeftOut(current, f"linked to a folder that {what}"))
            continue
        read.add(real)
        for entry in _visible(current, left_out):
            if _is_folder(entry):
                (links if entry.is_symlink() else folders).append(entry.path)
            elif reason := _unread(entry):
                left_out.append(LeftOut(entry.path, reason))
            else:
                images.append(entry.path)
    return sorted(images)


def some_images(root: str) -> Iterator[str]:
    """One image of each folder below the folder of a data set, found without reading the whole folder.

    Folders that are linked are not searched.
    """
    for name in _class_folders(root, []):
        folders = [os.path.join(root, name)]
        while folders:
            with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
                for entry in (entry for entry in entries if not is_hidden(entry.name)):
                    if not _is_folder(entry) and not _unread(entry):
                        yield entry.path
                        folders.clear()
                        break
                    if _is_folder(entry) and not entry.is_symlink():
                        folders.append(entry.path)


def _visible(folder: str, left_out: list[LeftOut]) -> list[os.DirEntry[str]]:
    """The entries of a folder that are not hidden, by name; hidden folders and images are added to `left_out`."""
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


def _class_folders(folder: str, left_out: list[LeftOut]) -> list[str]:
    """The names of the folders in a folder; images next to them belong to no class and are added to `left_out`."""
    names = []
    for entry in _visible(folder, left_out):
        if _is_folder(entry):
            names.append(entry.name)
        elif _suffix(entry) in SUFFIXES:
            left_out.append(LeftOut(entry.path, "in no class folder"))
        elif entry.is_symlink() and not os.path.exists(entry.path):
            left_out.append(LeftOut(entry.path, "linked to no file"))
    return names


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # `entry.is_dir()` raises an error for a link to itself; `os.path.isdir` would read the disk for every entry.
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def _suffix(entry: os.DirEntry[str]) -> str:
    return os.path.splitext(entry.name)[1].lower()


def _unread(entry: os.DirEntry[str]) -> str:
    """The reason why a file is not read; empty if it is read.

    A broken link with the suffix of an image counts as an image, so that decoding it reports the error.
    """
    suffix = _suffix(entry)
    if not entry.is_symlink() and not entry.is_file():
        return "neither files nor folders"  # for example pipes, which could block for ever when opened
    if entry.is_symlink() and not os.path.isfile(entry.path) and (os.path.exists(entry.path) or suffix not in SUFFIXES):
        return "linked to no file"
    if suffix in SUFFIXES:
        return ""
    return f"of format {suffix}" if suffix else "of unknown format"


def summary(left_out: Sequence[LeftOut]) -> str:
    """One line on what was left out: the number of files for each reason, with the first few names."""
    reasons: dict[str, list[str]] = {}
    for path, reason in left_out:
        reasons.setdefault(reason, []).append(path)
    counts = [
        f"{len(paths):,} {reason} ({', '.join(paths[:EXAMPLES])}{', …' if len(paths) > EXAMPLES else ''})"
        for reason, paths in list(reasons.items())[:REASONS]
    ]
    rest = sum(map(len, list(reasons.values())[REASONS:]))
    return f"left out: {', '.join(counts)}" + (f", {rest:,} for other reasons" if rest else "")
