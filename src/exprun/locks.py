"""Locks between processes, on files; the system lets go of them whatever happens to their holder."""

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

# What flock answers where there are no locks: Lustre mounted without them, some network and FUSE file systems.
NO_LOCKS = NOT_SUPPORTED | {errno.ENOLCK}
_told: list[Path] = []  # where this process has said so


@contextlib.contextmanager
def file_lock(path: Path, wait: bool) -> Iterator[None]:
    """Hold a lock; where the file system has none, go on without, and say once what is no longer protected.

    Args:
        path: of the file that stands for it; made where it is missing.
        wait: until another process lets go of it.

    Raises:
        BlockingIOError: another process holds it, and `wait` is off.
        OSError: the file cannot be made.
    """
    with open(path, "w") as file:
        if not _locked(file, wait) and not _told:
            _told.append(path)
            say(
                f"warning: there are no file locks in {path.absolute().parent}, so nothing keeps two processes from "
                "training in one folder, from running the same runs of a sweep, or from making the tables of one "
                "store at once: start them one after the other."
            )
        yield


def _locked(file: IO[Any], wait: bool) -> bool:
    """Lock an open file; whether its file system has locks."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return False
    return True
