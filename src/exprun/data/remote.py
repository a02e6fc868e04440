"""Files in object stores and other places with an address, such as `s3://bucket/images`, read with fsspec."""

import re
from typing import Any, BinaryIO, cast

from exprun.config.errors import DataError, one_line, without_password
from exprun.data.decode import Content

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
INSTALL = "pip install 'exprun[remote]'"
# What tells in the listing of a file system that a file has changed, as file systems name it.
STATES = ("size", "ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "created", "md5Hash", "md5")


def is_remote(path: str) -> bool:
    """Whether a path is an address, such as `s3://bucket/images`, and not a path on this machine."""
    return ADDRESS.match(path) is not None


def listing(address: str) -> dict[str, str]:
    """The files that an address names, sorted: all below a folder, those that match a pattern, or one file.

    Args:
        address: the address of a folder or file, or a pattern with `*`, `?` or `[…]`.

    Returns:
        The state of each file, by its address; another state means that the file may have changed.

    Raises:
        DataError: fsspec or the package of the file system is not installed, or the address cannot be listed.
    """
    file_system, path = _file_system(address)
    try:
        if any(mark in path for mark in "*?["):
            found = cast(dict[str, dict[str, Any]], file_system.glob(path, detail=True))
        else:
            found = cast(dict[str, dict[str, Any]], file_system.find(path, detail=True))
    except Exception as error:  # each file system has errors of its own
        raise _unread(address, error) from None
    files = {name: info for name, info in found.items() if info.get("type") != "directory"}
    state = lambda info: " ".join(f"{key}={info[key]}" for key in STATES if key in info)  # noqa: E731
    return {file_system.unstrip_protocol(name): state(files[name]) for name in sorted(files)}


def normal(address: str) -> str:
    """An address in the notation of `listing`, without a slash at its end."""
    file_system, path = _file_system(address)
    return str(file_system.unstrip_protocol(path)).rstrip("/")


def open_file(path: str) -> BinaryIO:
    """A file opened for reading, on this machine or at an address.

    Raises:
        OSError: the file on this machine cannot be opened.
        DataError: the file at the address cannot be opened.
    """
    if not is_remote(path):
        return open(path, "rb")
    file_system, name = _file_system(path)
    try:
        return cast(BinaryIO, file_system.open(name, "rb"))
    except Exception as error:
        raise _unread(path, error) from None


def fetched(content: Content) -> Content:
    """The content of a file at an address; a path on this machine, or content, is returned unchanged.

    Raises:
        DataError: the file cannot be read. It is not counted as damaged, because the network may have failed.
    """
    if isinstance(content, bytes) or not is_remote(content):
        return content
    file_system, name = _file_system(content)
    try:
        return cast(bytes, file_system.cat_file(name))
    except Exception as error:
        raise _unread(content, error) from None


def _file_system(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it.

    Raises:
        DataError: a package is not installed, or there is no file system of this name.
    """
    shown = without_password(address)
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise DataError(f"data.root={shown} needs the package fsspec: {INSTALL}.") from None
    try:
        file_system, path = url_to_fs(address)
    except ImportError as error:  # its message names the package to install
        raise DataError(f"data.root={shown} needs another package: {one_line(error).rstrip('.')}.") from None
    except Exception as error:
        raise DataError(f"data.root={shown} cannot be opened: {one_line(error)[:160].rstrip('.')}.") from None
    return file_system, str(path)


def _unread(address: str, error: Exception) -> DataError:
    reason = "there is no such file" if isinstance(error, FileNotFoundError) else one_line(error)[:160].rstrip(".")
    return DataError(f"{without_password(address)} cannot be read: {reason or type(error).__name__}.")
