"""Where MLflow keeps runs. Imports nothing heavy, so the command line can say it at once."""

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from exprun.config.errors import say, without_password
from exprun.config.paths import SQLITE, sqlite_path, user_path
from exprun.outputs import ARTIFACTS, OUTPUTS, STORE

# Columns in which MLflow keeps where artifacts lie.
LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def address(uri: str, folder: Path) -> dict[str, Any]:
    """What a run's folder notes of its store: its URI, and whether both lie in one folder, which may move.

    Args:
        uri: of the store.
        folder: of the run or of the sweep.
    """
    path = sqlite_path(uri)
    inside = path is not None and folder.resolve().is_relative_to(path.parent)
    return {"uri": without_password(uri), "inside": inside}


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
    found = uri or os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{(OUTPUTS / STORE).resolve()}"
    file, mark, query = found.removeprefix(SQLITE).partition("?")
    if not found.startswith(SQLITE) or not file or file.startswith(":"):
        return found
    return f"{SQLITE}{user_path(file, found).resolve()}{mark}{query}"  # the same wherever it is read again


def artifact_root(uri: str) -> str | None:
    """Where artifacts of a new experiment go: beside the default store; a server decides for itself."""
    return (OUTPUTS / ARTIFACTS).resolve().as_uri() if uri.startswith("sqlite:") else None
