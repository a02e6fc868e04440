"""Delivering to MLflow, after the end of runs, what its server has not taken; and closing there what has died."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from exprun.config.compose import Composer
from exprun.config.errors import ConfigError, UserError, one_line, say, without_password
from exprun.config.paths import sqlite_path, user_path
from exprun.config.schema import Config
from exprun.outputs import all_runs
from exprun.run_folder import RunFolder, RunLockedError, name_of
from exprun.tracking.accepted import check_uri
from exprun.tracking.mlflow import MlflowTracker
from exprun.tracking.store import tracking_uri
from exprun.trainer.events import RunEnded

MASKED = "://***@"
DIED = "the process died without recording a status"
ANSWER_SECONDS = 60.0  # the longest that a complete run waits for an MLflow server
_unreachable: set[str] = set()  # servers that did not answer a complete run; further runs do not wait for them


def undelivered() -> list[Path]:
    """Folders of runs that were to be logged and have not arrived whole, wherever they lie."""
    folders = [RunFolder(folder) for folder in all_runs()]
    return [run.path for run in folders if run.tracking.exists() and not run.read_tracking().get("delivered")]


def check_folders(places: Sequence[str]) -> list[Path]:
    """The folders of runs that a person names.

    Raises:
        ConfigError: one holds no run.
    """
    for place in places:
        if not RunFolder(user_path(place)).exists:
            raise ConfigError(f"{place} is no folder of a run.")
    return [user_path(place) for place in places]


def sync(folders: Iterable[Path], uri: str | None) -> Iterator[tuple[Path, str]]:
    """Deliver runs; of each, what kept it from arriving, or nothing.

    Args:
        folders: of the runs.
        uri: of the store, in place of the one of each run.
    """
    for folder in folders:
        try:
            run = RunFolder(folder.resolve())
            with run.locked():
                _upload(run, uri)
            yield folder, ""
        except RunLockedError:
            yield folder, "another process is training in it"
        except UserError as error:
            yield folder, str(error)
        except Exception as error:  # whatever a server, a disk or a network does
            yield folder, without_password(one_line(error))[:200]


def upload_complete(config: Config, folder: RunFolder) -> None:
    """Upload a complete run that MLflow has not received, because the server or the process died.

    Args:
        config: the config of the run.
        folder: the run's folder.
    """
    missing = config.tracking.name == "mlflow" and folder.read_tracking().get("delivered") is False
    uri = tracking_uri(config.tracking.uri)
    if not missing or uri in _unreachable:
        return
    problems = ["it did not answer in time"]
    upload = threading.Thread(
        target=lambda: problems.extend(problem for _, problem in sync([folder.path], uri)), daemon=True
    )
    upload.start()
    upload.join(ANSWER_SECONDS)
    if problems[-1]:
        _unreachable.add(uri)
        say(f"MLflow has not received the run in {folder.path} ({problems[-1]}); python -m exprun sync uploads it.")


def _upload(folder: RunFolder, uri: str | None) -> None:
    tracking = folder.read_tracking()
    config = _config(folder, uri, tracking)
    rows = folder.read_journal()
    result = folder.read_result()
    if result is not None:
        ended = RunEnded(result.status, result.reason, result.metrics)
        end = int(1000 * folder.result.stat().st_mtime)
    else:
        ended = RunEnded("KILLED", DIED, {})
        end = rows[-1]["time"] if rows else int(1000 * folder.path.stat().st_mtime)
    tracker = MlflowTracker(config, folder, name_of(config), folder.read_environment().get("command", ""))
    tracker.deliver(ended, rows[0]["time"] if rows else end, end)


def _config(folder: RunFolder, uri: str | None, tracking: dict[str, Any]) -> Config:
    config = folder.read_config()
    if config.tracking.name == "none":
        config = replace(config, tracking=Composer().config(["tracking=mlflow"]).tracking)
    place = tracking_uri(uri or tracking.get("uri") or config.tracking.uri)
    if MASKED in place and without_password(tracking_uri(None)) == place:
        place = tracking_uri(None)
    check_uri(place, "its store" if uri is None else "--uri")
    path = sqlite_path(place)
    if path is not None and not uri and not path.parent.is_dir():
        raise ConfigError(f"its store was {path}, which is not there any more: give --uri.")
    if MASKED in place:
        raise ConfigError("the address of its server was written down without the password: give --uri.")
    tags = {**(config.tracking.tags or {}), **(tracking.get("tags") or {})}
    return replace(config, tracking=replace(config.tracking, uri=place, tags=tags))
