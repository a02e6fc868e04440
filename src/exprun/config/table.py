"""The table of all keys in docs/configuration.md: `python -m exprun.config.table` rewrites it in a checkout."""

import json
from dataclasses import fields
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from exprun.config.options import shipped_conf
from exprun.config.schema import GROUPS, Config, default_of, field_info, only_for

START, END = "<!-- keys -->", "<!-- /keys -->"
PAGE = shipped_conf().parent / "docs" / "configuration.md"
_HEAD = "| Key | Type | Default | Allowed | Used by | Meaning |\n| --- | --- | --- | --- | --- | --- |\n"
_WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false", NoneType: "null"}
_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "min_length": "length ≥"}


def key_table() -> str:
    """Every key of the schema, a Markdown table for each group."""
    rest = "".join(_row(field.name, field) for field in fields(Config) if field.name not in GROUPS)
    parts = [f"### No group\n\n{_HEAD}{rest}"]
    for group, kind in GROUPS.items():
        rows = "".join(_row(f"{group}.{field.name}", field) for field in fields(kind))
        parts.append(f"### {group}\n\n{kind.__doc__}\n\n{_HEAD}{rows}")
    return "\n".join(parts)


def with_table(page: str) -> str:
    """A page with the table between its two marks; what was there is replaced."""
    before, _, rest = page.partition(START)
    return f"{before}{START}\n\n{key_table()}\n{END}{rest.partition(END)[2]}"


def _row(key: str, field: Any) -> str:
    info, only, default = field_info(field), only_for(field), default_of(field)
    # What only some options use is None in the others, which no person can type.
    kind = _kind(field.type).removesuffix(" or null" if only else "")
    shown = "in YAML" if only or default is ... else f"`{json.dumps(default)}`".replace('"', "")
    allowed = [f"`{value}`" for value in _values(field.type)]
    limits = [(limit, name) for limit in info.metadata for name in _SIGNS if hasattr(limit, name)]
    allowed += [f"{_SIGNS[name]} {getattr(limit, name):,}".removesuffix(".0") for limit, name in limits]
    return f"| `{key}` | {kind} | {shown} | {', '.join(allowed)} | {', '.join(only)} | {info.description} |\n"


def _kind(hint: Any, joint: str = " or ") -> str:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return joint.join(map(_kind, get_args(hint)))
    if origin is Annotated:
        return _kind(get_args(hint)[0])
    if origin is list:
        return f"list of {_kind(get_args(hint)[0], '/')}"
    return "choice" if origin is Literal else _WORDS.get(hint, "mapping")


def _values(hint: Any) -> list[Any]:
    return [value for part in get_args(hint) for value in ([part] if get_origin(hint) is Literal else _values(part))]


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
