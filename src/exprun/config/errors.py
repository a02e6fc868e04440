"""Errors that a user can cause, each one clear sentence, and the search for what was meant."""

import difflib
import re
import sys
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can mend; its text is one sentence that says what and how."""

    exit_code = 1


class ConfigError(UserError):
    """The command line or the config is wrong: known before any data is read. Exit code 2."""

    exit_code = 2


class DataError(UserError):
    """The data is missing, damaged or does not fit the config. Exit code 1."""


class RunError(UserError):
    """A run could not start or go on for a reason that lies outside the config. Exit code 1."""


def one_line(text: object) -> str:
    """`text` with every run of white space folded into one space."""
    return " ".join(str(text).split())


def printable(text: str) -> str:
    """`text` without characters that a terminal would obey."""
    return "".join(c if c.isprintable() else "�" for c in text.encode("utf-8", "replace").decode())


def safe(text: str) -> str:
    """`text` for rich: `printable`, and with nothing that rich would take for markup."""
    from rich.markup import escape

    return escape(printable(text))


def without_password(text: str) -> str:
    """`text` with the user name and password of every URI in it masked, so that it may be shown and logged."""
    return re.sub(r"://[^\s/@'\"]*@", "://***@", text)


def say(sentence: object) -> None:
    """One sentence on standard error."""
    print(f"exprun: {printable(one_line(sentence))}", file=sys.stderr, flush=True)


def did_you_mean(word: str, known: Iterable[str], limit: int = 3) -> str:
    """A clause that names what `word` may have been meant to be, or lists `known` where nothing is near.

    Args:
        word: what was given.
        known: the names that are valid there.
        limit: how many near names are given at most.
    """
    names, word = sorted(set(known)), word[:100]
    last = word.rsplit(".", 1)[-1]
    # Short for several words (`lr`), or the last part of a longer key (`learning_rate`), is meant more surely
    # than what merely looks alike.
    near = [name for name in names if last in (_initials(name), name.rsplit(".", 1)[-1]) and last != name]
    if not near:
        alike = difflib.get_close_matches(word, names, n=limit, cutoff=0.6)
        near = sorted(alike, key=lambda name: sorted(name) != sorted(word))  # swapped letters first
        near = near or [name for name in names if len(word) > 2 and name.startswith(word)]
    if near:
        return f"did you mean {' or '.join(near[:limit])}?"
    top = [name for name in names if "." not in name]
    shown = ", ".join((top or names)[:20])
    return f"known are: {shown}{', …' if len(top or names) > 20 else ''}."


def _initials(key: str) -> str:
    """The first letters of the words of a key's last part: `lr` for `optim.learning_rate`."""
    return "".join(word[:1] for word in key.rsplit(".", 1)[-1].split("_"))
