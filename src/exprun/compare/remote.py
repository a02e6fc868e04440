"""Runs as MLflow's store tells them, for those whose folders are on another machine."""

import ast
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exprun import metrics as names
from exprun.compare.selection import MIN_RUNS
from exprun.config.errors import ConfigError, RunError, one_line, without_password
from exprun.config.paths import sqlite_path
from exprun.records import NOT_ENDED, Run, check_condition, complete
from exprun.tracking.accepted import check_uri
from exprun.tracking.store import repair, tracking_uri

PAGE = 1000  # runs in one answer: the most a store gives
DRAWN = 200  # runs whose epochs are fetched too, one request a figure
# Those of older versions come last: an epoch's mean is the one that counts.
CURVES = {
    **{key: key for key in (names.EPOCH, "val/accuracy", "val/loss", names.TRAIN_LOSS, names.TRAIN_ACCURACY)},
    names.OLD_TRAIN_LOSS: names.TRAIN_LOSS,
    names.OLD_TRAIN_ACCURACY: names.TRAIN_ACCURACY,
}
ENDED = ("FINISHED", "FAILED", "KILLED")


def select(experiment: str, condition: str, where: Sequence[str], uri: str | None) -> list[Run]:
    """The runs of a store, in the order in which they started; runs of sweeps themselves are left out.

    Args:
        experiment: its name.
        condition: in MLflow's language: `tags."exprun.sweep" = '…'`; empty for all.
        where: `key=value`, all of which must hold.
        uri: of the store; the default one where it is None.

    Raises:
        ConfigError: there is no such experiment, the condition cannot be read, or fewer than two runs are left.
        RunError: the store does not answer.
    """
    place = tracking_uri(uri)
    check_uri(place, "MLFLOW_TRACKING_URI" if uri is None else "--uri")
    for one in where:
        check_condition(one)
    path = sqlite_path(place)
    if path is not None and not path.exists():
        raise ConfigError(f"There is no store at {os.path.relpath(path)}.")
    repair(place)
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        client = mlflow.MlflowClient(tracking_uri=place)
        known = client.get_experiment_by_name(experiment)
        if known is None:
            raise ConfigError(f"There is no experiment {experiment} in {without_password(place)}.")
        if known.lifecycle_stage == "deleted":
            raise ConfigError(
                f"The experiment {experiment} has been deleted in {without_password(place)}; the next run that is "
                f"logged to it restores it, or mlflow experiments restore --experiment-id {known.experiment_id}."
            )
        found = [run for run in _all(client, known.experiment_id, condition) if _is_one_of_ours(run)]
        runs = [_run(client, run, len(found) <= DRAWN) for run in found]
    except ConfigError:
        raise
    except Exception as error:  # whatever a server, a database or a network does
        told = without_password(one_line(error))[:200]
        if isinstance(error, MlflowException) and error.error_code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
            raise ConfigError(f"--filter {condition}: {told}") from None
        raise RunError(f"{without_password(place)} does not answer: {told}") from None
    runs = [run for run in runs if all(run.holds(one) for one in where)]
    if len(runs) < MIN_RUNS:
        raise ConfigError(
            f"There {'is one run' if runs else 'are no runs'} of that kind in {experiment}; a comparison takes two at "
            "least."
        )
    return runs


def _all(client: Any, experiment: str, condition: str) -> list[Any]:
    found, token = [], None
    while True:
        page = client.search_runs([experiment], condition, max_results=PAGE, order_by=["start_time"], page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _is_one_of_ours(run: Any) -> bool:
    """Whether it was logged by exprun, is no run above others, and was not trained anew since."""
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
    )


def _nested(params: dict[str, str]) -> dict[str, Any]:
    """Params as the settings that they were: those of each group together."""
    found: dict[str, Any] = {}
    for key, text in params.items():
        *groups, last = key.split(".")
        place = found
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = _value(text)
    return found


def _value(text: str) -> Any:
    """A param as the setting that it was."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _history(client: Any, run: Any) -> list[dict[str, float]]:
    """The metrics of each epoch."""
    rows: dict[int, dict[str, float]] = {}
    for key, name in CURVES.items():
        for metric in client.get_metric_history(run.info.run_id, key) if key in run.data.metrics else ():
            rows.setdefault(metric.step, {"step": float(metric.step)})[name] = metric.value
    return [row for _, row in sorted(rows.items()) if names.EPOCH in row]
