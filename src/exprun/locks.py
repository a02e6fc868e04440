"""Locks between processes, on files; the system lets go of them whatever happens to their holder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def file_lock(path: Path, wait: bool) -> Iterator[None]:
    """Hold a lock.

    Args:
        path: of the file that stands for it; made where it is missing.
        wait: until another process lets go of it.

    Raises:
        BlockingIOError: another process holds it, and `wait` is off.
    """
    with open(path, "w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
