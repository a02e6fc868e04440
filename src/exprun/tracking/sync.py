"""Delivering to MLflow, after the end of runs, what its server has not taken; and closing there what has died."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from exprun.config.compose import Composer
from exprun.config.errors import ConfigError, UserError, one_line, without_password
from exprun.config.paths import user_path
from exprun.config.schema import Config
from exprun.locks import file_lock
from exprun.outputs import all_runs
from exprun.run_folder import name_of, read_config
from exprun.tracking.accepted import check_uri
from exprun.tracking.journal import read
from exprun.tracking.mlflow import MlflowTracker
from exprun.tracking.source import read_environment
from exprun.tracking.store import NOTE, note_of, sqlite_path, tracking_uri
from exprun.trainer.events import RunEnded

MASKED = "://***@"
DIED = "it ended without a word"


def undelivered() -> list[Path]:
    """Folders of runs that were to be logged and have not arrived whole, wherever they lie."""
    return [folder for folder in all_runs() if (folder / NOTE).exists() and not note_of(folder).get("delivered")]


def check_folders(places: Sequence[str]) -> list[Path]:
    """The folders of runs that a person names.

    Raises:
        ConfigError: one holds no run.
    """
    for place in places:
        if not (user_path(place) / "config.yaml").exists():
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
            with file_lock(folder / ".lock", wait=False):
                _deliver(folder.resolve(), uri)
            yield folder, ""
        except BlockingIOError:
            yield folder, "another process is training in it"
        except UserError as error:
            yield folder, str(error)
        except Exception as error:  # whatever a server, a disk or a network does
            yield folder, without_password(one_line(error))[:200]


def _deliver(folder: Path, uri: str | None) -> None:
    note = note_of(folder)
    config = _config(folder, uri, note)
    rows = read(folder / "metrics.jsonl")
    file = folder / "result.json"
    if file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
        ended, end = RunEnded(found["status"], found["reason"], found["metrics"]), int(1000 * file.stat().st_mtime)
    else:
        ended, end = RunEnded("KILLED", DIED, {}), rows[-1]["time"] if rows else int(1000 * folder.stat().st_mtime)
    tracker = MlflowTracker(config, folder, name_of(config), read_environment(folder).get("command", ""))
    tracker.deliver(ended, rows[0]["time"] if rows else end, end)


def _config(folder: Path, uri: str | None, note: dict[str, Any]) -> Config:
    config = read_config(folder)
    if config.tracking.name == "none":
        config = replace(config, tracking=Composer().config(["tracking=mlflow"]).tracking)
    place = tracking_uri(uri or note.get("uri") or config.tracking.uri)
    if MASKED in place and without_password(tracking_uri(None)) == place:
        place = tracking_uri(None)
    check_uri(place, "its store" if uri is None else "--uri")
    path = sqlite_path(place)
    if path is not None and not uri and not path.parent.is_dir():
        raise ConfigError(f"its store was {path}, which is not there any more: give --uri.")
    if MASKED in place:
        raise ConfigError("the address of its server was written down without the password: give --uri.")
    tags = {**(config.tracking.tags or {}), **(note.get("tags") or {})}
    return replace(config, tracking=replace(config.tracking, uri=place, tags=tags))
