"""Configs that another version of exprun wrote: what they lack has its default, what they have besides is named."""

from dataclasses import fields
from functools import cache
from typing import Any

import yaml

from exprun.config.fields import default_of, only_for
from exprun.config.network import INIT_PARTS, InitPart
from exprun.config.options import shipped_conf
from exprun.config.schema import GROUPS, Config


def known_settings(raw: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings of a run as this version knows them.

    Args:
        raw: the nested settings of a run's `config.yaml`; not changed.

    Returns:
        The settings, those that a group lacks added; and by dotted key those that this version does not know, which are
        left out. What is no mapping is returned as it is: the schema says what is wrong with it.
    """
    unknown: dict[str, Any] = {}
    found = _of_fields(Config, raw, "", unknown)
    for field in fields(Config):
        if field.name not in GROUPS and field.name not in found and default_of(field) is not ...:
            found[field.name] = default_of(field)
    for group, kind in GROUPS.items():
        if isinstance(found.get(group), dict):
            found[group] = _of_option(kind, found[group], group, unknown)
    init = found.get("init")
    for part in INIT_PARTS:
        if isinstance(init, dict) and isinstance(init.get(part), dict):
            init[part] = _of_option(InitPart, init[part], f"init.{part}", unknown)
    return found, unknown


def _of_fields(kind: Any, raw: dict[str, Any], prefix: str, unknown: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    unknown |= {f"{prefix}{key}": value for key, value in raw.items() if key not in names}
    return {key: value for key, value in raw.items() if key in names}


def _of_option(kind: Any, raw: dict[str, Any], group: str, unknown: dict[str, Any]) -> dict[str, Any]:
    """The settings of an option, with those that are missing."""
    found, name = _of_fields(kind, raw, f"{group}.", unknown), raw.get("name")
    for field in fields(kind):
        only = only_for(field)
        if only and name not in only:
            if field.name in found:
                unknown[f"{group}.{field.name}"] = found.pop(field.name)
        elif field.name not in found:
            default = default_of(field)
            if default is ... or (only and default is None):
                default = _shipped(group.split(".")[0], str(name)).get(field.name, ...)
            if default is not ...:
                found[field.name] = default
    return found


@cache
def _shipped(group: str, name: str) -> dict[str, Any]:
    """The content of the option file that ships under a name; empty where none does."""
    try:
        found = yaml.safe_load((shipped_conf() / group / f"{name}.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}
