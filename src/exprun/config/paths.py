"""Paths as a person writes them."""

import os
from pathlib import Path

from exprun.config.errors import ConfigError

NO_HOME = "/nonexistent"  # Debian's name for the home of who has none


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
