"""Overrides as a person types them, in the grammar that Hydra takes. Imports no Hydra."""

import re
from collections.abc import Sequence

from exprun.config.schema import known_keys

_GRAMMAR = frozenset('[]{}()"\\$,=:')  # characters of Hydra's override grammar: text with them is left alone
_ASCII = re.compile(r"[-\w./%+@*?| ]*", re.ASCII)  # text that needs no quotes in the grammar
_RUN_DIR = "hydra.run.dir"  # Hydra's name of `run_dir`


def with_forced_keys(overrides: Sequence[str]) -> list[str]:
    """The overrides with `++` before each key of the schema.

    Hydra refuses a key that the chosen option's file does not hold with a sentence about structs; forced
    in, it reaches the schema, which knows which options use it.
    """
    known = set(known_keys())
    return [f"++{text}" if text.split("=", 1)[0] in known else text for text in in_hydras_grammar(overrides)]


def in_hydras_grammar(overrides: Sequence[str]) -> list[str]:
    """The overrides as Hydra takes them.

    `++` before keys inside a setting that is a mapping of its own; quotes around plain text that its grammar
    does not know, such as letters beyond ASCII; without what is null by default, for which it has no word;
    `run_dir` in place of its name in Hydra, `hydra.run.dir`.
    """
    inside = {key for key in known_keys() if key.count(".") > 1}
    found = []
    for text in overrides:
        key, equals, value = text.partition("=")
        key = "run_dir" if key.lstrip("+") == _RUN_DIR else key
        if text in ("experiment=null", "experiment=none"):
            continue
        if _needs_quotes(value):
            value = f'"{value}"'
        plus = "++" if key in inside or key.startswith("tracking.tags.") else ""
        found.append(f"{plus}{key}{equals}{value}")
    return found


def quoted(text: str) -> str:
    """Any text as a value in Hydra's grammar."""
    # Backslashes are doubled before a quote and at the end alone: Hydra takes all others as they are.
    escaped = re.sub(r"(\\+)(?='|$)", r"\1\1", text).replace("'", "\\'").replace("${", "\\${")
    return f"'{escaped}'"


def _needs_quotes(value: str) -> bool:
    """Whether a value is plain text, but with characters that Hydra's grammar takes in quotes only."""
    if not value.isprintable() or value.startswith("'") or _GRAMMAR.intersection(value):
        return False
    return not _ASCII.fullmatch(value)
