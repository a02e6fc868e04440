"""Turn pydantic's errors into sentences that say what was given and what is allowed."""

import math
from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exprun.config.errors import did_you_mean, one_line


def first_sentence(error: ValidationError, place: str, known: Sequence[str]) -> str:
    """One sentence on the first of pydantic's errors; an error about an unknown key comes before all others.

    Args:
        error: the errors that pydantic found.
        place: the key of the value that was checked; empty for the whole config.
        known: the keys that are valid in this value.
    """
    errors = error.errors(include_url=False)
    first = next((e for e in errors if e["type"] == "unexpected_keyword_argument"), errors[0])
    path = [place, *(part for part in first["loc"] if not _is_branch(part))]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path if part != "").lstrip(".")
    match first["type"]:
        case "unexpected_keyword_argument":
            return f"Unknown key {key}; {did_you_mean(key.removeprefix(place + '.') if place else key, known)}"
        case "missing":
            return f"{key} is missing; set it with {key.removesuffix('.name')}=…"
    allowed = " or ".join(
        dict.fromkeys(
            _allowed(e)
            for e in errors
            if e["loc"][: len(first["loc"]) - 1] == first["loc"][:-1] or e["input"] == first["input"]
        )
    )
    return f"{key} is {_shown(first['input'])}, but must be {allowed}."


def _is_branch(part: object) -> bool:
    """Whether a part of pydantic's location is a branch of a union type and not a key."""
    return isinstance(part, str) and (
        part in ("int", "float", "str", "bool", "none", "InitPart")
        or part.startswith(("literal[", "list[", "dict[", "constrained"))
    )


def _allowed(error: ErrorDetails) -> str:
    """The allowed values, in words that follow "must be"."""
    limits = error.get("ctx", {})
    kinds = {
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "int_parsing": "a whole number",
        "float_type": "a number",
        "finite_number": "a finite number",
        "bool_type": "true or false",
        "string_type": "a string",
        "list_type": "a list",
        "dict_type": "a mapping",
        "dataclass_type": "a mapping",
        "too_short": "a list that is not empty",
        "string_too_short": "a string that is not empty",
    }
    if error["type"] == "literal_error":
        return "one of " + str(limits["expected"]).replace("'", "").replace(" or ", ", ")
    for name, words in (("gt", "above"), ("ge", "at least"), ("lt", "below"), ("le", "at most")):
        if name in limits:
            return f"{words} {limits[name]}"
    return kinds.get(error["type"], one_line(error["msg"]).lower())


def _shown(value: object) -> str:
    """A value as it is written in a sentence, shortened if it is long."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = one_line(value if not isinstance(value, str) else f"'{value}'")
    return text if len(text) <= 60 else text[:57] + "…"
