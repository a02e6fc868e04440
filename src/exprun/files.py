"""Files that are written completely or not at all."""

import contextlib
import errno
import hashlib
import os
import tempfile
from pathlib import Path
from typing import IO, Any

PART = ".part-"  # part of the name of a file that is being written; a crash may leave such a file
# The errors of a system call that the file system does not support.
NOT_SUPPORTED = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})


def write_whole(path: Path, content: str) -> None:
    """Write a text file under a temporary name and rename it, so that neither a reader nor a crash sees half a file.

    Args:
        path: the path of the file.
        content: the new content.

    Raises:
        OSError: the file cannot be written; its old content is still there.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}{PART}", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        with contextlib.suppress(OSError):  # some file systems have no such permissions, or fixed ones
            os.chmod(name, 0o666 & ~_UMASK)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def flush_to_disk(file: IO[Any]) -> None:
    """Wait until the disk has everything that was written to a file, if the file system supports this.

    Args:
        file: the open file.

    Raises:
        OSError: the file could not be written.
    """
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise


def sha256(path: Path) -> str:
    """The SHA-256 digest of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


_UMASK = _umask()  # read only once, because reading the mask changes it for a moment
