"""The settings of a run as MLflow's params; other trackers record the same."""

from typing import Any

PARAM_LIMIT = 6000  # characters in the value of a param: the most that MLflow accepts


def flat(config: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """A nested config as text by dotted key, for MLflow's params; settings that are None are left out."""
    params: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            params |= flat(value, f"{prefix}{key}.")
        elif value is not None:
            params[f"{prefix}{key}"] = str(value)[:PARAM_LIMIT]
    return params
