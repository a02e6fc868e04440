"""The store in which MLflow keeps runs: its URI, its artifacts, and the repair of a store that was moved.

This module imports nothing heavy, so that commands can use it without MLflow.
"""

import contextlib
import os
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from exprun.config.errors import say, without_password
from exprun.config.paths import SQLITE, sqlite_path, user_path
from exprun.outputs import ARTIFACTS, OUTPUTS, STORE

# Columns in which MLflow keeps the paths of artifacts.
LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def address(uri: str, folder: Path) -> dict[str, Any]:
    """The entries of a run's `tracking.json` about its store, as `uri` and `inside`.

    `inside` says whether the run is below the folder of the store, so that both can be moved together.

    Args:
        uri: the URI of the store.
        folder: the folder of the run or of the sweep.
    """
    path = sqlite_path(uri)
    inside = path is not None and folder.resolve().is_relative_to(path.parent)
    return {"uri": without_password(uri), "inside": inside}


def repair(uri: str) -> None:
    """Correct the paths of artifacts in an SQLite store that was moved or copied together with its artifacts.

    MLflow writes absolute paths into its tables, so it would read and write the artifacts of a moved store at the old
    path. The repair is printed once. A store that was not moved, or that cannot be written, stays as it is.

    Args:
        uri: the URI of the store.
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
    for run in runs:  # artifacts may have been written to the old path after the move
        if (old / run).is_dir() and not (here / run).exists():
            with contextlib.suppress(OSError):
                shutil.copytree(old / run, here / run)
    say(f"{path} was moved here from {old.parent}; the artifacts of its runs are found in {here} again.")


def _moved_from(store: sqlite3.Connection, here: Path) -> Path | None:
    """The old folder of a store's artifacts; None if the store was not moved."""
    from urllib.request import url2pathname  # imports the packages of HTTP and TLS

    for (location,) in store.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall():
        old = Path(url2pathname(urlsplit(str(location)).path))
        if not str(location).startswith("file:") or (old.parent.name, old.name) != (here.parent.name, here.name):
            continue
        if old == here or (old.exists() and old.samefile(here)):
            continue
        # Several projects may log to one store, each with its own artifacts. Only if runs of the old path are found
        # here has the store been moved.
        runs = store.execute(
            "SELECT runs.run_uuid, value FROM runs LEFT JOIN tags ON tags.run_uuid = runs.run_uuid AND "
            "key = 'exprun.run_dir' WHERE artifact_uri LIKE ? || '/%'",
            (location,),
        ).fetchall()
        folders = [os.path.relpath(folder, old.parent) for _, folder in runs if folder and Path(folder).is_absolute()]
        runs_are_here = any((here / run).is_dir() for run, _ in runs) or any(
            not folder.startswith("..") and (here.parent / folder).is_dir() for folder in folders
        )
        if runs_are_here or not (runs or old.parent.exists()):
            return old
    return None


def _replace(store: sqlite3.Connection, table: str, column: str, old: str, new: str) -> None:
    """Replace a path, and the beginning of all paths below it, in a column."""
    store.execute(
        f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE {column} = ? OR substr({column}, 1, ?) = ?",
        (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
    )


def tracking_uri(uri: str | None) -> str:
    """The tracking URI: the one in the config, the one in MLFLOW_TRACKING_URI, or the SQLite store under outputs/.

    Args:
        uri: the URI in the config or on the command line; None without one.
    """
    chosen = uri or os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{(OUTPUTS / STORE).resolve()}"
    file, mark, query = chosen.removeprefix(SQLITE).partition("?")
    if not chosen.startswith(SQLITE) or not file or file.startswith(":"):
        return chosen
    # An absolute path means the same file in every folder from which it is read again.
    return f"{SQLITE}{user_path(file, chosen).resolve()}{mark}{query}"


def artifact_root(uri: str) -> str | None:
    """The folder, as a URI, for the artifacts of a new experiment in an SQLite store; None lets the server choose."""
    return (OUTPUTS / ARTIFACTS).resolve().as_uri() if uri.startswith("sqlite:") else None


def is_server(uri: str) -> bool:
    """Whether a store is an MLflow server, which has its own UI."""
    return uri.startswith(("http:", "https:"))


def is_database(uri: str) -> bool:
    """Whether a store is a database, which MLflow can serve."""
    return re.match(r"(sqlite:///|postgresql|mysql|mssql)", uri) is not None


def server(uri: str) -> str:
    """The address of a server without user and password, as a browser can open it."""
    parts = urlsplit(uri)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")).rstrip("/")
