"""The record of a run, read from its folder without TensorFlow or MLflow, for `compare`, `runs` and `export`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exprun.config.errors import ConfigError
from exprun.config.paths import user_path
from exprun.config.versions import known_settings
from exprun.outputs import LAST, all_runs, last_run
from exprun.run_folder import RunFolder, UnreadableResultError

NOT_ENDED = "NOT ENDED"  # the run is still running, or its process died without recording a status


@dataclass(frozen=True)
class Run:
    """The record of a run.

    Args:
        folder: the run's folder.
        status: `FINISHED`, `FAILED`, `KILLED` or `NOT ENDED`.
        reason: the reason why the run ended before its last epoch; empty if it did all epochs.
        config: the settings that the chosen options use, by dotted key.
        metrics: the final metrics by their names in MLflow.
        history: the metrics of each epoch.
        environment: the code, versions, device, precision and fingerprints of the run.
        findings: the doctor's findings, as in `findings.json`.
        mlflow: the identifier of the run in MLflow; empty without one.
    """

    folder: Path
    status: str
    reason: str
    config: dict[str, Any]
    metrics: dict[str, float]
    history: list[dict[str, float]]
    environment: dict[str, str] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)
    mlflow: str = ""

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return int(self.config["seed"])

    @property
    def name(self) -> str:
        """The path of the run's folder, relative to the current folder if it is below it."""
        try:
            return str(self.folder.relative_to(Path.cwd()))
        except ValueError:
            return str(self.folder)

    def setting(self, key: str) -> Any:
        """The value of a setting, or the option of a group; None if the run does not have it.

        Args:
            key: the key of the setting (`norm.momentum`), or the group (`norm`).
        """
        return self.config.get(key, self.config.get(f"{key}.name"))

    def holds(self, condition: str) -> bool:
        """Whether the run has a setting.

        Args:
            condition: the setting, as `key=value`.

        Raises:
            ConfigError: the condition is not `key=value`.
        """
        key, wanted = check_condition(condition)
        return shown(self.setting(key)) == wanted


def read_run(folder: Path) -> Run | None:
    """The record of a run; None if its config is missing or damaged. Other damaged files count as missing."""
    files = RunFolder(folder)
    try:
        config = complete(files.read_raw_config())
        int(config["seed"]), config["model.name"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return None
    status, reason = NOT_ENDED, "it is still running, or its process died"
    try:
        result = files.read_result()
    except UnreadableResultError:
        result, reason = None, "its result.json cannot be read"
    if result is not None:
        status, reason = result.status, result.reason
    return Run(
        folder,
        status,
        reason,
        config,
        result.metrics if result is not None else {},
        result.history if result is not None else [],
        files.read_environment(),
        files.read_findings(),
        str(files.read_tracking().get("run_id", "")),
    )


def all_records(where: Sequence[str] = ()) -> list[Run]:
    """The records of all runs of this project, the latest first.

    Args:
        where: conditions `key=value`, all of which must hold.
    """
    folders = [folder.resolve() for folder in all_runs()]
    folders.sort(key=lambda folder: RunFolder(folder).config.stat().st_mtime, reverse=True)
    runs = [run for run in map(read_run, folders) if run is not None]
    return [run for run in runs if all(run.holds(condition) for condition in where)]


def find_run(name: str) -> Run:
    """The record of a run that a person names.

    Args:
        name: the path of the run's folder, the end of that path, the run's identifier in MLflow, or `last`.

    Raises:
        ConfigError: there is no such run, or there are several.
    """
    if name == LAST:
        name = str(last_run())
    folder = user_path(name)
    if RunFolder(folder).exists:
        run = read_run(folder.resolve())
        if run is None:
            raise ConfigError(f"The run in {name} cannot be read: its config.yaml is damaged.")
        return run
    matches = [run for run in all_records() if f"/{run.name}".endswith(f"/{name}") or run.mlflow == name]
    if len(matches) != 1:
        problem = (
            f"The names of {len(matches)} runs end in {name}: give more of the folder's name"
            if matches
            else f"There is no run named {name}"
        )
        raise ConfigError(f"{problem}; python -m exprun runs lists all runs.")
    return matches[0]


def complete(raw: dict[str, Any]) -> dict[str, Any]:
    """The settings of a run by dotted key, completed with settings that are newer than the run.

    Args:
        raw: the content of the run's config file; settings that this version does not know are kept.
    """
    settings, unknown = known_settings(raw)
    return dict(_flat(settings)) | unknown


def _flat(settings: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def shown(value: Any) -> str:
    """The value of a setting, as it is typed in an override."""
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def check_condition(condition: str) -> tuple[str, str]:
    """The key and the value of a condition `key=value`.

    Raises:
        ConfigError: the condition is not `key=value`.
    """
    key, mark, wanted = condition.partition("=")
    if not mark:
        raise ConfigError(f"--where takes key=value, not {condition}.")
    return key, wanted
