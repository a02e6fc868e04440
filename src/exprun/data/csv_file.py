"""A CSV file that lists images with their labels, and optionally with their splits and groups."""

import csv
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exprun.config.errors import DataError, did_you_mean, one_line, printable
from exprun.config.images import Data
from exprun.config.labels import ROWS, label_columns
from exprun.config.paths import user_path
from exprun.data.folder import SPLITS, summary
from exprun.data.label_values import SEPARATOR, labels_of, natural
from exprun.data.listing import read_images
from exprun.data.pool import TRAIN, LeftOut, Listing, Source, below

DELIMITERS = ",;\t|: "  # tried in this order
SHOWN = 20  # columns or values that an error lists


class Row(NamedTuple):
    """A row of the file.

    Args:
        line: the number of its last line in the file, from 1.
        file: the path of the image.
        label: the name of its class, those of several classes, or a value for each class; the last two separated by
            `SEPARATOR`.
        part: its split.
        group: its group; empty without `data.group`.
    """

    line: int
    file: str
    label: str
    part: int
    group: str


@dataclass(frozen=True)
class Table:
    """The content of a CSV file.

    Args:
        path: the path of the file.
        columns: the names of the columns.
        rows: the rows with their line numbers, each as many fields as there are columns.
    """

    path: Path
    columns: list[str]
    rows: list[tuple[int, list[str]]]

    @property
    def root(self) -> Path:
        """The folder of the file, to which the paths of images are relative."""
        return Path(os.path.normpath(self.path.parent))

    def place(self, column: str, key: str) -> int:
        """The index of a column.

        Args:
            column: the name of the column.
            key: the key of the config that names it.

        Raises:
            DataError: there is no such column, or there are several.
        """
        if self.columns.count(column) == 1:
            return self.columns.index(column)
        if column in self.columns:
            raise DataError(f"{self.path} has several columns {column}: rename all but one.")
        raise no_column(key, column, self.columns, str(self.path))


def no_column(key: str, column: str, columns: Sequence[str], file: str) -> DataError:
    """The error that a file lacks a column, with the columns that it has.

    Args:
        key: the key of the config that names the column.
        column: the name of the column.
        columns: the names of the columns of the file.
        file: the path of the file.
    """
    near = did_you_mean(column, columns)
    shown = ", ".join(columns[:SHOWN]) + (", …" if len(columns) > SHOWN else "")
    hint = f": {near}" if near.startswith("did") else f": set {key} to one of them."
    return DataError(f"{key}={column}, but the columns of {file} are {printable(shown)}{hint}")


def locate_csv(data: Data) -> Source:
    """The images that the CSV file `data.root` lists, with their classes, splits and groups.

    Raises:
        DataError: the file cannot be read, lacks a column or lists no images, or its rows contradict each other.
    """
    assert data.root is not None
    path = user_path(data.root, f"data.root={data.root}")
    table = read_table(path, (data.image, *label_columns(data)))
    left_out: list[LeftOut] = []
    rows = list(_consistent(table, _rows(table, data, left_out), left_out))
    also = f"; {summary(left_out)}" if left_out else ""
    if not rows:
        raise DataError(f"{path} lists no images with labels{also}.")
    missing = [row for row in rows if not os.path.exists(row.file)]
    if len(missing) == len(rows):
        raise DataError(
            f"None of the {len(rows):,} images in {path} exists, such as {printable(rows[0].file)}: paths in "
            f"data.image={data.image} are relative to the folder of the CSV file."
        )
    classes, labels = _labels(table, rows, data, also)
    root = str(table.root)
    listing = Listing(root, [(row.file, row.label, row.part) for row in rows], classes, labels)
    groups = {below(row.file, root): row.group for row in rows}
    labelling = "\n".join(f"{below(row.file, root)}\0{row.label}\0{row.part}" for row in rows)
    return Source(
        [row.file for row in rows],
        lambda allocate: read_images(listing, data, allocate),
        hashlib.sha256(labelling.encode(errors="surrogateescape")).hexdigest(),
        left_out,
        _unused_splits(table, data),
        (lambda pool: [groups[file] for file in pool.files]) if data.group is not None else None,
        lambda: listing,
    )


def _labels(table: Table, rows: list[Row], data: Data, also: str) -> tuple[list[str], np.ndarray | None]:
    """The names of the classes; and for several or soft labels, a number for each image and class, (rows, classes).

    Args:
        table: the content of the file.
        rows: the rows with an image.
        data: the settings of the data set.
        also: the end of the sentence of an error.

    Raises:
        DataError: the labels are of fewer than two classes, a class has no training image, or a value is wrong.
    """
    path, names = table.path, label_columns(data)
    labels: np.ndarray | None = None
    if data.labels in ROWS:
        places = [f"{path}, line {row.line:,}" for row in rows]
        columns = list(names) if not isinstance(data.label, str) else None
        classes, labels = labels_of([row.label for row in rows], data.labels, places, columns)
        in_training = (labels[[row.part == TRAIN for row in rows]] > 0).any(axis=0)
        lacking = [classes[number] for number in np.flatnonzero(~in_training)]
        trained = [name for name in classes if name not in lacking]
    else:
        trained = sorted({row.label for row in rows if row.part == TRAIN}, key=natural)
        classes, lacking = trained, sorted({row.label for row in rows} - set(trained))
    if len(trained) < 2:
        found = "1 class" if trained else "no class"
        raise DataError(
            f"{path} has training images of {found} in data.label={','.join(names)}, but needs at least two{also}."
        )
    if lacking:
        raise DataError(f"{path}: class {printable(lacking[0])} has no training images{also}.")
    return classes, labels


def check_columns(data: Data) -> None:
    """Refuse a CSV file that cannot be read, or that lacks the columns that the config names.

    Raises:
        DataError: the file cannot be read, or lacks a column.
    """
    assert data.root is not None
    _places(read_table(user_path(data.root), (data.image, *label_columns(data)), most=0), data)


def first_files(data: Data, most: int) -> list[str]:
    """The paths of the images in the first `most` rows of the CSV file.

    Raises:
        DataError: the file cannot be read, lacks a column, or one of these rows has no valid split or group.
    """
    assert data.root is not None
    table = read_table(user_path(data.root), (data.image, *label_columns(data)), most)
    return [row.file for row in _rows(table, data, [])]


def read_table(path: Path, wanted: tuple[str, ...], most: int | None = None) -> Table:
    """Read a CSV file: in UTF-8, or UTF-16 with a byte order mark, with any of `DELIMITERS` and any line ends.

    Args:
        path: the path of the file.
        wanted: columns that it should have, by which the delimiter is found.
        most: the number of rows below the names of the columns that are read; None for all. A million take seconds.

    Raises:
        DataError: the file cannot be read, or is not a table.
    """
    try:
        content = path.read_bytes()
        encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        text = content.decode(encoding)
    except OSError as error:
        what = "is a folder, not a CSV file" if path.is_dir() else f"cannot be read: {error.strerror}"
        raise DataError(f"{path} {what}.") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"{path} is not UTF-8 text (line {line:,}): save it as CSV in UTF-8.") from None
    if not text.strip():
        raise DataError(f"{path} is empty.")
    delimiter = _delimiter(text, wanted)
    rows = []
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
        for fields in reader:
            if any(value.strip() for value in fields):
                rows.append((reader.line_num, [value.strip() for value in fields]))
                if most is not None and len(rows) > most:
                    break
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num:,}, is not CSV: {one_line(error)}.") from None
    if not rows:
        raise DataError(f"{path} is empty.")
    _, columns = rows.pop(0)
    for line, values in rows:
        while len(values) > len(columns) and not values[-1]:
            values.pop()
        if len(values) > len(columns):
            raise DataError(
                f"{path}, line {line:,}, has {len(values)} fields, but there are {len(columns)} columns: put values "
                f"with '{delimiter}' into quotes."
            )
        values += [""] * (len(columns) - len(values))
    return Table(path, columns, rows)


def _delimiter(text: str, wanted: tuple[str, ...]) -> str:
    """The delimiter with which the first row has the wanted columns, or else the first one that it contains."""
    first = text.lstrip().splitlines()[0]
    for delimiter in DELIMITERS:
        names = [name.strip() for name in next(csv.reader([first], delimiter=delimiter, skipinitialspace=True))]
        if all(name in names for name in wanted):
            return delimiter
    return next((delimiter for delimiter in DELIMITERS if delimiter in first), DELIMITERS[0])


def _places(table: Table, data: Data) -> tuple[int, list[int], int | None, int | None]:
    """The indices of the columns with images, labels, splits and groups; None for a column that is not used."""
    split = None if data.split is None else table.place(data.split, "data.split")
    group = None if data.group is None else table.place(data.group, "data.group")
    image = table.place(data.image, "data.image")
    return image, [table.place(name, "data.label") for name in label_columns(data)], split, group


def _rows(table: Table, data: Data, left_out: list[LeftOut]) -> Iterator[Row]:
    """The rows with an image and a label; the others are added to `left_out`.

    With `data.labels=several`, an image of no class has a label, too.
    """
    image, labels, split, group = _places(table, data)
    root = table.root
    for line, values in table.rows:
        where = f"{table.path}, line {line:,}"
        name = values[image]
        if not name or "\0" in name:
            left_out.append(LeftOut(f"line {line:,}", "without the path of an image"))
            continue
        label = SEPARATOR.join(values[place] for place in labels)
        if data.labels != "several" and not label.strip(SEPARATOR):
            left_out.append(LeftOut(printable(name), "without a label"))
            continue
        part: int | None = TRAIN
        if split is not None and (part := SPLITS.get(values[split].lower())) is None:
            raise DataError(
                f"{where}: data.split={data.split} is '{printable(values[split])[:60]}', but must be train, val or "
                "test."
            )
        if group is not None and not values[group]:
            raise DataError(f"{where}: data.group={data.group} is empty, but each image needs a group.")
        file = os.path.join(root, name)
        if "\\" in name and not os.path.exists(file):  # a path that was written on Windows
            file = os.path.join(root, name.replace("\\", "/"))
        assert part is not None
        yield Row(line, os.path.normpath(file), label, part, values[group] if group is not None else "")


def _consistent(table: Table, rows: Iterator[Row], left_out: list[LeftOut]) -> Iterator[Row]:
    """The rows, each image once; rows that are repeated are added to `left_out`.

    Raises:
        DataError: an image is listed twice, with different labels, splits or groups.
    """
    seen: dict[str, Row] = {}
    for row in rows:
        first = seen.setdefault(row.file, row)
        if first is row:
            yield row
            continue
        for what, old, new in zip(("label", "split", "group"), first[2:], row[2:], strict=True):
            if old != new:
                values = "" if what == "split" else f" ({printable(str(old))} and {printable(str(new))})"
                raise DataError(
                    f"{table.path} lists {below(row.file, str(table.root))} in lines {first.line:,} and {row.line:,} "
                    f"with two {what}s{values}: keep one of them."
                )
        left_out.append(LeftOut(below(row.file, str(table.root)), "listed twice"))


def _unused_splits(table: Table, data: Data) -> str:
    """A note if a column looks like one of splits, but `data.split` does not name it; empty otherwise."""
    for place, name in enumerate(table.columns if data.split is None else ()):
        values = (
            {row[place].lower() for _, row in table.rows} if name not in (data.image, *label_columns(data)) else set()
        )
        if len(values) > 1 and values <= SPLITS.keys():
            shown = printable(name)
            return f"column {shown} of {table.path} names splits, but is not used: data.split={shown} uses it."
    return ""
