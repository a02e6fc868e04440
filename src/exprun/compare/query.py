"""Which runs are compared: their folders, read without TensorFlow or MLflow."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exprun.config.errors import ConfigError, say
from exprun.config.paths import user_path
from exprun.config.versions import known_settings
from exprun.outputs import LAST, all_sweeps, runs_below
from exprun.run_folder import YAML_LOADER
from exprun.tracking.source import read_environment
from exprun.tracking.store import OUTPUTS, note_of

LEAST = 2  # runs that can be compared
NOT_ENDED = "NOT ENDED"  # killed without a word, or still at it


@dataclass(frozen=True)
class Run:
    """A run as its folder tells it.

    Args:
        folder: of the run.
        status: `FINISHED`, `FAILED`, `KILLED` or `NOT ENDED`.
        reason: why it ended where it did; empty where all epochs were done.
        config: every setting that its options use, by dotted key.
        metrics: final figures by the names they have in MLflow.
        history: figures of each epoch.
        environment: code, versions, device, precision, fingerprints.
        findings: of the doctor.
        mlflow: the run's identifier there; empty without.
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
        """Of the run."""
        return int(self.config["seed"])

    @property
    def name(self) -> str:
        """Its folder, as short as it can be told."""
        try:
            return str(self.folder.relative_to(Path.cwd()))
        except ValueError:
            return str(self.folder)


def select(places: Sequence[str], where: Sequence[str] = ()) -> list[Run]:
    """The runs of folders, in the order of their names.

    Args:
        places: folders of runs or of sweeps; `last` is the sweep that was started last.
        where: `key=value`, all of which must hold; a group's key stands for its option.

    Raises:
        ConfigError: there is no such folder, it holds no run, or fewer than two runs are left.
    """
    folders = list(dict.fromkeys(folder for place in places for folder in _folders(place)))
    runs = []
    for folder in folders:
        if (run := read(folder)) is not None:
            runs.append(run)
        elif (folder / "run.log").exists():
            say(f"{folder} is left out: its config.yaml cannot be read.")
    for condition in where:
        runs = [run for run in runs if holds(run, condition)]
    if len(runs) < LEAST:
        found = "no run" if not runs else "one run"
        said = f" with {' '.join(where)}" if where else ""
        raise ConfigError(f"There is {found} in {' '.join(places)}{said}; a comparison takes two at least.")
    return runs


def _folders(place: str) -> list[Path]:
    """The folders of runs at or below a place."""
    root = _last() if place == LAST else user_path(place).resolve()
    if not root.is_dir():
        raise ConfigError(f"{place} is no folder; name folders of runs or of sweeps, or `last`.")
    if (root / "config.yaml").exists():
        return [root]
    return [folder.resolve() for folder in runs_below(root)]


def _last() -> Path:
    found = all_sweeps()
    if not found:
        raise ConfigError(
            f"There is no sweep under {OUTPUTS}/ yet: train one first, for example "
            "python -m exprun -m norm=none,batch seed=0,1,2."
        )
    return found[-1].resolve()


def read(folder: Path) -> Run | None:
    """A run's record; None where the folder holds no config that can be read. Other damaged files count as missing."""
    try:
        raw = yaml.load((folder / "config.yaml").read_text(encoding="utf-8"), Loader=YAML_LOADER)
        config = complete(raw)
        int(config["seed"]), config["model.name"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return None
    status, reason, metrics, history = _result(folder / "result.json")
    return Run(
        folder,
        status,
        reason,
        config,
        metrics,
        history,
        read_environment(folder),
        [found for found in _json(folder / "findings.json", []) if isinstance(found, dict)],
        str(note_of(folder).get("run_id", "")),
    )


def _result(path: Path) -> tuple[str, str, dict[str, float], list[dict[str, float]]]:
    """Status, reason, final metrics and those of each epoch."""
    if not path.exists():
        return NOT_ENDED, "it is still running, or its process died", {}, []
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        metrics = {key: float(value) for key, value in result["metrics"].items() if value is not None}
        history = [{key: float(value) for key, value in row.items()} for row in result.get("history", [])]
        return str(result["status"]), str(result.get("reason", "")), metrics, history
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return NOT_ENDED, "its result.json cannot be read", {}, []


def _json(path: Path, default: Any) -> Any:
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else default
    except (OSError, ValueError):
        return default
    return found if isinstance(found, type(default)) else default


def complete(raw: dict[str, Any]) -> dict[str, Any]:
    """The settings of a run by dotted key, those added that its version did not have; unknown ones stay."""
    settings, unknown = known_settings(raw)
    return dict(_flat(settings)) | unknown


def _flat(settings: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def value_of(run: Run, key: str) -> Any:
    """A setting by its key; a group's key (`norm`) stands for its option (`norm.name`)."""
    return run.config.get(key, run.config.get(f"{key}.name"))


def shown(value: Any) -> str:
    """A setting as it is typed."""
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def safe(text: str) -> str:
    """Text for a terminal: no character that it would obey, none that rich would take for markup."""
    from rich.markup import escape

    return escape("".join(c if c.isprintable() else "�" for c in text))


def check_condition(condition: str) -> tuple[str, str]:
    """The key and the value of `key=value`.

    Raises:
        ConfigError: it has another form.
    """
    key, mark, wanted = condition.partition("=")
    if not mark:
        raise ConfigError(f"--where takes key=value, not {condition}.")
    return key, wanted


def holds(run: Run, condition: str) -> bool:
    """Whether a run has a setting, given as `key=value`.

    Raises:
        ConfigError: it has another form.
    """
    key, wanted = check_condition(condition)
    return shown(value_of(run, key)) == wanted
