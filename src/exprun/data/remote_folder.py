"""A folder of images with one folder per class in an object store, found with one listing of all its files."""

import hashlib
import os
from collections.abc import Sequence

from exprun.config.errors import DataError
from exprun.config.images import OUTER_FOLDER, Data
from exprun.data.decode import SUFFIXES
from exprun.data.folder import SPLITS, is_hidden, source_of_files
from exprun.data.groups import group_finder
from exprun.data.pool import TRAIN, LeftOut, Source
from exprun.data.remote import listing, normal


def locate_remote_folder(data: Data) -> Source:
    """The images below the address `data.root`, with their classes and splits, as in a folder on this machine.

    Raises:
        DataError: the address cannot be listed, it contains no images, or its splits have different classes.
    """
    assert data.root is not None
    states = listing(data.root)
    root = normal(data.root)
    left_out: list[LeftOut] = []
    images: list[tuple[str, list[str]]] = []
    for path in states:
        below = path.removeprefix(f"{root}/")
        suffix = os.path.splitext(below)[1].lower()
        if any(is_hidden(name) for name in below.split("/")):
            left_out += [LeftOut(below, "hidden")] if suffix in SUFFIXES else []
        elif suffix not in SUFFIXES:
            left_out.append(LeftOut(below, f"of format {suffix}" if suffix else "of unknown format"))
        else:
            images.append((path, below.split("/")))
    splits, note = _splits([folders for _, folders in images])
    if splits and TRAIN not in splits.values():
        raise DataError(f"{root} has {', '.join(splits)} but no train folder.")
    depth = bool(splits) + (data.group == OUTER_FOLDER)  # folders above that of the class
    group_of = group_finder(data.group) if data.group is not None else None
    found: list[tuple[list[str], str, int]] = []
    groups: dict[str, str] = {}
    for path, folders in images:
        below = "/".join(folders)
        if splits and folders[0] not in splits and len(folders) > 1:
            left_out.append(LeftOut(below, "next to the split folders"))
        elif len(folders) < depth + 2:
            left_out.append(LeftOut(below, "in no class folder"))
        else:
            found.append((folders[: depth + 1], path, splits.get(folders[0], TRAIN)))
            if group_of is not None:
                groups[below] = group_of(below, "/".join(folders[: depth + 1]))
    found.sort()
    source = source_of_files(
        data, root, [(path, above[-1], part) for above, path, part in found], groups, left_out, note
    )
    state = "\n".join([source.labelling, *(f"{path} {states[path]}" for _, path, _ in found)])
    return source._replace(files=[], labelling=hashlib.sha256(state.encode(errors="surrogateescape")).hexdigest())


def _splits(images: Sequence[list[str]]) -> tuple[dict[str, int], str]:
    """The folders that are splits, with their numbers, and a note if one is read as a class.

    Args:
        images: the names of the folders and of the file of each image.
    """
    inside = {folders[0] for folders in images if len(folders) > 1}
    splits = {name: SPLITS[name.lower()] for name in sorted(inside) if name.lower() in SPLITS}
    deep = any(len(folders) > 2 for folders in images if folders[0] in splits)
    if len(splits) == 1 and len(inside) > 2 and not deep:
        (name,) = splits
        return (
            {},
            f"{name} is read as a class, not as a split, because it contains no folders and is next to other folders",
        )
    return splits, ""
