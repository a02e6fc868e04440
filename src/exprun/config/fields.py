"""A field of the config's schema: its meaning, its default, its range, and the options that use it."""

from typing import Any

from pydantic import ConfigDict, Field
from pydantic.fields import FieldInfo

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def setting(doc: str, default: Any = ..., only: tuple[str, ...] = (), **limits: Any) -> Any:
    """A field of the schema: its meaning, its default, its range, and the options that use it."""
    if only and default is ...:
        default = None
    return Field(default, description=doc, json_schema_extra={"only": list(only)}, **limits)


def field_info(field: Any) -> FieldInfo:
    """Pydantic's record of a field: description, default, limits."""
    info = field.default
    assert isinstance(info, FieldInfo)
    return info


def default_of(field: Any) -> Any:
    """The default of a field, or `...` where it has to be given."""
    info = field_info(field)
    return ... if info.is_required() else info.default


def only_for(field: Any) -> list[str]:
    """The options that use a field; empty where all do."""
    extra = field_info(field).json_schema_extra
    return list(extra["only"]) if isinstance(extra, dict) else []  # type: ignore[arg-type]
