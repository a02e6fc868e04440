"""Paths as a person types them, with `~` for the home folder."""

import os
from pathlib import Path

from exprun.config.errors import ConfigError

NO_HOME = "/nonexistent"  # what Debian sets as the home folder of accounts that have none
SQLITE = "sqlite:///"  # the beginning of the URI of an SQLite store


def user_path(text: str, given: str = "") -> Path:
    """The path that a person typed, with `~` and `~name` replaced by the home folder.

    Args:
        text: the path as it was typed.
        given: the path with its key for error messages, such as `data.root=~/x`; if empty, `text`.

    Raises:
        ConfigError: the home folder is not known, or the path contains a character that is not allowed.
    """
    if "\0" in text:
        raise ConfigError(f"{(given or text).partition('=')[0]} contains a character that is not allowed in a path.")
    path = os.path.expanduser(text)
    if text.startswith("~") and (path == text or path.startswith(NO_HOME)):
        home = text.split("/")[0]
        raise ConfigError(f"{given or text}: no home folder is known for {home}; write the whole path.")
    return Path(path)


def sqlite_path(uri: str) -> Path | None:
    """The absolute path of an SQLite store's file; None for the URI of any other store."""
    return Path(uri.removeprefix(SQLITE).partition("?")[0]).resolve() if uri.startswith(SQLITE) else None
