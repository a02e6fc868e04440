"""Images in tar files as WebDataset writes them: the files of a sample follow each other and share their first name."""

import gzip
import json
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO, cast

from exprun.config.errors import DataError, one_line, printable
from exprun.config.images import Data
from exprun.config.labels import label_column
from exprun.data.decode import SUFFIXES, Piece
from exprun.data.folder import is_hidden
from exprun.data.pool import Source
from exprun.data.remote import open_file
from exprun.data.shards import Record, Shard, check_columns, find_files, names_beside, source_of

PATTERN = r"\.(tar|tar\.gz|tgz)$"
IMAGE = "image"  # the column of the only file of a sample that has the suffix of an image
JSON = "json"  # the suffix of a file with further columns
BLOCK = 512  # bytes: the unit of a tar file
MAX_VALUE = 2**24  # bytes of a label or of a JSON file
MAX_DIGITS = 19  # of a number in a file of its own


class _Sample:
    """The files of one sample by suffix; those that are not needed have no content.

    Args:
        key: the name that the files share.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.files: dict[str, bytes | None] = {}

    def columns(self) -> list[str]:
        """The columns of the sample: the suffixes of its files, and the fields of its JSON file."""
        fields = list(self._fields()) if JSON in self.files else []
        return [*([IMAGE] if len(self._images()) == 1 else []), *self.files, *fields]

    def values(self, columns: Sequence[str]) -> tuple[Any, ...]:
        """The values of some columns, None for those that the sample lacks."""
        return tuple(map(self._value, columns))

    def _value(self, column: str) -> Any:
        images = self._images()
        if column == IMAGE and IMAGE not in self.files and images:
            if len(images) > 1:
                raise ValueError(f"it has several images: set data.image to one of {', '.join(images)}")
            column = images[0]
        content = self.files.get(column)
        if content is None:
            return self._fields().get(column) if JSON in self.files else None
        if _is_image(column):
            return content
        text = content.decode(errors="replace").strip()
        return int(text) if text.isascii() and text.removeprefix("-").isdigit() and len(text) < MAX_DIGITS else text

    def _images(self) -> list[str]:
        return [suffix for suffix in self.files if _is_image(suffix)]

    def _fields(self) -> dict[str, Any]:
        try:
            fields = json.loads(self.files[JSON] or b"")
        except (ValueError, RecursionError):
            raise ValueError("its JSON file is damaged") from None
        if not isinstance(fields, dict):
            raise ValueError("its JSON file has no fields with names")
        return fields


def _is_image(suffix: str) -> bool:
    return f".{suffix.rpartition('.')[2]}" in SUFFIXES


def locate_webdataset(data: Data) -> Source:
    """The images in the tar files of WebDataset, with their classes, splits and groups.

    Raises:
        DataError: there are no files, or the first one cannot be read or lacks a column.
    """
    files = find_files(data, PATTERN, "tar")
    columns = _columns(files.paths[0])
    check_columns(data, columns, files.paths[0])
    shards = [Shard(path, part, partial(_records, path)) for path, part in files.parts(data).items()]
    return source_of(data, files, shards, names_beside(files, label_column(data)))


def _columns(path: str) -> list[str]:
    """The columns of the first sample of a file."""
    for _, columns in _read(path, (), lambda sample: sample.columns()):
        return columns
    raise DataError(f"{printable(path)} contains no files.")


def _records(path: str, columns: Sequence[str]) -> Iterator[Record]:
    yield from _read(path, columns, lambda sample: sample.values(columns))


def _read(path: str, columns: Sequence[str], look: Callable[[_Sample], Any]) -> Iterator[tuple[str, Any]]:
    """The key of each sample of a tar file, and what a function returns for the sample.

    Raises:
        DataError: the file or a sample is damaged, or the file ends too early.
    """
    key = ""
    try:
        with open_file(path) as opened, _plain(path, opened) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for sample in _samples(tar, columns, None if path.endswith("gz") else path):
                key = sample.key
                yield key, look(sample)
            file.seek(tar.offset)  # tarfile takes a damaged header for the end of the file
            if file.read(BLOCK) != bytes(BLOCK):
                raise ValueError("the file is damaged or ends too early")
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError) as error:
        reason = one_line(error)[:160].rstrip(".") or type(error).__name__
        where = f", at or after sample {printable(key)}," if key else ""
        raise DataError(f"{printable(path)}{where} cannot be read: {reason}.") from None


def _plain(path: str, file: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if path.endswith("gz") else file


def _samples(tar: tarfile.TarFile, columns: Sequence[str], path: str | None) -> Iterator[_Sample]:
    """The samples of a tar file, which is read once from its beginning to its end.

    Args:
        tar: the tar file.
        columns: the columns whose files are read.
        path: the path of the tar file; None if it is compressed.

    Raises:
        ValueError: a sample has two files with the same suffix, or appears twice, or a label is too large.
    """
    sample: _Sample | None = None
    seen: set[str] = set()
    while (member := tar.next()) is not None:
        tar.members.clear()  # type: ignore[attr-defined]  # otherwise, tarfile keeps the heads of all files in memory
        folder, name = os.path.split(member.name.removeprefix("./"))
        if not member.isfile() or is_hidden(name) or name.startswith("__") or "." not in name:
            continue
        first, _, suffix = name.partition(".")
        key, suffix = os.path.join(folder, first), suffix.lower()
        if sample is None or key != sample.key:
            if sample is not None:
                yield sample
            if key in seen:
                raise ValueError(f"sample {printable(key)} appears twice")
            seen.add(key)
            sample = _Sample(key)
        if suffix in sample.files:
            raise ValueError(f"sample {printable(key)} has two files {printable(suffix)}")
        needed = suffix in columns or suffix == JSON or (IMAGE in columns and _is_image(suffix))
        if needed and not _is_image(suffix) and member.size > MAX_VALUE:
            raise ValueError(f"{printable(member.name)} has {member.size:,} bytes, but is no image")
        file = tar.extractfile(member) if needed else None
        content = file.read() if file is not None else None
        if content and path is not None and _is_image(suffix) and not member.issparse():
            content = Piece.of(content, path, member.offset_data)
        sample.files[suffix] = content
    if sample is not None:
        yield sample
