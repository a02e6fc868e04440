"""Where MLflow keeps runs. Imports nothing heavy, so the command line can say it at once."""

import contextlib
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from exprun.config.errors import say, without_password
from exprun.config.paths import user_path

OUTPUTS = Path("outputs")
SQLITE = "sqlite:///"
ARTIFACTS = "mlartifacts"  # folder beside the store
NOTE = "tracking.json"
# Columns in which MLflow keeps where artifacts lie.
LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
REPLACED = "replaced"  # folder, in that of a sweep, of runs that were trained anew


def note_of(folder: Path) -> dict[str, Any]:
    """What the folder of a run or of a sweep says of its run in MLflow; nothing where it has none, or it is damaged.

    A store below the same `outputs/` is found where it lies now, for the project may have been moved or copied.
    """
    try:
        found = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    path = sqlite_path(str(found.get("uri")))
    if path is None or found.get("inside") is False:
        return found
    above = [parent / path.name for parent in folder.resolve().parents if parent.name == path.parent.name]
    # Versions that did not note whether the store is inside noted the absolute path alone.
    otherwise = above[0] if above and found.get("inside") else path
    found["uri"] = f"{SQLITE}{next((place for place in above if place.exists()), otherwise)}"
    return found


def address(uri: str, folder: Path) -> dict[str, Any]:
    """What a run's folder notes of its store: its URI, and whether both lie in one folder, which may move.

    Args:
        uri: of the store.
        folder: of the run or of the sweep.
    """
    path = sqlite_path(uri)
    inside = path is not None and folder.resolve().is_relative_to(path.parent)
    return {"uri": without_password(uri), "inside": inside}


def sqlite_path(uri: str) -> Path | None:
    """The file of an SQLite store, absolute; None for any other store."""
    return Path(uri.removeprefix(SQLITE).partition("?")[0]).resolve() if uri.startswith(SQLITE) else None


def repair(uri: str) -> None:
    """Point a store's runs to the artifacts beside it, where the project was moved or copied since they were written.

    MLflow writes absolute paths into its tables, so the artifacts of a moved store would be read and written at the old
    place. The repair is said once; a store that is where it was, or that cannot be written, is left as it is.

    Args:
        uri: of the store.
    """
    path = sqlite_path(uri)
    if path is None or not path.exists():
        return
    here = path.parent / ARTIFACTS
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as store:
            old = _moved_from(store, here)
            if old is None:
                return
            store.execute("BEGIN IMMEDIATE")
            for table, column in LOCATIONS:
                if column in {row[1] for row in store.execute(f"PRAGMA table_info({table})")}:
                    _replace(store, table, column, old.as_uri(), here.as_uri())
            _replace(store, "tags", "value", str(old.parent), str(here.parent))
            runs = [run for (run,) in store.execute("SELECT run_uuid FROM runs")]
            store.execute("COMMIT")
    except (sqlite3.Error, OSError):
        return
    for run in runs:  # artifacts that were written to the old place after the move
        if (old / run).is_dir() and not (here / run).exists():
            with contextlib.suppress(OSError):
                shutil.copytree(old / run, here / run)
    say(f"{path} was moved here from {old.parent}; its runs find their artifacts in {here} again.")


def _moved_from(store: sqlite3.Connection, here: Path) -> Path | None:
    """Where the artifacts beside a store used to lie; None where that is where they lie now."""
    for (location,) in store.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall():
        old = Path(url2pathname(urlsplit(str(location)).path))
        if not str(location).startswith("file:") or (old.parent.name, old.name) != (here.parent.name, here.name):
            continue
        if old == here or (old.exists() and old.samefile(here)):
            continue
        # Several projects may log to one store, each with its own artifacts: runs that lie here tell a move from that.
        runs = store.execute(
            "SELECT runs.run_uuid, value FROM runs LEFT JOIN tags ON tags.run_uuid = runs.run_uuid AND "
            "key = 'exprun.run_dir' WHERE artifact_uri LIKE ? || '/%'",
            (location,),
        ).fetchall()
        folders = [os.path.relpath(folder, old.parent) for _, folder in runs if folder and Path(folder).is_absolute()]
        lies_here = any((here / run).is_dir() for run, _ in runs) or any(
            not folder.startswith("..") and (here.parent / folder).is_dir() for folder in folders
        )
        if lies_here or not (runs or old.parent.exists()):
            return old
    return None


def _replace(store: sqlite3.Connection, table: str, column: str, old: str, new: str) -> None:
    """Replace a path, and those below it, by another in a column."""
    store.execute(
        f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE {column} = ? OR substr({column}, 1, ?) = ?",
        (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
    )


def tracking_uri(uri: str | None) -> str:
    """The tracking URI: of the config, of MLFLOW_TRACKING_URI, or the SQLite store under outputs/."""
    found = uri or os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{(OUTPUTS / 'mlflow.db').resolve()}"
    file, mark, query = found.removeprefix(SQLITE).partition("?")
    if not found.startswith(SQLITE) or not file or file.startswith(":"):
        return found
    return f"{SQLITE}{user_path(file, found).resolve()}{mark}{query}"  # the same wherever it is read again


def artifact_root(uri: str) -> str | None:
    """Where artifacts of a new experiment go: beside the default store; a server decides for itself."""
    return (OUTPUTS / ARTIFACTS).resolve().as_uri() if uri.startswith("sqlite:") else None
