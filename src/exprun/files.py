"""Small files that are there whole or not at all."""

import contextlib
import errno
import hashlib
import os
import tempfile
from pathlib import Path
from typing import IO, Any

PART = ".part-"  # in the names of what a crash may leave
# What the system answers to a call that the file system does not have.
NOT_SUPPORTED = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})


def write_whole(path: Path, content: str) -> None:
    """Write a file of text beside its place and move it there, so that no reader and no crash meets a part of it.

    Raises:
        OSError: it cannot be written; what was there before is untouched.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}{PART}", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        with contextlib.suppress(OSError):  # of a file system that has no such rights, or keeps its own
            os.chmod(name, 0o666 & ~_UMASK)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def flush_to_disk(file: IO[Any]) -> None:
    """Wait until the disk has what was written to a file; file systems that cannot say so are not waited for.

    Raises:
        OSError: it could not be written.
    """
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise


def sha256(path: Path) -> str:
    """The SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found


_UMASK = _umask()  # asked once, for asking changes it for a moment
