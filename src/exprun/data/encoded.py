"""The encoded images of a data set, each of which can be read alone: their hashes, and where they are stored.

This takes one look at each image. What was found is remembered in the cache, under the paths, sizes and modification
times of the files. Images that cannot be read alone, because their file is compressed or stores them in groups, are
copied into one file next to it.
"""

import contextlib
import hashlib
import json
import os
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from exprun.config.errors import DataError
from exprun.config.images import STREAM, Data
from exprun.data.cache import building, states_of
from exprun.data.decode import Content, Piece, UnreadableImage, check_head, read_file
from exprun.data.listing import check_skipped, in_threads, pool_of, rows_kept
from exprun.data.pool import Listing, Pool, Source

LAYOUT = 1  # version of the entries' layout; entries of other versions are ignored
COPIED, WHOLE = -1, -1  # the file number of a copied image, and the length of an image that is a whole file
INDEX, COPIES = "index.npz", "copies.bin"  # the files of an entry


@dataclass(frozen=True)
class Encoded:
    """The encoded images of a pool.

    Args:
        pool: their labels, classes, splits and names; it has no pixels.
        files: the files of the data set.
        places: the number of the file, the first byte and the length of each image, int64, (images, 3); the number may
            be `COPIED`, and the length `WHOLE`.
        hashes: the SHA-256 of the content of each image, uint8, (images, 32).
        copies: the file with the copied images.
    """

    pool: Pool
    files: Sequence[str | Path]
    places: np.ndarray
    hashes: np.ndarray
    copies: Path

    def content(self, row: int) -> bytes:
        """The content of an image, which is what it was when its hash was made.

        Raises:
            DataError: it cannot be read, or it has changed.
        """
        number, start, length = map(int, self.places[row])
        try:
            with open(self.copies if number == COPIED else self.files[number], "rb") as file:
                file.seek(start)
                content = file.read() if length == WHOLE else file.read(length)
        except OSError as error:
            raise DataError(
                f"{self.name(row)} cannot be read: {(error.strerror or 'unknown error').lower()}."
            ) from None
        if hashlib.sha256(content).digest() != self.hashes[row].tobytes():
            if number == COPIED:
                raise DataError(f"The copy of {self.name(row)} is damaged: remove {self.copies.parent}.")
            raise DataError(f"{self.name(row)} has changed since the start: start a new run.")
        return content

    def name(self, row: int) -> str:
        """The path of the file of an image, or the name of an image in a file with many images."""
        number, _, length = map(int, self.places[row])
        return str(self.files[number]) if length == WHOLE else self.pool.files[row]


def encoded(source: Source, data: Data, folder: Path) -> Encoded:
    """The encoded images of a data set, from the cache if they were looked at before.

    Args:
        source: the files of the data set, which have encoded images.
        data: the settings of the data set.
        folder: the folder of the cache.

    Raises:
        DataError: images cannot be read, as in `read_images`, or those that are copied do not fit onto the disk.
    """
    assert source.listing is not None
    key = [LAYOUT, states_of(source.files), source.labelling, data.name, data.corrupt, data.labels]
    entry = folder / f"{data.name}-{STREAM}-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]}"
    if (stored := _stored(entry, source.files)) is not None:
        return stored
    listing = source.listing()
    with building(entry) as temporary, warnings.catch_warnings(action="ignore"):
        found = _look(listing, source.files, temporary)
        check_skipped(listing, data, found.skipped)
        kept = rows_kept(listing, found.skipped)
        pool = pool_of(listing, np.empty((len(kept), 0, 0, 0), np.uint8), found.skipped)
        looked = Encoded(pool, source.files, found.places[kept], found.hashes[kept], entry / COPIES)
        # An image that could not be opened is looked at again at the next start.
        if temporary is not None and (not found.unopened or found.copied):
            with contextlib.suppress(OSError):
                _store(entry, temporary, looked)
    if found.copied and not looked.copies.exists():
        raise _no_space(str(data.root), folder)
    return looked


class _Looks(NamedTuple):
    """What was found in all images of a listing.

    Args:
        places: as in `Encoded`.
        hashes: as in `Encoded`.
        skipped: the reason why an image cannot be read, with its name, by its number.
        unopened: whether the file of an image could not be opened.
        copied: whether images were copied.
    """

    places: np.ndarray
    hashes: np.ndarray
    skipped: dict[int, str]
    unopened: bool
    copied: bool


def _look(listing: Listing, files: Sequence[str | Path], temporary: Path | None) -> _Looks:
    """Look at all images, and copy those that cannot be read alone below a temporary folder.

    Raises:
        DataError: images cannot be copied, because the cache cannot be written or the disk is full.
    """
    Image.init()  # not thread-safe, so it is called before the threads start
    count = len(listing.found)
    places, hashes = np.empty((count, 3), np.int64), np.zeros((count, 32), np.uint8)
    skipped: dict[int, str] = {}
    unopened: list[int] = []
    numbers = {str(file): number for number, file in enumerate(files)}

    def look(number: int, content: Content) -> None:
        try:
            try:
                content = read_file(content) if isinstance(content, str) else content
            except UnreadableImage:
                unopened.append(number)
                raise
            hashes[number] = np.frombuffer(hashlib.sha256(content).digest(), np.uint8)
            check_head(content)
        except UnreadableImage as reason:
            skipped[number] = f"{listing.found[number][0]}: {reason}"

    with contextlib.ExitStack() as stack:
        copies = None

        def contents() -> Iterator[Content]:
            nonlocal copies
            for number, content in enumerate(listing.contents()):
                if isinstance(content, str):
                    places[number] = numbers[content], 0, WHOLE
                elif isinstance(content, Piece):
                    places[number] = numbers[content.file], content.offset, len(content)
                else:
                    try:
                        if copies is None and temporary is not None:
                            copies = stack.enter_context(open(temporary / COPIES, "wb"))
                        if copies is None:
                            raise OSError
                        places[number] = COPIED, copies.tell(), len(content)
                        copies.write(content)
                    except OSError:
                        raise _no_space(listing.root, temporary.parent if temporary else None) from None
                yield content

        for _ in in_threads(look, contents()):
            pass
    return _Looks(places, hashes, skipped, bool(unopened), copies is not None)


def _no_space(root: str, cache: Path | None) -> DataError:
    where = "data.cache" if cache is None else f"data.cache={cache}"
    return DataError(
        f"The images in {root} are compressed or stored in groups, so data.decode={STREAM} copies them, but {where} "
        "cannot hold the copy: set data.cache to a folder on a larger disk."
    )


def _store(entry: Path, temporary: Path, looked: Encoded) -> None:
    """Write an entry below the temporary folder, then rename it; another process may have done so first."""
    finished = temporary / "entry"
    finished.mkdir()
    pool = looked.pool
    names = {"classes": pool.classes, "skipped": pool.skipped, "files": pool.files, "groups": pool.groups}
    np.savez(
        finished / INDEX,
        names=np.frombuffer(json.dumps(names).encode(), np.uint8),
        places=looked.places,
        hashes=looked.hashes,
        labels=pool.labels,
        parts=pool.parts,
    )
    with contextlib.suppress(FileNotFoundError):
        os.rename(temporary / COPIES, finished / COPIES)
    with contextlib.suppress(OSError):
        os.rename(finished, entry)


def _stored(entry: Path, files: Sequence[str | Path]) -> Encoded | None:
    """The encoded images of an entry; None if the entry is missing or damaged."""
    try:
        with np.load(entry / INDEX, allow_pickle=False) as file:  # compares the checksums of the arrays
            names = json.loads(file["names"].tobytes())
            pool = Pool(np.empty((len(file["parts"]), 0, 0, 0), np.uint8), file["labels"], parts=file["parts"], **names)
            looked = Encoded(pool, files, file["places"], file["hashes"], entry / COPIES)
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile):
        return None
    needs_copies = bool((looked.places[:, 0] == COPIED).any())
    return looked if looked.copies.exists() or not needs_copies else None
