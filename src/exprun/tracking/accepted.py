"""Checks that refuse, before training and without importing MLflow, what MLflow would refuse later.

The rules are those of `mlflow.utils.validation` and of the columns of its tables (MLflow 3.17).
"""

import os
import posixpath
import re
from importlib.metadata import entry_points
from urllib.parse import urlsplit

from exprun.config.errors import ConfigError, without_password
from exprun.config.packages import require_package
from exprun.config.schema import Config, settings
from exprun.tracking.params import flat
from exprun.tracking.store import tracking_uri

KEY_LIMIT = 250  # characters in the key of a tag, param or metric
EXPERIMENT_LIMIT = 256  # characters in an experiment's name: the limit of PostgreSQL's table; SQLite allows more
NAME_LIMIT = 250  # characters in a run's name: the limit of PostgreSQL's table; SQLite allows more
EXAMPLES = "sqlite:////home/me/mlflow.db or http://127.0.0.1:5000"


def check_tracking(config: Config) -> None:
    """Refuse a store, a name or a tag that MLflow does not accept, and further trackers that are not installed.

    Raises:
        ConfigError: MLflow would not accept a setting, or a package is missing; the message gives the rule.
    """
    tracking = config.tracking
    for package in tracking.also:
        require_package(package, package, f"tracking.also=[{package}]")
    if tracking.name != "mlflow":
        return
    check_uri(tracking_uri(tracking.uri), "tracking.uri" if tracking.uri else "MLFLOW_TRACKING_URI")
    for key, text, limit in (
        ("tracking.experiment", tracking.experiment, EXPERIMENT_LIMIT),
        ("tracking.run_name", tracking.run_name, NAME_LIMIT),
    ):
        if text is not None and len(text) > limit:
            raise ConfigError(f"{key} has {len(text)} characters, but MLflow accepts {limit} at most.")
    for key in tracking.tags or {}:
        _check_key(f"The tag {key}", key)
    if "mlflow.runName" in (tracking.tags or {}):
        raise ConfigError("The tag mlflow.runName is the name of the run: set tracking.run_name.")
    for key in flat(settings(config)):
        _check_key(key, key)


def _check_key(shown: str, key: str) -> None:
    if len(key) > KEY_LIMIT:
        raise ConfigError(f"{shown[:60]}… has {len(key)} characters, but MLflow accepts {KEY_LIMIT} at most.")
    if not re.fullmatch(r"[/\w.\- :]*", key):
        raise ConfigError(
            f"{shown} is not a name that MLflow accepts: it may hold only letters, digits, spaces and _ - . : /"
        )
    if posixpath.normpath(key) != key or key == "." or key.startswith(("/", "..")):
        raise ConfigError(
            f"{shown} is not a name that MLflow accepts: it must be a plain relative path, without a leading /, "
            "a trailing /, //, . or .. between slashes."
        )


def check_uri(uri: str, setting: str) -> None:
    """Refuse a URI at which MLflow cannot keep runs.

    Args:
        uri: the URI of the store or the server.
        setting: the name of the setting or option that holds the URI: `tracking.uri`, `--uri`.

    Raises:
        ConfigError: the URI is a folder, incomplete, or has a scheme that MLflow does not know.
    """
    shown, scheme = f"{setting} is {without_password(uri)}", uri.partition(":")[0].lower() if ":" in uri else ""
    engine = scheme.partition("+")[0]
    if uri == "databricks" or scheme == "databricks" or engine in ("postgresql", "mysql", "mssql"):
        return
    if engine == "sqlite":
        if not re.match(r"sqlite(\+\w+)?:///.", uri) or uri.endswith("/:memory:"):
            raise ConfigError(f"{shown}, which names no file: add a slash and its path, for example {EXAMPLES}.")
    elif scheme in ("http", "https"):
        if not _has_host(uri):
            raise ConfigError(f"{shown}, which names no server, for example {EXAMPLES}.")
    elif re.match(r"[\w.-]+:\d+(/|$)", uri):
        raise ConfigError(f"{shown}, which has no scheme: give http://{uri}.")
    elif scheme in ("", "file") or len(scheme) == 1:  # a single letter is a Windows drive
        if os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() not in ("true", "1"):
            raise ConfigError(
                f"{shown}, a folder, but MLflow 3 does not keep runs in folders: use a database or a server, for "
                f"example {EXAMPLES} (mlflow migrate-filestore copies the runs of a folder into a database)."
            )
    elif scheme not in {plugin.name for plugin in entry_points(group="mlflow.tracking_store")}:
        raise ConfigError(f"{shown}, which MLflow does not know: use a database or a server, for example {EXAMPLES}.")


def _has_host(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is not a number, or too large
        return False
