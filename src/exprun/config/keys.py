"""The keys of the schema, described in words for the table in the documentation and for `--help KEY`."""

import json
from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from exprun.config.fields import default_of, field_info, only_for
from exprun.config.network import INIT_PARTS, InitPart
from exprun.config.schema import GROUPS, Config

PRESETS = "experiment"  # the group of presets, which has no keys
PRESETS_MEANING = "Presets: options and values that are chosen together."
_WORDS = {int: "whole number", float: "number", str: "string", bool: "true or false", NoneType: "null"}
_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "min_length": "length ≥"}


@dataclass(frozen=True)
class Key:
    """A key of the config, described in words.

    Args:
        name: the dotted key, such as `optim.momentum`.
        meaning: the description in the schema.
        type: the types of its value, such as `whole number or null`.
        default: the value that holds unless an option file sets another, as it is typed on the command line; None if an
            option file has to set it.
        values: the allowed values; empty if they cannot be listed.
        limits: the limits of its value, such as `≥ 0`.
        users: the names of the options that use the key; empty if all options of the group do.
    """

    name: str
    meaning: str
    type: str
    default: str | None
    values: tuple[str, ...]
    limits: tuple[str, ...]
    users: tuple[str, ...]


def keys_of(group: str) -> list[Key]:
    """The keys of a group, in the order of the schema; for an empty name, the keys that belong to no group."""
    if not group:
        return [_key(field.name, field) for field in fields(Config) if field.name not in GROUPS]
    return [_key(f"{group}.{field.name}", field) for field in fields(GROUPS[group])]


def find_key(name: str) -> Key | None:
    """The key of this name, also inside a part of the initialisation (`init.classifier.stddev`); None if unknown."""
    parts = [_key(f"init.{part}.{field.name}", field) for part in INIT_PARTS for field in fields(InitPart)]
    group = name.partition(".")[0]
    known = [*keys_of(""), *(keys_of(group) if group in GROUPS else []), *parts]
    return next((key for key in known if key.name == name), None)


def meaning_of(group: str) -> str:
    """The description of a group, in one sentence."""
    return PRESETS_MEANING if group == PRESETS else str(GROUPS[group].__doc__)


def as_typed(value: Any) -> str:
    """A value as it is typed on the command line."""
    return json.dumps(value, ensure_ascii=False, default=str).replace('"', "")


def _key(name: str, field: Any) -> Key:
    info, only, default = field_info(field), only_for(field), default_of(field)
    limits = [(limit, sign) for limit in info.metadata for sign in _SIGNS if hasattr(limit, sign)]
    return Key(
        name=name,
        meaning=str(info.description),
        # A setting that only some options use is None for the others, but null cannot be typed for it.
        type=_type(field.type).removesuffix(" or null" if only else ""),
        default=None if only or default is ... else as_typed(default),
        values=tuple(map(str, _values(field.type))),
        limits=tuple(f"{_SIGNS[sign]} {getattr(limit, sign):,}".removesuffix(".0") for limit, sign in limits),
        users=tuple(only),
    )


def _type(hint: Any) -> str:
    """The words for a type hint, such as "whole number or null"."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return " or ".join(map(_type, get_args(hint)))
    if origin is Annotated:
        return _type(get_args(hint)[0])
    if origin is list:
        return f"list of {_plural(get_args(hint)[0])}"
    return "choice" if origin is Literal else _WORDS.get(hint, "mapping")


def _plural(hint: Any) -> str:
    """The type of a list's elements in words: `strings and mappings`."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return " and ".join(f"{_type(kind)}s" for kind in kinds)


def _values(hint: Any) -> list[Any]:
    """The values of the literals in a type hint."""
    return [value for part in get_args(hint) for value in ([part] if get_origin(hint) is Literal else _values(part))]
