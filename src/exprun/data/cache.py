"""Decoded images on disk, memory-mapped, keyed by the content they came from.

A cache entry is a folder that appears whole or not at all: it is built beside its place and renamed
into it, so that two processes may build it at once and a killed one leaves nothing half-made in use.
"""

import contextlib
import hashlib
import json
import os
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

from exprun.data.pool import Allocate, Pool, in_memory
from exprun.files import write_whole

LAYOUT = 3  # of the entries; another number leaves the old ones unused
ARRAYS = ("images", "labels", "parts")
DAY = 86_400  # seconds
PIECE = 2**26  # bytes under one checksum


def file_key(paths: Sequence[str | Path], index: Path) -> str:
    """A key for the content of files.

    Reading every file at each start would cost minutes on a large folder, so the hash of the content is
    looked up by path, size and time of change, and computed only where these are new.

    Args:
        paths: the files.
        index: folder that remembers the content hash of a listing.
    """
    listing = hashlib.sha256()
    for path in paths:
        try:
            stat = os.stat(path)
            state = f"{stat.st_size}\0{stat.st_mtime_ns}"
        except OSError:  # a link to nothing; who reads the file will say so
            state = "missing"
        listing.update(f"{os.path.abspath(path)}\0{state}\n".encode(errors="surrogateescape"))
    known = index / f"{listing.hexdigest()[:32]}.txt"
    with contextlib.suppress(OSError):
        key = known.read_text().strip()
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
        return content.hexdigest()  # not remembered: the next start looks again
    with contextlib.suppress(OSError):
        index.mkdir(parents=True, exist_ok=True)
        write_whole(known, content.hexdigest())
    return content.hexdigest()


def cached(folder: Path, key: dict[str, Any], read: Callable[[Allocate], Pool]) -> Pool:
    """The pool that `read` makes, from the cache where it is there.

    Args:
        folder: of the cache.
        key: all that the pool depends on.
        read: makes the pool, with room for its images; called where the entry is missing or damaged.
    """
    name = hashlib.sha256(json.dumps([LAYOUT, key], sort_keys=True, default=str).encode()).hexdigest()[:24]
    entry = folder / f"{key['name']}-{name}"
    found = _open(entry)
    if found is not None:
        return found
    with _building(entry) as place:
        pool = read(partial(_on_disk, place) if place else in_memory)
        pool.fingerprint = _fingerprint(pool)
        # A cache that cannot be written costs time, not the run.
        with contextlib.suppress(OSError):
            if place:
                _store(entry, place, pool)
    return _open(entry) or pool


@contextlib.contextmanager
def _building(entry: Path) -> Iterator[Path | None]:
    """A folder beside the entry, which is gone afterwards; None where there can be none."""
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        for left in entry.parent.glob(".*-*"):  # by a build that was killed
            with contextlib.suppress(OSError):
                if left.is_dir() and left.stat().st_mtime < time.time() - DAY:
                    shutil.rmtree(left)
        place = Path(tempfile.mkdtemp(prefix=f".{entry.name}-", dir=entry.parent))
    except OSError:
        place = None
    try:
        yield place
    finally:
        if place:
            shutil.rmtree(place, ignore_errors=True)


def _on_disk(place: Path, shape: tuple[int, int, int, int]) -> np.ndarray:
    """Room for images in a file that is memory-mapped; in memory where the disk has none."""
    path = Path(tempfile.mkdtemp(dir=place)) / "images.npy"
    try:
        images = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
        with open(path, "r+b") as file:
            # Taken at once: a disk that is full when a mapped page is written ends the process.
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except (OSError, AttributeError):
        path.unlink(missing_ok=True)
        return in_memory(shape)
    return images


def _store(entry: Path, place: Path, pool: Pool) -> None:
    made = place / "entry"
    made.mkdir()
    for name in ARRAYS:
        array, path = getattr(pool, name), made / f"{name}.npy"
        if isinstance(array, np.memmap) and place in Path(str(array.filename)).parents:
            array.flush()
            os.rename(str(array.filename), path)
        else:
            np.save(path, array)
    sums = {name: _sums(getattr(pool, name)) for name in ARRAYS}
    meta = {"classes": pool.classes, "skipped": pool.skipped, "fingerprint": pool.fingerprint, "sums": sums}
    meta["files"] = pool.files
    (made / "meta.json").write_text(json.dumps(meta))
    if _open(entry) is None:
        shutil.rmtree(entry, ignore_errors=True)  # damaged
    with contextlib.suppress(OSError):  # another process was first
        os.rename(made, entry)


def _open(entry: Path) -> Pool | None:
    """The entry, or None where it is missing or does not hold together."""
    try:
        meta = json.loads((entry / "meta.json").read_text())
        images = np.load(entry / "images.npy", mmap_mode="r", allow_pickle=False)
        labels = np.load(entry / "labels.npy", allow_pickle=False)
        parts = np.load(entry / "parts.npy", allow_pickle=False)
        if images.dtype != np.uint8 or not len(images) == len(labels) == len(parts):
            return None
        if any(_sums(array) != meta["sums"][name] for name, array in zip(ARRAYS, (images, labels, parts), strict=True)):
            return None
        return Pool(images, labels, meta["classes"], parts, meta["skipped"], meta["fingerprint"], meta["files"])
    except (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError):
        return None


def _sums(array: np.ndarray) -> list[int]:
    """CRC-32 of each piece of an array: a disk's error must not train unseen, and this costs a second for gigabytes."""
    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    with ThreadPoolExecutor() as threads:  # the checksum lets other threads run
        return list(threads.map(lambda at: zlib.crc32(content[at : at + PIECE].data), range(0, len(content), PIECE)))


def _fingerprint(pool: Pool) -> str:
    digest = hashlib.sha256()
    for array in (pool.images, pool.labels, pool.parts):
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
