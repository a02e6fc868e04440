"""Delete runs in MLflow. MLflow keeps deleted runs until `mlflow gc`, so that they can be restored."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exprun.config.errors import RunError, one_line, without_password
from exprun.config.paths import sqlite_path
from exprun.run_folder import RunFolder
from exprun.tracking.store import tracking_uri
from exprun.tracking.view import TAG

RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
MISSING = ("RESOURCE_DOES_NOT_EXIST", "ENDPOINT_NOT_FOUND")  # an older server cannot delete tags of experiments


def logged(folders: Iterable[Path]) -> dict[str, list[dict[str, Any]]]:
    """The records of runs and sweeps in MLflow, by the URI of the store; those whose local store is gone are left out.

    Args:
        folders: the folders of runs and sweeps.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    default = tracking_uri(None)
    for folder in folders:
        recorded = RunFolder(folder).read_tracking()
        if "run_id" not in recorded:
            continue
        # The record has no password, but the variable MLFLOW_TRACKING_URI may have it.
        uri = default if without_password(default) == recorded["uri"] else str(recorded["uri"])
        if (path := sqlite_path(uri)) is None or path.exists():
            found.setdefault(uri, []).append(recorded)
    return found


def delete_logged(stores: dict[str, list[dict[str, Any]]]) -> None:
    """Delete runs in MLflow, and the views of deleted sweeps.

    Args:
        stores: the records of runs and sweeps, from `logged`.

    Raises:
        RunError: a store does not answer, or refuses.
    """
    if not stores:
        return
    if masked := next((uri for uri in stores if without_password(uri) == uri and "***@" in uri), None):
        raise RunError(
            f"The password of {masked} is not recorded: set MLFLOW_TRACKING_URI to the whole URI, or add --keep-mlflow "
            "to delete only the folders."
        )
    import mlflow

    for uri, records in stores.items():
        try:
            with _few_retries():
                client = mlflow.MlflowClient(tracking_uri=uri)
                for recorded in records:
                    _delete(client, recorded)
        except Exception as error:  # a server, a database or a network can fail in any way
            raise RunError(
                f"MLflow at {without_password(uri)} has not deleted the runs, so their folders are kept "
                f"({without_password(one_line(error))[:120]}); --keep-mlflow deletes only the folders."
            ) from None


def _delete(client: Any, recorded: dict[str, Any]) -> None:
    """Delete one run; a run that MLflow does not have any more is deleted already."""
    from mlflow.exceptions import MlflowException

    acts = [lambda: client.delete_run(recorded["run_id"])]
    if recorded.get("has_charts"):
        acts.append(lambda: client.delete_experiment_tag(recorded["experiment"], f"{TAG}{recorded['run_id']}"))
    for act in acts:
        try:
            act()
        except MlflowException as error:
            if error.error_code not in MISSING:
                raise


@contextmanager
def _few_retries() -> Iterator[None]:
    """Try a call to a server twice, unless the person has set another number; MLflow's default takes minutes."""
    if RETRIES in os.environ:
        yield
        return
    os.environ[RETRIES] = "1"
    try:
        yield
    finally:
        del os.environ[RETRIES]
