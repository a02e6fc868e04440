"""Images that are decoded when they are needed, and kept in the cache from then on."""

import contextlib
import hashlib
import json
import os
import shutil
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, cast, final

import numpy as np
from PIL import Image

from exprun.config.errors import DataError, say
from exprun.config.images import STREAM, Data
from exprun.data.cache import building
from exprun.data.decode import UnreadableImage, decode_image
from exprun.data.encoded import Encoded, encoded
from exprun.data.pool import Pool, Source

LAYOUT = 1  # version of the entries' layout; entries of other versions are ignored
HASH_BYTES = 8  # of the SHA-256 of an encoded image, by which images are compared
SAMPLE = 2000  # images of a split by which the others are judged, such as by their mean
RESERVE_SHARE, RESERVE_BYTES = 0.05, 2e9  # of the disk that stay free; the smaller one counts
PIXELS, SUMS = "pixels.bin", "sums.bin"  # the files of an entry


def streamed(source: Source, data: Data, folder: Path) -> Pool:
    """The pool of a data set whose images are decoded when they are needed.

    Its fingerprint is that of the encoded images, labels and parts, and of the size and channels to which they are
    decoded.

    Args:
        source: the files of the data set, which have encoded images.
        data: the settings of the data set, with a size.
        folder: the folder of the cache.

    Raises:
        DataError: images cannot be read, as in `read_images`.
    """
    assert data.size is not None
    found = encoded(source, data, folder)
    pool, channels = found.pool, 1 if data.channels == 1 else 3
    decoded_as = json.dumps([LAYOUT, data.size, channels, data.background])
    digest = hashlib.sha256(decoded_as.encode() + np.ascontiguousarray(found.hashes).tobytes())
    shape = (len(found.hashes), data.size, data.size, channels)
    images = Streamed(found, data, shape, Kept.opened(folder / f"{STREAM}ed-{digest.hexdigest()[:24]}", shape))
    for array in (pool.labels, pool.parts):
        digest.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    pool.images, pool.fingerprint = cast(np.ndarray, images), digest.hexdigest()
    images.say_progress(data.cache)
    return pool


class Kept:
    """Decoded images on the disk, with a checksum for each; 0 stands for an image that is not decoded.

    The file has holes for images that are not decoded. Pixels are written before their checksum, so a process that is
    killed leaves no incomplete image that counts as decoded, and several processes may write the same images.

    Args:
        folder: the folder of the entry.
        shape: images, height, width, channels.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int, int]) -> None:
        self.folder = folder
        self.pixels = np.memmap(folder / PIXELS, np.uint8, "r", shape=shape)
        self.sums = np.memmap(folder / SUMS, np.uint32, "r", shape=shape[:1])
        self.is_open = True
        self.checked = np.zeros(shape[0], bool)  # images that this process has decoded or compared with their checksum

    @classmethod
    def opened(cls, folder: Path, shape: tuple[int, int, int, int]) -> "Kept | None":
        """The decoded images in a folder, made again if it is missing or damaged; None if it cannot be written."""
        try:
            return cls(folder, shape)
        except (ValueError, FileNotFoundError):  # another size, or a file is missing
            shutil.rmtree(folder, ignore_errors=True)  # it would keep the rename from succeeding
        except OSError:
            return None
        with contextlib.suppress(OSError, ValueError), building(folder) as temporary:
            if temporary is not None:
                made = temporary / "entry"
                made.mkdir()
                for name, size in ((PIXELS, int(np.prod(shape, dtype=np.int64))), (SUMS, 4 * shape[0])):
                    (made / name).touch()
                    os.truncate(made / name, size)
                with contextlib.suppress(OSError):  # another process may have renamed its folder first
                    os.rename(made, folder)
                return cls(folder, shape)
        return None

    def room(self) -> int:
        """How many more images fit onto the disk, which keeps a reserve."""
        disk = shutil.disk_usage(self.folder)
        free = disk.free - min(RESERVE_SHARE * disk.total, RESERVE_BYTES)
        return max(0, int(free // self.pixels[0].nbytes))

    def has(self, rows: np.ndarray) -> np.ndarray:
        """Whether images are decoded and as they were written, bool, (rows,)."""
        new = rows[~self.checked[rows] & (self.sums[rows] != 0)]
        if len(new):
            with ThreadPoolExecutor() as threads:  # crc32 releases the interpreter lock
                sums = np.fromiter(threads.map(lambda row: _checksum(self.pixels[row]), new), np.uint32, len(new))
            self.checked[new[sums == self.sums[new]]] = True
        return np.asarray(self.checked[rows])

    def keep(self, row: int, image: np.ndarray) -> None:
        """Write an image, unless the disk is full; then, no further images are kept."""
        if not self.is_open:
            return
        sum_ = np.array([_checksum(image)], np.uint32)
        try:
            # Written, not mapped: if the disk were full when a mapped page is written, the process would die.
            for name, content in ((PIXELS, image), (SUMS, sum_)):
                with open(self.folder / name, "r+b", buffering=0) as file:
                    if os.pwrite(file.fileno(), content.data, row * content.nbytes) < content.nbytes:
                        raise OSError
        except OSError:
            self.is_open = False
        else:
            self.checked[row] = True


def _checksum(image: np.ndarray) -> int:
    return zlib.crc32(image.data) or 1


@final
class Streamed:
    """The images of a pool, which are decoded when they are indexed; it stands for a uint8 array that is read only.

    The first index may be a number, a slice or an array of numbers. An index that takes all images, but not all of
    their pixels, decodes nothing.

    Args:
        encoded: the encoded images.
        data: the settings of the data set.
        shape: images, height, width, channels.
        kept: the images that are decoded already; None if none can be kept.
        views: the pixels of each image that are seen, as indices that follow each other.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4
    __iter__ = None  # NumPy would decode all images

    def __init__(
        self,
        encoded: Encoded,
        data: Data,
        shape: tuple[int, int, int, int],
        kept: Kept | None,
        views: tuple[Any, ...] = (),
    ) -> None:
        Image.init()  # not thread-safe, so it is called before threads start
        warnings.filterwarnings("ignore", module=r"PIL\.")  # Pillow warns about files that it can read nevertheless
        self.encoded, self.data, self.kept, self.views = encoded, data, kept, views
        self._whole, self._numbers = shape, np.arange(shape[0])
        self.shape = (shape[0], *self._viewed(np.empty((1, *shape[1:]), bool)).shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """The bytes of all images."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError("The images are decoded when they are indexed; an array of all of them would decode all.")

    def __getitem__(self, key: Any) -> Any:
        first, *rest = key if isinstance(key, tuple) else (key,)
        if isinstance(first, slice) and first == slice(None):
            return Streamed(self.encoded, self.data, self._whole, self.kept, (*self.views, (first, *rest)))
        rows = np.asarray(self._numbers[first])
        found = self._images(rows.reshape(-1))
        if not rest:
            return found.reshape(*rows.shape, *found.shape[1:])
        return found[(np.arange(rows.size).reshape(rows.shape), *rest)] if rows.ndim else found[0][tuple(rest)]

    def is_decoded(self, rows: np.ndarray | None = None) -> bool:
        """Whether all images, or those of some rows, are decoded and kept."""
        return self.kept is not None and bool(self.kept.sums[slice(None) if rows is None else rows].all())

    def _viewed(self, images: np.ndarray) -> np.ndarray:
        """The pixels of images that are seen."""
        for view in self.views:
            images = images[view]
        return images

    def _images(self, rows: np.ndarray) -> np.ndarray:
        """The pixels of some images, (rows, height, width, channels), which are decoded if they are not kept."""
        unique = np.unique(rows)
        present = np.zeros(len(unique), bool) if self.kept is None else self.kept.has(unique)
        missing = unique[~present]
        if not len(missing):
            assert self.kept is not None
            return self._viewed(self.kept.pixels[rows])
        kept = self.kept if self.kept is not None and self.kept.room() >= len(missing) else None
        with ThreadPoolExecutor() as threads:
            new = np.stack(list(threads.map(partial(self._decoded, kept), missing.tolist())))
        images = np.empty((len(rows), *self._whole[1:]), np.uint8)
        is_new = np.isin(rows, missing)
        images[is_new] = new[np.searchsorted(missing, rows[is_new])]
        if not is_new.all():
            assert self.kept is not None
            images[~is_new] = self.kept.pixels[rows[~is_new]]
        return self._viewed(images)

    def _decoded(self, kept: Kept | None, row: int) -> np.ndarray:
        """The pixels of an image.

        Args:
            kept: where they are kept; None if there is no space for them.
            row: the row of the image.

        Raises:
            DataError: the image cannot be decoded, or has changed.
        """
        content = self.encoded.content(row)
        _, height, width, channels = self._whole
        mode = "L" if channels == 1 else "RGB"
        try:
            image = decode_image(content, (width, height), mode, self.data.background)
        except UnreadableImage as reason:
            raise DataError(
                f"{self.encoded.name(row)} cannot be decoded, although its head can be read: {reason}; remove or "
                "replace it and start a new run, or find all such images with data.decode=before."
            ) from None
        image = np.ascontiguousarray(image)
        if kept is not None:
            kept.keep(row, image)
        return image

    def say_progress(self, cache: str) -> None:
        """Print how many images are decoded already, and how many the disk can hold, unless all are decoded."""
        done = 0 if self.kept is None else int(np.count_nonzero(self.kept.sums))
        left = len(self) - done
        if not left:
            return
        room = 0 if self.kept is None else self.kept.room()
        many = "all others" if room >= left else f"{room:,} others; those that do not fit are decoded in each epoch"
        say(f"{done:,} of {len(self):,} images are decoded already; data.cache={cache} has room for {many}.")


def is_decoded(images: np.ndarray, rows: np.ndarray) -> bool:
    """Whether some of the images of a pool can be taken without decoding them."""
    return not isinstance(images, Streamed) or images.is_decoded(rows)


def hashes_of(images: np.ndarray) -> np.ndarray | None:
    """A hash of the encoded content of each image, uint64, (images,); None if images are decoded before the run."""
    if not isinstance(images, Streamed):
        return None
    return np.ascontiguousarray(images.encoded.hashes[:, :HASH_BYTES]).view(np.uint64)[:, 0]


def at_most(images: np.ndarray, count: int) -> int:
    """How many images of a split are examined: `count`, or at most `SAMPLE` if they would have to be decoded first."""
    return min(count, SAMPLE) if isinstance(images, Streamed) else count


def sample(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The rows on which statistics are fitted: all, or the same `SAMPLE` in every run if images are streamed.

    Args:
        images: all images of the pool.
        rows: the rows of a split, in ascending order.
    """
    if len(rows) <= at_most(images, len(rows)):
        return rows
    return np.sort(np.random.default_rng(0).permutation(rows)[:SAMPLE])
