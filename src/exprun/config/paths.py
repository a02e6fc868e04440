"""Paths as a person writes them."""

import os
from pathlib import Path

from exprun.config.errors import ConfigError

NO_HOME = "/nonexistent"  # the home folder that Debian gives to accounts without one
SQLITE = "sqlite:///"  # how the URI of an SQLite store begins


def user_path(text: str, given: str = "") -> Path:
    """The path that a person wrote, with the home folder in place of `~` and `~name`.

    Args:
        text: the path.
        given: how it was given, for the message: `data.root=~/x`; the text itself where it is empty.

    Raises:
        ConfigError: nobody has such a home folder, or no path can be written so.
    """
    if "\0" in text:
        raise ConfigError(f"{(given or text).partition('=')[0]} holds a character that no path can have.")
    path = os.path.expanduser(text)
    if text.startswith("~") and (path == text or path.startswith(NO_HOME)):
        home = text.split("/")[0]
        raise ConfigError(f"{given or text}: no home folder is known for {home}; write the whole path.")
    return Path(path)


def sqlite_path(uri: str) -> Path | None:
    """The file of an SQLite store, absolute; None for any other store."""
    return Path(uri.removeprefix(SQLITE).partition("?")[0]).resolve() if uri.startswith(SQLITE) else None
