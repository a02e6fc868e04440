"""Read configs of other versions of exprun: missing settings get their defaults, and unknown settings are reported."""

from dataclasses import fields
from functools import cache
from typing import Any

import yaml

from exprun.config.fields import default_of, only_for
from exprun.config.network import INIT_PARTS, InitPart
from exprun.config.options import shipped_conf
from exprun.config.schema import GROUPS, Config


def known_settings(raw: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Convert the settings of a run to those of this version.

    Args:
        raw: the nested settings from `config.yaml` of a run; they are not changed.

    Returns:
        The settings, with missing ones added and unknown ones left out, and the unknown settings by dotted key. A group
        that is not a mapping is returned unchanged, so that the schema reports it.
    """
    unknown: dict[str, Any] = {}
    settings = _of_fields(Config, raw, "", unknown)
    for field in fields(Config):
        if field.name not in GROUPS and field.name not in settings and default_of(field) is not ...:
            settings[field.name] = default_of(field)
    for group, kind in GROUPS.items():
        if isinstance(settings.get(group), dict):
            settings[group] = _of_option(kind, settings[group], group, unknown)
    init = settings.get("init")
    for part in INIT_PARTS:
        if isinstance(init, dict) and isinstance(init.get(part), dict):
            init[part] = _of_option(InitPart, init[part], f"init.{part}", unknown)
    return settings, unknown


def _of_fields(kind: Any, raw: dict[str, Any], prefix: str, unknown: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    unknown |= {f"{prefix}{key}": value for key, value in raw.items() if key not in names}
    return {key: value for key, value in raw.items() if key in names}


def _of_option(kind: Any, raw: dict[str, Any], group: str, unknown: dict[str, Any]) -> dict[str, Any]:
    """The settings of a group, with missing ones added and those that its option does not use moved to `unknown`."""
    settings, name = _of_fields(kind, raw, f"{group}.", unknown), raw.get("name")
    for field in fields(kind):
        only = only_for(field)
        if only and name not in only:
            if field.name in settings:
                unknown[f"{group}.{field.name}"] = settings.pop(field.name)
        elif field.name not in settings:
            default = default_of(field)
            if default is ... or (only and default is None):
                default = _shipped(group.split(".")[0], str(name)).get(field.name, ...)
            if default is not ...:
                settings[field.name] = default
    return settings


@cache
def _shipped(group: str, name: str) -> dict[str, Any]:
    """The content of an option file that ships with exprun; empty if there is no such file."""
    try:
        content = yaml.safe_load((shipped_conf() / group / f"{name}.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}
