"""Locks between processes, on files. The system releases a lock when the process that holds it ends in any way."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from exprun.config.errors import say
from exprun.files import NOT_SUPPORTED

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

# The errors of flock on file systems without locks: Lustre mounted without them, some network and FUSE file systems.
NO_LOCKS = NOT_SUPPORTED | {errno.ENOLCK}
_warned: list[Path] = []  # the file for which this process has printed the warning; empty before it


@contextlib.contextmanager
def file_lock(path: Path, wait: bool) -> Iterator[None]:
    """Hold a lock on a file; on a file system without locks, warn once per process and continue without.

    Args:
        path: the path of the file to lock; the file is created if it does not exist.
        wait: whether to wait until another process releases the lock.

    Raises:
        BlockingIOError: another process holds the lock, and `wait` is false.
        OSError: the file cannot be created.
    """
    with open(path, "w") as file:
        if not _locked(file, wait) and not _warned:
            _warned.append(path)
            say(
                f"warning: there are no file locks in {path.absolute().parent}, so nothing keeps two processes from "
                "training in one folder, from running the same runs of a sweep, or from creating the tables of one "
                "store at the same time: start processes one after the other."
            )
        yield


def _locked(file: IO[Any], wait: bool) -> bool:
    """Lock an open file; returns whether its file system has locks."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return False
    return True
