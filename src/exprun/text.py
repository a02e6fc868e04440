"""Words for people and JSON for programs: plurals, lists in a sentence, numbers that JSON cannot hold."""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any


def plural(count: int, noun: str) -> str:
    """A count with its noun: "1 layer", "1,200 layers"."""
    return f"{count:,} {nouns(count, noun)}"


def nouns(count: int, noun: str) -> str:
    """A noun in the form that goes with a count, for sentences that give the count elsewhere or not at all."""
    return noun if count == 1 else f"{noun}s"


def joined(names: Sequence[str]) -> str:
    """Names as a part of a sentence: "a, b and c"; at least one."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def listed(values: Iterable[object], most: int = 5) -> str:
    """The first values, each once, and how many more there are: "a, b and 3 more".

    Args:
        values: what is listed.
        most: the largest number of values that are written out.
    """
    found = list(dict.fromkeys(map(str, values)))
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more


def json_text(value: Any) -> str:
    """A value as indented JSON, with null for a number that is not finite, which JSON has no word for.

    Args:
        value: a nesting of mappings, lists, tuples and plain values.
    """
    return json.dumps(_without_nan(value), indent=1, ensure_ascii=False)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
