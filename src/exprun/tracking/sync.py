"""Upload to MLflow the runs that its server has not received, and close those whose process has died."""

import math
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from exprun.config.compose import Composer
from exprun.config.errors import ConfigError, RunError, UserError, one_line, say, without_password
from exprun.config.paths import sqlite_path, user_path
from exprun.config.run_name import run_name
from exprun.config.schema import Config
from exprun.outputs import all_runs
from exprun.run_folder import RunFolder, RunLockedError
from exprun.tracking.accepted import check_uri
from exprun.tracking.mlflow import MlflowTracker
from exprun.tracking.store import tracking_uri
from exprun.trainer.events import RunEnded

MASKED = "://***@"
DIED = "the process died without recording a status"
ANSWER_SECONDS = 60.0  # the longest that a complete run waits for an MLflow server
HEALTH_SECONDS = 30.0  # the longest that an upload waits for the first answer of an MLflow server
RETRY_SECONDS = 600.0  # after a server did not answer, further complete runs do not wait for it for this long
_unreachable: dict[str, float] = {}  # servers that did not answer, with the time of the attempt (time.monotonic)


def undelivered() -> list[Path]:
    """The folders of all runs of this project that MLflow should have received, but has not received completely."""
    folders = [RunFolder(folder) for folder in all_runs()]
    return [run.path for run in folders if run.tracking.exists() and not run.read_tracking().get("delivered")]


def check_folders(names: Sequence[str]) -> list[Path]:
    """The run folders that a person names.

    Args:
        names: the paths of the folders, as typed.

    Raises:
        ConfigError: one of them does not hold a run.
    """
    for name in names:
        if not RunFolder(user_path(name)).exists:
            raise ConfigError(f"{name} is not the folder of a run; python -m exprun runs lists the runs.")
    return [user_path(name) for name in names]


def sync(folders: Iterable[Path], uri: str | None) -> Iterator[tuple[Path, str]]:
    """Upload runs; yields each folder with the reason why its upload failed, which is empty if it succeeded.

    Args:
        folders: the folders of the runs.
        uri: the URI of the store to use for all runs; None uploads each run to its own store.
    """
    silent: dict[str, str] = {}
    for folder in folders:
        try:
            run = RunFolder(folder.resolve())
            with run.locked():
                _upload(run, uri, silent)
            yield folder, ""
        except RunLockedError:
            yield folder, "another process is training in it"
        except UserError as error:
            yield folder, str(error)
        except Exception as error:  # a server, a disk or a network can fail in any way
            yield folder, without_password(one_line(error))[:200]


def upload_complete(config: Config, folder: RunFolder) -> None:
    """Upload a complete run that MLflow has not received, because the server or the process died.

    Args:
        config: the config of the run.
        folder: the run's folder.
    """
    if config.tracking.name != "mlflow" or folder.read_tracking().get("delivered") is not False:
        return
    uri = tracking_uri(config.tracking.uri)
    if time.monotonic() - _unreachable.get(uri, -math.inf) < RETRY_SECONDS:
        return
    problems = ["it did not answer in time"]
    upload = threading.Thread(
        target=lambda: problems.extend(problem for _, problem in sync([folder.path], uri)), daemon=True
    )
    upload.start()
    upload.join(ANSWER_SECONDS)
    if problems[-1]:
        _unreachable[uri] = time.monotonic()
        say(f"MLflow has not received the run in {folder.path} ({problems[-1]}); python -m exprun sync uploads it.")


def _silence(uri: str) -> str:
    """A sentence if the server of a store does not answer, for which MLflow would wait minutes; empty otherwise."""
    if not uri.startswith("http"):
        return ""
    import requests

    try:
        requests.get(uri, timeout=HEALTH_SECONDS, stream=True).close()
    except requests.exceptions.SSLError:  # MLflow has settings of its own for certificates
        return ""
    except (requests.ConnectionError, requests.Timeout):
        return f"{without_password(uri)} does not answer"
    return ""


def _upload(folder: RunFolder, uri: str | None, silent: dict[str, str]) -> None:
    """Upload a run.

    Args:
        folder: the folder of the run.
        uri: the URI of the store; None for the run's own.
        silent: a sentence for each store whose server did not answer, and an empty one for each other store; this
            function adds the store of the run.

    Raises:
        UserError: the run has no config or no store, or the server of the store does not answer.
    """
    tracking = folder.read_tracking()
    config = _config(folder, uri, tracking)
    store = str(config.tracking.uri)
    silent[store] = silent[store] if store in silent else _silence(store)
    if silent[store]:
        raise RunError(silent[store])
    rows = folder.read_journal()
    result = folder.read_result()
    if result is not None:
        ended = RunEnded(result.status, result.reason, result.metrics)
        end = int(1000 * folder.result.stat().st_mtime)
    else:
        ended = RunEnded("KILLED", DIED, {})
        end = rows[-1]["time"] if rows else int(1000 * folder.path.stat().st_mtime)
    tracker = MlflowTracker(config, folder, run_name(config), folder.read_environment().get("command", ""))
    tracker.upload(ended, rows[0]["time"] if rows else end, end)


def _config(folder: RunFolder, uri: str | None, tracking: dict[str, Any]) -> Config:
    config = folder.read_config()
    if config.tracking.name == "none":
        config = replace(config, tracking=Composer().config(["tracking=mlflow"]).tracking)
    store = tracking_uri(uri or tracking.get("uri") or config.tracking.uri)
    if MASKED in store and without_password(tracking_uri(None)) == store:
        store = tracking_uri(None)
    check_uri(store, "its store" if uri is None else "--uri")
    path = sqlite_path(store)
    if path is not None and not uri and not path.parent.is_dir():
        raise ConfigError(f"its store was {path}, but that folder does not exist any more: give --uri.")
    if MASKED in store:
        raise ConfigError("the URI of its server was recorded without the password: give --uri.")
    tags = {**(config.tracking.tags or {}), **(tracking.get("tags") or {})}
    return replace(config, tracking=replace(config.tracking, uri=store, tags=tags))
