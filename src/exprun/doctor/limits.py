"""The settings of the doctor outside of a run: the defaults, with some of them replaced."""

from typing import Any

import yaml
from pydantic import TypeAdapter

from exprun.config.doctor import Doctor
from exprun.config.options import shipped_conf
from exprun.config.validate import strictly


def limits_of(options: dict[str, Any]) -> Doctor:
    """The default settings and thresholds, with some of them replaced.

    Args:
        options: the settings to replace, by name.

    Raises:
        ValueError: a setting is unknown or out of range.
    """
    shipped = yaml.safe_load((shipped_conf() / "doctor" / "watch.yaml").read_text(encoding="utf-8"))
    return strictly(TypeAdapter(Doctor), {**shipped, **options})
