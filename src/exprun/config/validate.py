"""Turn the plain values of a composed config into a typed config; an invalid value is an error of one sentence."""

import json
from dataclasses import fields
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from exprun.config.errors import ConfigError
from exprun.config.fields import field_info, only_for
from exprun.config.network import INIT_PARTS, InitPart
from exprun.config.schema import GROUPS, Config, known_keys
from exprun.config.sentences import first_sentence

T = TypeVar("T")
_ADAPTER = TypeAdapter(Config)


def validate(raw: dict[str, Any]) -> Config:
    """Check a composed config against the schema and return it as a typed config.

    Args:
        raw: the composed config as nested dicts, with interpolations resolved.

    Raises:
        ConfigError: a key is unknown, missing, of the wrong type or out of range, or the chosen option does not use it;
            the message names the first such key.
    """
    try:
        config = strictly(_ADAPTER, raw)
    except ValidationError as error:
        raise ConfigError(first_sentence(error, "", known_keys())) from None
    for group, kind in GROUPS.items():
        _check_used(group, kind, raw[group], getattr(config, group))
    for part in INIT_PARTS:
        if raw["init"].get(part) is not None:
            _check_used(f"init.{part}", InitPart, raw["init"][part], getattr(config.init, part))
    return config


def strictly(adapter: TypeAdapter[T], raw: Any) -> T:
    """`raw` as the adapter's type, without converting values.

    The values are passed as JSON, because only then do strict dataclasses accept mappings.
    """
    return adapter.validate_json(json.dumps(raw, default=str))


def _check_used(group: str, kind: Any, raw: dict[str, Any], value: Any) -> None:
    """Refuse keys that the chosen option does not use, and a missing key that it needs."""
    for field in fields(kind):
        only = only_for(field)
        if not only:
            continue
        given = field.name in raw
        if given and value.name not in only:
            using = ", ".join(f"{group}={name}" for name in only)
            raise ConfigError(f"{group}={value.name} does not use {group}.{field.name}; it belongs to {using}.")
        if value.name in only and getattr(value, field.name) is None:
            raise ConfigError(f"{group}={value.name} needs {group}.{field.name}: {field_info(field).description}")
