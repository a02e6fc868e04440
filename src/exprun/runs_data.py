"""Runs as JSON and CSV, for programs."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from exprun import metrics as names
from exprun.config.errors import ConfigError
from exprun.config.schema import GROUPS, known_keys
from exprun.outputs import SWEEP, started
from exprun.records import Run, shown
from exprun.runs import differences, start_of
from exprun.text import json_text

FACTS = ("run", "status", "reason", "seed", "fold", "sweep", "factors", "started", "mlflow")
OPTIONS = [group for group in GROUPS if f"{group}.name" in known_keys() and group != "sweep"]
# Columns for metrics that are in every table, also if no run has a value.
METRICS = (
    names.TRAIN_LOSS,
    names.TRAIN_ACCURACY,
    *(f"val/{name}" for name in ("loss", "accuracy", "best_loss", "best_accuracy", "best_epoch")),
    "test/loss",
    "test/accuracy",
    names.SECONDS,
    names.IMAGES_PER_SECOND,
)


def list_json(runs: Sequence[Run]) -> str:
    """Runs as a JSON list: status, seed, fold, sweep, factors with their levels, final metrics and settings of each.

    Args:
        runs: the runs, with their sweeps.
    """
    factors = _factors(runs)
    return json_text([_facts(run, factors.get(run.sweep, [])) for run in runs])


def list_csv(runs: Sequence[Run]) -> str:
    """Runs as CSV, one line for each run: status, seed, fold, sweep, factors, options and final metrics.

    The columns are the same for all runs of all projects; metrics that are not in `METRICS` have columns at the end.

    Args:
        runs: the runs, with their sweeps.
    """
    factors = _factors(runs)
    more = sorted({name for run in runs for name in run.metrics} - set(METRICS))
    rows: list[list[Any]] = []
    for run in runs:
        levels = " ".join(f"{key}={level}" for key, level in _levels(run, factors.get(run.sweep, [])).items())
        facts = [
            run.name,
            run.status,
            run.reason,
            run.seed,
            run.fold or "",
            run.sweep,
            levels,
            _started(run),
            run.mlflow,
        ]
        options = [run.config.get(f"{group}.name", "") for group in OPTIONS]
        rows.append([*facts, *options, *(run.metrics.get(name, "") for name in (*METRICS, *more))])
    return _csv([*FACTS, *OPTIONS, *METRICS, *more], rows)


def run_json(run: Run) -> str:
    """A run as JSON: all that `list_json` has, with its environment, findings and the metrics of each epoch.

    Args:
        run: the run, with its sweep.
    """
    factors = _factors([run]).get(run.sweep, [])
    more = {"environment": run.environment, "findings": run.findings, "history": run.history}
    return json_text(_facts(run, factors) | more)


def run_csv(run: Run) -> str:
    """A run as CSV, one line for each fact: `status`, each final metric, entry of the environment and setting.

    Args:
        run: the run, with its sweep.
    """
    rows: list[list[Any]] = [["run", run.name], ["status", run.status], ["reason", run.reason], ["sweep", run.sweep]]
    rows += [[name, value] for name, value in run.metrics.items()]
    rows += [[f"environment.{key}", value] for key, value in run.environment.items()]
    rows += [[key, shown(value)] for key, value in run.config.items()]
    return _csv(["key", "value"], rows)


def differences_json(first: Run, second: Run) -> str:
    """The settings, entries of the environment and metrics in which two runs differ, as JSON with pairs of values.

    Args:
        first: the run whose value is the first of each pair.
        second: the run whose value is the second; null if a run has no value.
    """
    settings, environment = {}, {}
    for key, *_ in differences(first, second):
        if key in first.config or key in second.config:
            settings[key] = [run.config.get(key) for run in (first, second)]
        else:
            name = key.removeprefix("environment.")
            environment[name] = [run.environment.get(name) for run in (first, second)]
    metrics = {name: [run.metrics.get(name) for run in (first, second)] for name in _metrics(first, second)}
    runs = [first.name, second.name]
    return json_text({"runs": runs, "settings": settings, "environment": environment, "metrics": metrics})


def differences_csv(first: Run, second: Run) -> str:
    """The settings and entries of the environment in which two runs differ, and all metrics, as CSV.

    Args:
        first: the run of the second column.
        second: the run of the third column.
    """
    rows: list[list[Any]] = [list(row) for row in differences(first, second)]
    for name in _metrics(first, second):
        rows.append([name, *(run.metrics.get(name, "") for run in (first, second))])
    return _csv(["key", first.name, second.name], rows)


def _facts(run: Run, factors: Iterable[str]) -> dict[str, Any]:
    return {
        "run": run.name,
        "folder": str(run.folder),
        "status": run.status,
        "reason": run.reason,
        "seed": run.seed,
        "fold": run.fold and str(run.fold),
        "sweep": run.sweep,
        "factors": _levels(run, factors),
        "started": _started(run),
        "weights_of": start_of(run),
        "mlflow": run.mlflow,
        "metrics": run.metrics,
        "settings": run.config,
    }


def _levels(run: Run, factors: Iterable[str]) -> dict[str, str]:
    """The level of each factor of the run's sweep, as it is typed in an override."""
    return {key: shown(run.setting(key)) for key in factors}


def _factors(runs: Iterable[Run]) -> dict[str, list[str]]:
    """The factors of the sweeps of runs, by sweep: the keys and groups with several values, without seed and fold."""
    sweeps = {run.sweep for run in runs if run.sweep}
    if not sweeps:
        return {}
    from exprun.config.compose import Composer  # imports Hydra

    composer, found = Composer(), {}
    for sweep in sweeps:
        try:
            found[sweep] = composer.factors(json.loads((Path(sweep) / SWEEP).read_text(encoding="utf-8"))["overrides"])
        except (OSError, ValueError, KeyError, TypeError, ConfigError):  # of another version, or damaged
            found[sweep] = []
    return found


def _metrics(first: Run, second: Run) -> list[str]:
    return list(dict.fromkeys([*first.metrics, *second.metrics]))


def _started(run: Run) -> str:
    """The time at which a run was started, with its offset from UTC (ISO 8601)."""
    return datetime.fromtimestamp(started(run.folder)).astimezone().isoformat(timespec="seconds")


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows(rows)
    return text.getvalue()
