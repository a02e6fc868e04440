"""The records of runs, read from MLflow's store, for runs whose folders are on another machine."""

import ast
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exprun import metrics as names
from exprun.compare.selection import MIN_RUNS
from exprun.config.errors import ConfigError, RunError, one_line, without_password
from exprun.config.paths import sqlite_path
from exprun.records import NOT_ENDED, Condition, Run, complete, matching
from exprun.tracking.accepted import check_uri
from exprun.tracking.store import repair, tracking_uri

PAGE = 1000  # runs per request: the most that a store returns
MAX_CURVES = 200  # runs up to which the metrics of each epoch are fetched, with one request per metric
VALIDATION = ("val/accuracy", "val/loss", f"val/{names.BALANCED_ACCURACY}", f"val/{names.MACRO_F1}")
# The metrics to fetch, and their current names. The names of older versions come last: there, `train/loss` is the mean
# over some steps, and the mean over the epoch replaces it.
CURVES = {
    **{key: key for key in (names.EPOCH, *VALIDATION, names.TRAIN_LOSS, names.TRAIN_ACCURACY)},
    names.OLD_TRAIN_LOSS: names.TRAIN_LOSS,
    names.OLD_TRAIN_ACCURACY: names.TRAIN_ACCURACY,
}
ENDED = ("FINISHED", "FAILED", "KILLED")


def select(experiment: str, condition: str, where: Sequence[str], uri: str | None) -> list[Run]:
    """The runs of an MLflow experiment, in the order in which they started, without the parent runs of sweeps.

    Args:
        experiment: the name of the experiment.
        condition: a filter in MLflow's language, such as `tags."exprun.sweep" = '…'`; empty for all runs.
        where: conditions such as `key=value`, all of which must hold.
        uri: the URI of the store; None for the default store.

    Raises:
        ConfigError: the experiment does not exist, the filter is not valid, or fewer than two runs are left.
        RunError: the store does not answer.
    """
    store = tracking_uri(uri)
    check_uri(store, "MLFLOW_TRACKING_URI" if uri is None else "--uri")
    for setting in where:
        Condition.of(setting)
    path = sqlite_path(store)
    if path is not None and not path.exists():
        raise ConfigError(f"There is no store at {os.path.relpath(path)}: name one with --uri.")
    repair(store)
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        client = mlflow.MlflowClient(tracking_uri=store)
        record = client.get_experiment_by_name(experiment)
        if record is None:
            raise ConfigError(f"There is no experiment {experiment} in {without_password(store)}.")
        if record.lifecycle_stage == "deleted":
            raise ConfigError(
                f"The experiment {experiment} has been deleted in {without_password(store)}; the next run that is "
                f"logged to it restores it, or mlflow experiments restore --experiment-id {record.experiment_id}."
            )
        logged = [run for run in _all(client, record.experiment_id, condition) if _is_comparable(run)]
        runs = [_run(client, run, len(logged) <= MAX_CURVES) for run in logged]
    except ConfigError:
        raise
    except Exception as error:  # a server, a database or a network can fail in any way
        text = without_password(one_line(error))[:200]
        if isinstance(error, MlflowException) and error.error_code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
            raise ConfigError(f"--filter {condition}: {text}") from None
        raise RunError(f"{without_password(store)} does not answer: {text}") from None
    runs = matching(runs, list(map(_by_name, where)))
    if len(runs) < MIN_RUNS:
        raise ConfigError(
            f"There {'is one such run' if runs else 'are no such runs'} in {experiment}; a comparison needs at least "
            "two."
        )
    return runs


def _all(client: Any, experiment: str, condition: str) -> list[Any]:
    runs, token = [], None
    while True:
        page = client.search_runs([experiment], condition, max_results=PAGE, order_by=["start_time"], page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def _by_name(where: str) -> str:
    """A condition in which a sweep has the name by which MLflow knows it, instead of a path."""
    condition = Condition.of(where)
    return f"sweep{condition.operator}{Path(condition.value).name}" if condition.key == "sweep" else where


def _is_comparable(run: Any) -> bool:
    """Whether the run was logged by exprun, is not the parent run of a sweep, and has not been replaced."""
    tags = run.data.tags
    return "exprun.version" in tags and "exprun.replaced_by" not in tags and "seed" in run.data.params


def _run(client: Any, run: Any, curves: bool) -> Run:
    tags = run.data.tags
    status = run.info.status if run.info.status in ENDED else NOT_ENDED
    environment = {key.removeprefix("exprun."): value for key, value in tags.items() if key.startswith("exprun.")}
    findings = {k.removeprefix("finding."): v for k, v in environment.items() if k.startswith("finding.")}
    return Run(
        Path(environment.get("run_dir", run.info.run_id)),
        status,
        environment.get("reason", ""),
        complete(_nested(run.data.params)),
        names.current(dict(run.data.metrics)),
        _history(client, run) if curves else [],
        environment | {"commit": tags.get("mlflow.source.git.commit", "")},
        [
            {"cause": cause, "severity": text.partition(":")[0], "text": text.partition(": ")[2]}
            for cause, text in findings.items()
        ],
        run.info.run_id,
        environment.get("sweep", ""),
    )


def _nested(params: dict[str, str]) -> dict[str, Any]:
    """The nested settings of a run, from MLflow's params."""
    nested: dict[str, Any] = {}
    for key, text in params.items():
        *groups, last = key.split(".")
        inner = nested
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[last] = _value(text)
    return nested


def _value(text: str) -> Any:
    """The value of a setting, from the text of a param."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _history(client: Any, run: Any) -> list[dict[str, float]]:
    """The metrics of each epoch, by their current names."""
    rows: dict[int, dict[str, float]] = {}
    for key, name in CURVES.items():
        for metric in client.get_metric_history(run.info.run_id, key) if key in run.data.metrics else ():
            rows.setdefault(metric.step, {"step": float(metric.step)})[name] = metric.value
    return [row for _, row in sorted(rows.items()) if names.EPOCH in row]
