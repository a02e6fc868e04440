"""The cache of decoded images on disk, memory-mapped and keyed by the content of the files they came from.

A cache entry is a folder that is created atomically: it is built under a temporary name and then renamed. So two
processes may build the same entry at once, and a process that is killed leaves no incomplete entry.
"""

import contextlib
import hashlib
import json
import math
import os
import random
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from exprun.config.errors import DataError, say
from exprun.data.pool import Allocate, Pool, in_memory
from exprun.files import write_whole

LAYOUT = 3  # version of the entries' layout; entries of other versions are ignored
ARRAYS = ("images", "labels", "parts")
DAY = 86_400  # seconds; temporary folders that are older were left by killed processes
PIECE = 2**26  # bytes covered by one checksum
MAX_CHECKED = 128  # pieces of an array whose checksums are compared at a start; 8 GiB
LARGE = 2e9  # bytes of an array whose size is printed


def file_key(paths: Sequence[str | Path], index: Path) -> str:
    """A hash of the content of files, in hex.

    Reading every file at each start would take minutes for a large folder. So the hash is remembered under the paths,
    sizes and modification times of the files, and computed again only if one of them has changed.

    Args:
        paths: paths of the files.
        index: folder in which the hashes are remembered.
    """
    remembered = index / f"{states_of(paths)[:32]}.txt"
    with contextlib.suppress(OSError):
        key = remembered.read_text().strip()
        if len(key) == 64:
            return key
    content, unread = hashlib.sha256(), False
    for path in paths:
        content.update(f"{os.path.basename(path)}\0".encode(errors="surrogateescape"))
        try:
            with open(path, "rb") as file:
                content.update(hashlib.file_digest(file, "sha256").digest())
        except OSError:
            unread = True
    if unread:
        return content.hexdigest()  # not remembered, so that the next start tries to read the files again
    with contextlib.suppress(OSError):
        index.mkdir(parents=True, exist_ok=True)
        write_whole(remembered, content.hexdigest())
    return content.hexdigest()


def states_of(paths: Sequence[str | Path]) -> str:
    """A hash of the paths, sizes and modification times of files, in hex."""
    states = hashlib.sha256()
    for path in paths:
        try:
            stat = os.stat(path)
            state = f"{stat.st_size}\0{stat.st_mtime_ns}"
        except OSError:  # a broken link; the error is raised when the file is decoded
            state = "missing"
        states.update(f"{os.path.abspath(path)}\0{state}\n".encode(errors="surrogateescape"))
    return states.hexdigest()


def cached(folder: Path, key: dict[str, Any], read: Callable[[Allocate], Pool]) -> Pool:
    """The pool from the cache; if its entry is missing or damaged, the pool is read and stored.

    Args:
        folder: the folder of the cache.
        key: everything that the pool depends on; `key["name"]` is the first part of the entry's name.
        read: function that reads the pool; it is given a function that allocates the array of images.
    """
    name = hashlib.sha256(json.dumps([LAYOUT, key], sort_keys=True, default=str).encode()).hexdigest()[:24]
    entry = folder / f"{key['name']}-{name}"
    stored = _open(entry)
    if stored is not None:
        return stored
    with building(entry) as temporary:
        pool = read(partial(_on_disk, temporary, folder) if temporary else in_memory)
        pool.fingerprint = _fingerprint(pool)
        # If the cache cannot be written, the run continues; the next one decodes the images again.
        with contextlib.suppress(OSError):
            if temporary:
                _store(entry, temporary, pool)
    return _open(entry) or pool


@contextlib.contextmanager
def building(entry: Path) -> Iterator[Path | None]:
    """A temporary folder next to the entry, removed at the end; None if none can be created."""
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        for left in entry.parent.glob(".*-*"):  # temporary folders of killed processes
            with contextlib.suppress(OSError):
                if left.is_dir() and left.stat().st_mtime < time.time() - DAY:
                    shutil.rmtree(left)
        temporary = Path(tempfile.mkdtemp(prefix=f".{entry.name}-", dir=entry.parent))
    except OSError:
        temporary = None
    try:
        yield temporary
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)


def _on_disk(folder: Path, cache: Path, shape: tuple[int, int, int, int]) -> np.ndarray:
    """An empty array of images in a memory-mapped file below `folder`; in memory if the disk is full.

    The size of a large array is printed, because it takes a while to fill it.

    Args:
        folder: the folder of the file.
        cache: the folder of the cache, for messages.
        shape: images, height, width, channels.

    Raises:
        DataError: the array fits neither onto the disk nor into memory.
    """
    size, free = math.prod(shape), shutil.disk_usage(folder).free
    what = f"{shape[0]:,} images of {shape[1]}×{shape[2]}×{shape[3]} take {_gigabytes(size)}"
    if size > free:
        memory = psutil.virtual_memory().available
        if size > memory:
            raise DataError(
                f"{what} when they are decoded, but data.cache={cache} has {_gigabytes(free)} left, and the memory "
                f"{_gigabytes(memory)}: set data.cache to a folder on a larger disk, choose a smaller data.size, "
                "or, for image files of your own, set data.decode=stream."
            )
        return in_memory(shape)
    if size >= LARGE:
        say(f"{what} when they are decoded, in data.cache={cache}, which has {_gigabytes(free)} left.")
    path = Path(tempfile.mkdtemp(dir=folder)) / "images.npy"
    try:
        images = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
        with open(path, "r+b") as file:
            # The space is reserved now: if the disk were full when a mapped page is written, the process would die.
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except (OSError, AttributeError):
        path.unlink(missing_ok=True)
        return in_memory(shape)
    return images


def _gigabytes(size: int) -> str:
    """A number of bytes, in GB."""
    return f"{size / 1e9:,.1f} GB"


def _store(entry: Path, temporary: Path, pool: Pool) -> None:
    """Write the pool below the temporary folder, then rename the finished folder to the entry's name."""
    finished = temporary / "entry"
    finished.mkdir()
    for name in ARRAYS:
        array, path = getattr(pool, name), finished / f"{name}.npy"
        if isinstance(array, np.memmap) and temporary in Path(str(array.filename)).parents:
            array.flush()
            _shorten(array)
            os.rename(str(array.filename), path)
        else:
            np.save(path, array)
    sums = {name: _checksums(getattr(pool, name)) for name in ARRAYS}
    meta = {"classes": pool.classes, "skipped": pool.skipped, "fingerprint": pool.fingerprint, "sums": sums}
    meta |= {"files": pool.files, "groups": pool.groups}
    (finished / "meta.json").write_text(json.dumps(meta))
    if _open(entry, every_piece=True) is None:
        shutil.rmtree(entry, ignore_errors=True)  # a damaged entry would keep the rename from succeeding
    with contextlib.suppress(OSError):  # another process may have renamed its folder first
        os.rename(finished, entry)


def _shorten(array: np.memmap) -> None:
    """Cut the file of a memory-mapped array after its last image, if the array is only the beginning of the file."""
    if os.path.getsize(str(array.filename)) == array.offset + array.nbytes:
        return
    with open(str(array.filename), "r+b") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        if file.tell() != array.offset:
            raise ValueError(f"{array.filename} has a header of another length.")
        file.truncate(array.offset + array.nbytes)


def _open(entry: Path, every_piece: bool = False) -> Pool | None:
    """The pool of an entry; None if the entry is missing or damaged.

    Args:
        entry: the folder of the entry.
        every_piece: whether all pieces of a large array are read to see whether it is damaged.
    """
    try:
        meta = json.loads((entry / "meta.json").read_text())
        images = np.load(entry / "images.npy", mmap_mode="r", allow_pickle=False)
        labels = np.load(entry / "labels.npy", allow_pickle=False)
        parts = np.load(entry / "parts.npy", allow_pickle=False)
        if images.dtype != np.uint8 or not len(images) == len(labels) == len(parts):
            return None
        arrays = zip(ARRAYS, (images, labels, parts), strict=True)
        if any(not _is_intact(array, meta["sums"][name], every_piece) for name, array in arrays):
            return None
        rest = {name: meta[name] for name in ("skipped", "fingerprint", "files")}
        return Pool(images, labels, meta["classes"], parts, **rest, groups=meta.get("groups", []))
    except (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError):
        return None


def _is_intact(array: np.ndarray, sums: list[int], every_piece: bool) -> bool:
    """Whether an array is as it was written; of a large one, some pieces are read, others at each start, or all."""
    pieces = list(range(len(sums)))
    if len(sums) > MAX_CHECKED and not every_piece:
        pieces = sorted(random.SystemRandom().sample(pieces, MAX_CHECKED))
    return -(-array.nbytes // PIECE) == len(sums) and _checksums(array, pieces) == [sums[piece] for piece in pieces]


def _checksums(array: np.ndarray, pieces: Sequence[int] | None = None) -> list[int]:
    """The CRC-32 of pieces of an array, or of all of them.

    They show images that a disk error has changed, and take about a second for some gigabytes.
    """
    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    starts = [piece * PIECE for piece in pieces] if pieces is not None else range(0, len(content), PIECE)
    with ThreadPoolExecutor() as threads:  # crc32 releases the interpreter lock
        return list(threads.map(lambda start: zlib.crc32(content[start : start + PIECE].data), starts))


def _fingerprint(pool: Pool) -> str:
    digest = hashlib.sha256()
    for array in (pool.images, pool.labels, pool.parts):
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
