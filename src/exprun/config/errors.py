"""Errors that a user can cause, each with a message of one sentence, and suggestions for misspelt names."""

import difflib
import re
import sys
from collections.abc import Iterable


class UserError(Exception):
    """An error that the user can correct; its message is one sentence on what is wrong and how to correct it."""

    exit_code = 1


class ConfigError(UserError):
    """The command line or the config is wrong, which is found before any data is read. Exit code 2."""

    exit_code = 2


class DataError(UserError):
    """The data is missing, damaged or does not fit the config. Exit code 1."""


class RunError(UserError):
    """A run cannot start or continue for a reason outside the config. Exit code 1."""


def one_line(text: object) -> str:
    """`text` in one line: each sequence of white space is replaced by one space."""
    return " ".join(str(text).split())


def printable(text: str) -> str:
    """`text` without characters that control a terminal."""
    return "".join(c if c.isprintable() else "�" for c in text.encode("utf-8", "replace").decode())


def safe(text: str) -> str:
    """`text` for rich: `printable`, with the markup of rich escaped."""
    from rich.markup import escape

    return escape(printable(text))


def without_password(text: str) -> str:
    """`text` with the user name and password of each URI masked, so that it can be printed and logged."""
    return re.sub(r"://[^\s/@'\"]*@", "://***@", text)


def say(sentence: object) -> None:
    """Print one sentence to standard error."""
    print(f"exprun: {printable(one_line(sentence))}", file=sys.stderr, flush=True)


def did_you_mean(word: str, known: Iterable[str], limit: int = 3) -> str:
    """A clause that suggests valid names similar to a misspelt one, or lists valid names if none is similar.

    Args:
        word: the misspelt name.
        known: the valid names.
        limit: the largest number of similar names to suggest.
    """
    names, word = sorted(set(known)), word[:100]
    last = word.rsplit(".", 1)[-1]
    # An abbreviation (`lr`) or the last part of a longer key (`learning_rate`) is a better guess than a similar
    # spelling.
    near = [name for name in names if last in (_initials(name), name.rsplit(".", 1)[-1]) and last != name]
    if not near:
        alike = difflib.get_close_matches(word, names, n=limit, cutoff=0.6)
        near = sorted(alike, key=lambda name: sorted(name) != sorted(word))  # names with only swapped letters first
        near = near or [name for name in names if len(word) > 2 and name.startswith(word)]
    if near:
        return f"did you mean {' or '.join(near[:limit])}?"
    top = [name for name in names if "." not in name]
    shown = ", ".join((top or names)[:20])
    return f"valid names are {shown}{', …' if len(top or names) > 20 else ''}."


def _initials(key: str) -> str:
    """The initials of the last part of a key: `lr` for `optim.learning_rate`."""
    return "".join(word[:1] for word in key.rsplit(".", 1)[-1].split("_"))
