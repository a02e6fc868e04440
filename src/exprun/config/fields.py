"""Fields of the config's schema: their description, default, range, and the options that use them."""

from typing import Any

from pydantic import ConfigDict, Field
from pydantic.fields import FieldInfo

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def setting(doc: str, default: Any = ..., only: tuple[str, ...] = (), **limits: Any) -> Any:
    """A field of the schema.

    Args:
        doc: the description of the setting, one sentence.
        default: the default; `...` if an option file or a person has to set it.
        only: the options of the group that use the setting; empty if all do.
        **limits: the limits of pydantic, such as `ge`, `lt` and `min_length`.
    """
    if only and default is ...:
        default = None
    return Field(default, description=doc, json_schema_extra={"only": list(only)}, **limits)


def field_info(field: Any) -> FieldInfo:
    """Pydantic's information on a field: description, default and limits."""
    info = field.default
    assert isinstance(info, FieldInfo)
    return info


def default_of(field: Any) -> Any:
    """The default of a field, or `...` if it has none."""
    info = field_info(field)
    return ... if info.is_required() else info.default


def only_for(field: Any) -> list[str]:
    """The options that use a field; empty if all do."""
    extra = field_info(field).json_schema_extra
    return list(extra["only"]) if isinstance(extra, dict) else []  # type: ignore[arg-type]
