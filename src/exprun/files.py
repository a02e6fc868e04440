"""Small files that are there whole or not at all."""

import os
import tempfile
from pathlib import Path

PART = ".part-"  # in the names of what a crash may leave


def write_whole(path: Path, content: str) -> None:
    """Write a file of text beside its place and move it there, so that no reader and no crash meets a part of it.

    Raises:
        OSError: it cannot be written; what was there before is untouched.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}{PART}", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(name, 0o666 & ~_UMASK)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found


_UMASK = _umask()  # asked once, for asking changes it for a moment
