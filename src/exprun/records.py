"""The record of a run, read from its folder without TensorFlow or MLflow, for `compare`, `runs` and `export`."""

import operator
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from exprun.config.errors import ConfigError, did_you_mean
from exprun.config.paths import user_path
from exprun.config.schema import GROUPS, known_keys
from exprun.config.versions import known_settings
from exprun.outputs import LAST, SWEEP, all_runs, all_sweeps, last_run, runs_of_sweep
from exprun.run_folder import RunFolder, UnreadableResultError
from exprun.text import listed

NOT_ENDED = "NOT ENDED"  # the run is still running, or its process died without recording a status
STATUSES = ("FINISHED", "FAILED", "KILLED", NOT_ENDED)
FACTS = ("status", "sweep")  # keys of conditions that are neither settings nor metrics
CONDITION = re.compile(r"([^=<>!]+)(<=|>=|!=|==|=|<|>)(.*)", re.DOTALL)
ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Fold(NamedTuple):
    """A fold of a cross-validation, which is the validation set of a run.

    Args:
        split_seed: the seed of the division into folds.
        fold: the index of the fold.
    """

    split_seed: int
    fold: int

    def __str__(self) -> str:
        return f"fold {self.fold}" + (f" of split seed {self.split_seed}" if self.split_seed else "")


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
        sweep: the folder of the run's sweep, from `with_sweeps`, or its name in MLflow; empty without one.
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
    sweep: str = ""

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return int(self.config["seed"])

    @property
    def fold(self) -> Fold | None:
        """The fold that is the validation set of the run; None without `data.folds`."""
        if self.config.get("data.folds") is None:
            return None
        return Fold(int(self.config["data.split_seed"]), int(self.config["data.fold"]))

    @property
    def name(self) -> str:
        """The path of the run's folder, relative to the current folder if it is below it."""
        return short(self.folder)

    def setting(self, key: str) -> Any:
        """The value of a setting, or the option of a group; None if the run does not have it.

        Args:
            key: the key of the setting (`norm.momentum`), or the group (`norm`).
        """
        return self.config.get(key, self.config.get(f"{key}.name"))

    def holds(self, condition: "Condition") -> bool:
        """Whether the run meets a condition; a run without the metric of a condition does not meet it.

        Args:
            condition: the condition.
        """
        key, wanted = condition.key, condition.value
        if key == "sweep":
            is_part = bool(self.sweep) and f"/{self.sweep}".endswith(f"/{wanted}")
            is_equal = is_part or shown(self.setting(key)) == wanted  # `sweep` is also a group
            return is_equal == (condition.operator == "=")
        value = self.status if key == "status" else self.metrics.get(key) if "/" in key else self.setting(key)
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
        if condition.operator in ORDERS:
            return number is not None and bool(ORDERS[condition.operator](number, float(wanted)))
        if value is None and "/" in key:
            return False
        is_equal = shown(value) == wanted or (number is not None and number == _number(wanted))
        return is_equal == (condition.operator == "=")


@dataclass(frozen=True)
class Condition:
    """A condition that runs are chosen by, such as `norm=batch`, `status=FAILED` or `val/accuracy<0.5`.

    Args:
        key: a group, the key of a setting, a final metric, `status` or `sweep`.
        operator: `=`, `!=`, `<`, `<=`, `>` or `>=`.
        value: the value as text; a number if the operator is one of order.
    """

    key: str
    operator: str
    value: str

    @classmethod
    def of(cls, text: str) -> "Condition":
        """The condition that a person typed.

        Args:
            text: the condition; `sweep=last` is the last sweep, and the case of a status does not matter.

        Raises:
            ConfigError: it is not a condition, or has a value that its key cannot have.
        """
        match = CONDITION.fullmatch(text)
        if match is None:
            raise ConfigError(
                f"--where takes KEY=VALUE, such as norm=batch, status=FAILED or 'val/accuracy<0.5', not {text}."
            )
        key, sign, value = match[1].strip(), match[2].replace("==", "="), match[3].strip()
        if sign in ORDERS and (key in FACTS or _number(value) is None):
            raise ConfigError(f"--where {text}: {sign} compares numbers, such as 'val/accuracy{sign}0.5'.")
        if key == "status":
            value = value.upper().replace("_", " ").replace("-", " ")
            if value not in STATUSES:
                raise ConfigError(f"--where {text}: the status must be {', '.join(STATUSES[:-1])} or NOT_ENDED.")
        if key == "sweep":
            if value == LAST and not (sweeps := all_sweeps()):
                raise ConfigError(f"--where {text}: there is no sweep yet.")
            folder = sweeps[-1] if value == LAST else user_path(value)
            if value == LAST or (folder / SWEEP).exists():
                value = short(folder.resolve())  # its name may also be the end of the path of another sweep
        return cls(key, sign, value.rstrip("/") if key == "sweep" else value)


def matching(runs: Sequence[Run], where: Sequence[str]) -> list[Run]:
    """The runs that meet all conditions.

    Args:
        runs: the runs.
        where: the conditions, as typed.

    Raises:
        ConfigError: a condition is wrong, or no run has its key.
    """
    conditions = [Condition.of(text) for text in where]
    if any(condition.key == "sweep" for condition in conditions):
        runs = with_sweeps(runs)
    known = {*FACTS, *GROUPS, *known_keys()}
    for condition, text in zip(conditions, where, strict=True):
        key = condition.key
        if not runs or key in known or any(key in run.metrics or key in run.config for run in runs):
            continue
        metrics = sorted({name for run in runs for name in run.metrics})
        if "/" in key:
            raise ConfigError(
                f"--where {text}: no run has the metric {key}; they have {listed(metrics, 20) or 'none'}."
            )
        near = did_you_mean(key, [*known, *metrics])
        raise ConfigError(
            f"--where {text}: {key} is not known; "
            + (near if near.startswith("did") else "use status, sweep, a group, a key or a final metric.")
        )
    return [run for run in runs if all(run.holds(condition) for condition in conditions)]


def with_sweeps(runs: Sequence[Run]) -> list[Run]:
    """The runs with the folders of their sweeps.

    Args:
        runs: the runs.
    """
    sweeps = {run.resolve(): short(sweep.resolve()) for sweep in all_sweeps() for run in runs_of_sweep(sweep)}
    return [replace(run, sweep=run.sweep or sweeps.get(run.folder, "")) for run in runs]


def short(folder: Path) -> str:
    """The path of a folder, relative to the current folder if it is below it.

    Args:
        folder: the absolute path.
    """
    try:
        return str(folder.relative_to(Path.cwd()))
    except ValueError:
        return str(folder)


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
        where: conditions such as `key=value`, all of which must hold.

    Raises:
        ConfigError: a condition is wrong.
    """
    folders = [folder.resolve() for folder in all_runs()]
    folders.sort(key=lambda folder: RunFolder(folder).config.stat().st_mtime, reverse=True)
    return matching([run for run in map(read_run, folders) if run is not None], where)


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
    matches = runs_named(name)
    if len(matches) != 1:
        problem = (
            f"The names of {len(matches)} runs end in {name}: give more of the folder's name"
            if matches
            else f"There is no run named {name}"
        )
        raise ConfigError(f"{problem}; python -m exprun runs lists all runs.")
    return matches[0]


def runs_named(name: str) -> list[Run]:
    """The records of the runs of this project with a name.

    Args:
        name: the end of the path of a run's folder, or the run's identifier in MLflow.

    Raises:
        ConfigError: the name is empty, as a variable of a shell may be; runs without MLflow have an empty identifier.
    """
    if not name:
        raise ConfigError("The name of a run is empty: give its folder or the end of its path.")
    return [run for run in all_records() if f"/{run.name}".endswith(f"/{name}") or run.mlflow == name]


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


def network_of(run: Run) -> str:
    """The name of a run's network: that of keras.applications, or the option of `model`."""
    return shown(run.config.get("model.application") or run.config.get("model.name"))


def shown(value: Any) -> str:
    """The value of a setting, as it is typed in an override."""
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
