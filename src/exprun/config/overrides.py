"""Translate overrides, as a person types them, into Hydra's grammar; Hydra is not imported here."""

import re
from collections.abc import Sequence

from exprun.config.schema import known_keys

_GRAMMAR = frozenset('[]{}()"\\$,=:')  # characters with a meaning in Hydra's grammar: values with them stay unchanged
_ASCII = re.compile(r"[-\w./%+@*?| ]*", re.ASCII)  # values that need no quotes in Hydra's grammar
_PATTERN = "data.group"  # the key of a pattern, whose parentheses are not those of Hydra's grammar
_RUN_DIR = "hydra.run.dir"  # the key of Hydra for `run_dir`


def with_forced_keys(overrides: Sequence[str]) -> list[str]:
    """The overrides with `++` before each key of the schema.

    Without `++`, Hydra refuses a key that is not in the chosen option's file, with a message about structs. With `++`,
    the schema checks the key, and its message names the options that use it.
    """
    keys = set(known_keys())
    return [f"++{text}" if text.split("=", 1)[0] in keys else text for text in in_hydras_grammar(overrides)]


def in_hydras_grammar(overrides: Sequence[str]) -> list[str]:
    """The overrides in Hydra's grammar.

    Keys inside a setting that is a mapping get `++`. Values with characters that the grammar does not allow without
    quotes, such as letters beyond ASCII, get quotes, and so do the patterns of `data.group`. `hydra.run.dir` is
    replaced by `run_dir`. `experiment=null` and `experiment=none` are left out: null is the default, and Hydra's
    grammar cannot express it for a group.
    """
    inside = {key for key in known_keys() if key.count(".") > 1}
    translated = []
    for text in overrides:
        key, equals, value = text.partition("=")
        key = "run_dir" if key.lstrip("+") == _RUN_DIR else key
        if text in ("experiment=null", "experiment=none"):
            continue
        if _needs_quotes(value):
            value = f'"{value}"'
        elif key.lstrip("+") == _PATTERN and "(" in value and not value.startswith(("'", '"')):
            value = quoted(value)
        plus = "++" if key in inside or key.startswith("tracking.tags.") else ""
        translated.append(f"{plus}{key}{equals}{value}")
    return translated


def quoted(text: str) -> str:
    """Any text as a quoted value in Hydra's grammar."""
    # Only backslashes before a quote and at the end are doubled; Hydra keeps all others as they are.
    escaped = re.sub(r"(\\+)(?='|$)", r"\1\1", text).replace("'", "\\'").replace("${", "\\${")
    return f"'{escaped}'"


def _needs_quotes(value: str) -> bool:
    """Whether a value is plain text with characters that Hydra's grammar allows only in quotes."""
    if not value.isprintable() or value.startswith("'") or _GRAMMAR.intersection(value):
        return False
    return not _ASCII.fullmatch(value)
