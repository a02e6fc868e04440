"""Files with many images each, called shards: which files there are, and what their formats have in common.

A format has a module of its own, which returns a `Shard` for each file. The records of a shard are read twice: once
for their labels, and once for their images, of which only a few are in memory at a time.
"""

import glob
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from exprun.config.errors import DataError, printable, without_password
from exprun.config.images import Data
from exprun.config.labels import label_column
from exprun.config.paths import user_path
from exprun.data.csv_file import no_column
from exprun.data.decode import Content
from exprun.data.folder import SPLITS, is_hidden, summary
from exprun.data.label_values import SEPARATOR, labels_of, natural
from exprun.data.listing import read_images
from exprun.data.pool import TRAIN, LeftOut, Listing, Source, below, plain
from exprun.data.remote import is_remote, listing, open_file

Record = tuple[str, tuple[Any, ...]]  # the name of a record in its shard, and the values of the wanted columns
BRACES = re.compile(r"\{([^{}]*)\}")
RANGE = re.compile(r"(\d+)\.\.(\d+)")
MAX_EXPANDED = 1_000_000  # files that braces may stand for
NAMES_FILE = "labels.txt"  # a file next to shards with the names of the classes
# Files that describe shards, by Hugging Face's library and its Hub; they are not reported as left out.
ABOUT = frozenset({NAMES_FILE, "README.md", "state.json", "dataset_info.json", "dataset_dict.json"})


@dataclass(frozen=True)
class Shard:
    """A file with many images, or a split of a data set.

    Args:
        name: the path of the file, or another name for messages, which begins with the folder of the data set.
        part: the split of its images, if no column names it.
        records: function that returns the values of the given columns for each record; None stands for no value.
    """

    name: str
    part: int
    records: Callable[[Sequence[str]], Iterator[Record]]


@dataclass(frozen=True)
class Files:
    """The files that `data.root` names.

    Args:
        root: the folder that contains all of them.
        paths: their paths or addresses, sorted.
        state: the states of files at addresses, as text for the cache key.
        left_out: other files in the folder.
    """

    root: str
    paths: list[str]
    state: str
    left_out: list[LeftOut]

    @property
    def local(self) -> list[str]:
        """The paths of files on this machine."""
        return [path for path in self.paths if not is_remote(path)]

    def parts(self, data: Data) -> dict[str, int]:
        """The split of each file, by the first name of a split among the words of its name and then its folders.

        A single file, or files whose splits are in a column, have no split of their own: they count as training files.

        Raises:
            DataError: only some of the files name a split, or none is for training.
        """
        found = {path: split_of(below(path, self.root)) for path in self.paths}
        named = [path for path, part in found.items() if part is not None]
        if data.split is not None or len(found) == 1 or not named:
            return dict.fromkeys(found, TRAIN)
        if other := [path for path in found if path not in named]:
            raise DataError(
                f"{printable(other[0])} names no split, but {printable(named[0])} does: begin the name of each file "
                "with train, validation or test, or set data.split to a column."
            )
        if TRAIN not in found.values():
            raise DataError(
                f"None of the {len(found)} files in {printable(self.root)} is for training: begin the names of some "
                "with train."
            )
        return {path: part for path, part in found.items() if part is not None}


def split_of(path: str) -> int | None:
    """The split that a path names; None if it names none."""
    for name in reversed(path.lower().split("/")):
        words = re.split(r"[^a-z]+", name)
        if known := [word for word in words if word in SPLITS]:
            return SPLITS[known[0]]
    return None


def find_files(data: Data, pattern: str, format_name: str) -> Files:
    """The files that `data.root` names: a folder, a file, or a pattern with `*`, `?`, `[…]`, `{a,b}` or `{00..09}`.

    Args:
        data: the settings of the data set.
        pattern: a regular expression for the names of files of this format, which are searched for in a folder.
        format_name: the name of the format, for messages.

    Raises:
        DataError: there is no such file.
    """
    assert data.root is not None
    shown = without_password(data.root)
    paths: list[str] = []
    states: list[str] = []
    left_out: list[LeftOut] = []
    for root in _expanded(data.root):
        is_glob = any(mark in root for mark in "*?[")
        if is_remote(root):
            inside = listing(root)
            states += [f"{path} {state}" for path, state in inside.items()]
            found = list(inside)
        else:
            root = str(user_path(root, f"data.root={root}"))
            found = sorted(glob.glob(root, recursive=True)) if is_glob else _below(root)
            found = [os.path.normpath(path) for path in found if os.path.isfile(path)]
        if not found:
            missing = f" ({printable(root)})" if root != data.root and not is_glob else ""
            raise DataError(f"data.root={shown} matches no file{missing}.")
        if not is_glob and found != [root]:  # a folder, whose other files are not read
            left_out += [LeftOut(path, f"no {format_name} file") for path in found if not _is_format(path, pattern)]
            found = [path for path in found if _is_format(path, pattern)]
        paths += [path for path in found if os.path.basename(path) not in ABOUT]
    if not paths:
        raise DataError(f"data.root={shown} contains no {format_name} files.")
    paths = sorted(dict.fromkeys(paths))
    scheme, _, _ = paths[0].partition("://") if is_remote(paths[0]) else ("", "", "")
    start = f"{scheme}://" if scheme else ""
    folder = start + os.path.commonpath([os.path.dirname(path.removeprefix(start)) for path in paths])
    left_out = [LeftOut(below(path, folder), why) for path, why in left_out if os.path.basename(path) not in ABOUT]
    return Files(folder, paths, "\n".join(states), left_out)


def _expanded(pattern: str) -> Iterator[str]:
    """The texts that braces stand for, as in a shell: `{a,b}` and `{00..12}`.

    Raises:
        DataError: the braces stand for too many texts.
    """
    parts = BRACES.split(pattern)
    options = [_options(part) if place % 2 else [part] for place, part in enumerate(parts)]
    count = 1
    for option in options:
        count *= len(option)
    if count > MAX_EXPANDED:
        raise DataError(f"data.root={pattern} stands for {count:,} files, but at most {MAX_EXPANDED:,} are read.")
    return map("".join, product(*options))


def _options(inside: str) -> Sequence[str]:
    found = RANGE.fullmatch(inside)
    if not found:
        return inside.split(",")
    first, last = int(found[1]), int(found[2])
    if last - first >= MAX_EXPANDED:
        raise DataError(f"data.root: {{{inside}}} stands for more than {MAX_EXPANDED:,} files.")
    return [f"{number:0{len(found[1])}}" for number in range(first, last + 1)]


def _below(root: str) -> list[str]:
    """A file, or all visible files below a folder."""
    if not os.path.isdir(root):
        return [root]
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not is_hidden(name)]
        found += [os.path.join(folder, name) for name in names if not is_hidden(name)]
    return sorted(found)


def _is_format(path: str, pattern: str) -> bool:
    return re.search(pattern, os.path.basename(path), re.IGNORECASE) is not None


def wanted_columns(data: Data) -> list[tuple[str, str]]:
    """The columns that a config names, each with its key."""
    keys = {
        "data.image": data.image,
        "data.label": label_column(data),
        "data.split": data.split,
        "data.group": data.group,
    }
    return [(key, column) for key, column in keys.items() if column is not None]


def check_columns(data: Data, columns: Sequence[str], file: str) -> None:
    """Refuse a file that lacks a column that the config names.

    Raises:
        DataError: a column is missing; the message lists the columns that there are.
    """
    for key, column in wanted_columns(data):
        if column not in columns:
            raise no_column(key, column, columns, printable(file))


def names_beside(files: Files, label: str) -> list[str] | None:
    """The names of the classes in a file next to the shards, one in each line, or `NUMBER:NAME`.

    The file is called `labels.txt`, or as TensorFlow Datasets calls it, `COLUMN.labels.txt`.

    Args:
        files: the files of the data set.
        label: the column with the labels.

    Returns:
        The names in the order of their numbers; None if there is no such file.

    Raises:
        DataError: the file is damaged.
    """
    known = [f"{files.root}/{name}" for name in (NAMES_FILE, f"{label}.{NAMES_FILE}")]
    path = next((path for path in known if (path in files.state if is_remote(path) else os.path.isfile(path))), None)
    if path is None:
        return None
    try:
        with open_file(path) as file:
            lines = [line.strip() for line in file.read().decode().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        raise DataError(f"{path} cannot be read as UTF-8 text.") from None
    numbered = [re.fullmatch(r"(\d+)\s*:\s*(.+)", line) for line in lines]
    if not all(numbered):
        return lines
    names = {int(found[1]): found[2] for found in numbered if found}
    if sorted(names) != list(range(len(names))):
        raise DataError(f"{path} must number the classes from 0 without gaps.")
    return [names[number] for number in range(len(names))]


def source_of(
    data: Data,
    files: Files,
    shards: Sequence[Shard],
    names: Sequence[str] | None,
    content: Callable[[Any, Shard], Content] | None = None,
    more: Sequence[str] = (),
) -> Source:
    """The source of images in shards.

    Args:
        data: the settings of the data set.
        files: the files of the shards.
        shards: the shards, in the order in which their images are read.
        names: the names of the classes in the order of their numbers; None if labels are names.
        content: function that returns the content of an image or its path, from the value of its column; without it,
            the values have to be the contents of image files.
        more: the paths of further files that the images depend on.
    """
    wanted = [f"{key}={column}" for key, column in wanted_columns(data)]
    splits = [f"{below(shard.name, files.root)} {shard.part}" for shard in shards]
    labelling = "\n".join([*wanted, *splits, files.state, "\0".join(names or ())])
    listing = partial(_listing, data, files, shards, names, content)
    return Source(
        [*files.local, *more],
        lambda allocate: read_images(listing(), data, allocate),
        hashlib.sha256(labelling.encode(errors="surrogateescape")).hexdigest(),
        files.left_out,
        "",
        (lambda pool: pool.groups) if data.group is not None else None,
        listing,
    )


def _listing(
    data: Data,
    files: Files,
    shards: Sequence[Shard],
    names: Sequence[str] | None,
    content: Callable[[Any, Shard], Content] | None,
) -> Listing:
    """Read the labels of all records; their images are read later.

    Raises:
        DataError: a shard is damaged or lacks a column, or labels, splits or groups are not as they should be.
    """
    found: list[tuple[str, str, int]] = []
    groups: list[str] = []
    kept: list[bool] = []
    unlabelled: list[LeftOut] = []
    columns = [column for _, column in wanted_columns(data)[1:]]
    for shard in shards:
        for record, (label, *others) in shard.records(columns):
            name = f"{shard.name}/{record}"
            where = printable(name)
            name_of = _several_names if data.labels == "several" else _class_name
            value = name_of(label, names, f"{where}: data.label={data.label}")
            kept.append(value is not None)
            if value is None:
                unlabelled.append(LeftOut(below(name, files.root), "without a label"))
                continue
            part = shard.part if data.split is None else _part(others.pop(0), data.split, where)
            if data.group is not None:
                groups.append(_group(others.pop(0), data.group, where))
            found.append((name, value, part))
    also = f"; {summary(unlabelled)}" if unlabelled else ""
    if not found:
        raise DataError(f"{files.root} has no images with labels{also}.")
    if unlabelled and data.corrupt == "refuse":
        raise DataError(
            f"{len(unlabelled):,} of {len(kept):,} images have no label, the first is {unlabelled[0].path}; "
            "data.corrupt=skip leaves them out."
        )
    labels: np.ndarray | None = None
    if data.labels == "several":
        classes, labels = labels_of([value for _, value, _ in found], data.labels, [], None)
        if names is not None:
            labels = labels[:, np.argsort([names.index(name) for name in classes])]
            classes = sorted(classes, key=names.index)
        in_training = labels[[part == TRAIN for _, _, part in found]].any(axis=0)
        known, trained = set(classes), {classes[number] for number in np.flatnonzero(in_training)}
    else:
        known, trained = {name for _, name, _ in found}, {name for _, name, part in found if part == TRAIN}
        classes = sorted(trained, key=natural) if names is None else [name for name in names if name in trained]
    if len(trained) < 2:
        raise DataError(
            f"{files.root} has training images of {len(trained) or 'no'} class in data.label={data.label}, but needs "
            f"at least two{also}."
        )
    if strange := sorted(known - trained):
        raise DataError(f"{files.root}: class {printable(strange[0])} has no training images{also}.")

    def contents() -> Iterator[Content]:
        place = 0
        for shard in shards:
            for record, (value,) in shard.records([data.image]):
                if kept[place]:
                    where = f"{shard.name}/{record}: data.image={data.image}"
                    yield content(value, shard) if content is not None else _encoded(value, where)
                place += 1

    skipped = [f"{path}: {reason}" for path, reason in unlabelled]
    return Listing(files.root, found, classes, labels, contents, groups, skipped)


def _several_names(label: Any, names: Sequence[str] | None, where: str) -> str:
    """The names of the classes of an image, separated by `SEPARATOR`; empty if it has none.

    Args:
        label: a list of labels, or names that are separated by `SEPARATOR`.
        names: the names of the classes in the order of their numbers; None if labels are names.
        where: the record and the column, for messages.

    Raises:
        DataError: a label is neither a name nor the number of a class.
    """
    if isinstance(label, bytes):
        label = label.split(SEPARATOR.encode())
    elif isinstance(label, str):
        label = label.split(SEPARATOR)
    found = [_class_name(one, names, where) for one in (label if isinstance(label, list | tuple) else [label])]
    return SEPARATOR.join(name for name in found if name is not None)


def _encoded(value: Any, where: str) -> bytes:
    """The content of an image file; empty if there is no value.

    Raises:
        DataError: the value is no content of a file.
    """
    if value is not None and not isinstance(value, bytes):
        shown = f"{printable(where)} is {printable(str(value))[:60]}"
        raise DataError(f"{shown}, but must be an image of a format such as JPEG.")
    return value or b""


def _class_name(label: Any, names: Sequence[str] | None, where: str) -> str | None:
    """The name of a class; None if the image has no label.

    Args:
        label: the label in the file.
        names: the names of the classes in the order of their numbers; None if labels are names.
        where: the record and the column, for messages.

    Raises:
        DataError: the label is neither a name nor the number of a class.
    """
    if isinstance(label, bytes):
        try:
            label = label.decode()
        except UnicodeDecodeError:
            raise DataError(f"{where} is not UTF-8 text.") from None
    if isinstance(label, float) and (
        label != label or label.is_integer()
    ):  # pandas turns numbers with gaps into floats
        label = None if label != label else int(label)
    if label is None or (isinstance(label, str) and not label.strip()) or (names is not None and label == -1):
        return None
    if isinstance(label, bool | str):
        return plain(str(label).strip())
    if not isinstance(label, int):
        raise DataError(
            f"{where} is {printable(str(label))[:60]}, but must be one text or whole number, the class of the image."
        )
    if names is None:
        return str(label)
    if not 0 <= label < len(names):
        raise DataError(f"{where} is {label}, but the {len(names)} classes are numbered from 0 to {len(names) - 1}.")
    return names[label]


def _part(value: Any, column: str, where: str) -> int:
    """The split that a column names.

    Raises:
        DataError: it is not the name of a split.
    """
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    part = SPLITS.get(text.strip().lower())
    if part is None:
        raise DataError(f"{where}: data.split={column} is '{printable(text)[:60]}', but must be train, val or test.")
    return part


def _group(value: Any, column: str, where: str) -> str:
    """The group that a column names.

    Raises:
        DataError: it is empty.
    """
    text = value.decode(errors="replace") if isinstance(value, bytes) else "" if value is None else str(value)
    if not text.strip():
        raise DataError(f"{where}: data.group={column} is empty, but each image needs a group.")
    return text
