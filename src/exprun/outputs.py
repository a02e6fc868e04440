"""Find the runs of this project: those below `outputs/` at any depth, and those in other folders.

A run or a sweep in another folder is found by a pointer: a file whose name ends in `.elsewhere` and whose text is the
path of the folder. The path is relative if both are below the same `outputs/`, so that the project can be moved.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from exprun.config.errors import ConfigError
from exprun.config.overrides import quoted
from exprun.files import write_whole
from exprun.run_folder import CONFIG

OUTPUTS = Path("outputs")  # below the current folder: everything that runs write, the MLflow store included
STORE, ARTIFACTS = "mlflow.db", "mlartifacts"  # the MLflow store, and the folder next to it with the runs' files
LAST = "last"  # on the command line: the last run; for comparisons, the last sweep
POINTER = ".elsewhere"  # end of a pointer's file name
SWEEP = "sweep.json"  # a folder with this file is the folder of a sweep
REPLACED = "replaced"  # folder in a sweep's folder for runs that were trained again
REPLACED_RUN = re.compile(r".+_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-\d+")  # names of the run folders in `REPLACED`


def runs_below(root: Path) -> list[Path]:
    """The run folders at or below a folder, and those that pointers there name, in natural order."""
    return _below(root, CONFIG)


def runs_of_sweep(folder: Path) -> list[Path]:
    """The folders of a sweep's runs, ordered by their numbers."""
    numbered = [path.parent for path in folder.glob(f"*/{CONFIG}")]
    return sorted([*numbered, *(path for path in _pointers(folder) if (path / CONFIG).exists())], key=_natural)


def run_of_sweep(folder: Path, number: int | str) -> Path:
    """The folder of a run of a sweep, which is named after the run's number unless `run_dir` was given.

    Args:
        folder: the folder of the sweep.
        number: the number of the run.
    """
    return _pointed(folder / f"{number}{POINTER}") or folder / str(number)


def all_runs() -> list[Path]:
    """The folders of all runs below `outputs/`, and of runs in other folders that this project started."""
    return runs_below(OUTPUTS)


def all_sweeps() -> list[Path]:
    """The folders of this project's sweeps that have a run, the last sweep at the end."""
    # The first versions did not write `sweep.json`.
    early = [folder for folder in (OUTPUTS / "sweeps").glob("*") if not (folder / SWEEP).exists()]
    later = sorted(_below(OUTPUTS, SWEEP), key=lambda folder: ((folder / SWEEP).stat().st_mtime, folder.name))
    return [folder for folder in [*sorted(early), *later] if runs_of_sweep(folder)]


def last_run() -> Path:
    """The folder of the last run.

    Raises:
        ConfigError: there is no run yet.
    """
    if not (folders := all_runs()):
        raise ConfigError(f"There is no run below {OUTPUTS}/ yet.")
    return max(folders, key=started)


def started(folder: Path) -> float:
    """The time at which a run was started, in seconds since 1970; 0 if its folder has been removed."""
    try:
        return (folder / CONFIG).stat().st_mtime
    except OSError:
        return 0.0


def with_last_run(overrides: Sequence[str]) -> list[str]:
    """The overrides, in which the value `last` is replaced by the folder of the last run.

    Args:
        overrides: the overrides, as typed.

    Raises:
        ConfigError: an override has the value `last`, but there is no run yet.
    """
    replaced = []
    for text in overrides:
        key, _, value = text.partition("=")
        if value == LAST and key.lstrip("+") in ("run_dir", "hydra.run.dir", "model.weights", "model.teacher"):
            text = f"{key}={quoted(str(last_run()))}"
        replaced.append(text)
    return replaced


def remember(folder: Path) -> None:
    """Write a pointer to a folder that is not below `outputs/`, so that this project finds it again.

    Args:
        folder: the absolute path of a run's or a sweep's folder.
    """
    searched = (OUTPUTS.resolve(), *(path.resolve() for path in _pointers(OUTPUTS)))
    if any(folder.resolve().is_relative_to(path) for path in searched):
        return
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    with contextlib.suppress(OSError):  # without a writable `outputs/` the run still trains
        OUTPUTS.mkdir(exist_ok=True)
        point(OUTPUTS / f"{digest}{POINTER}", folder)


def forget(folders: Sequence[Path]) -> None:
    """Remove the pointers in `outputs/` to folders that have been deleted.

    Args:
        folders: the absolute paths of the folders.
    """
    for pointer in OUTPUTS.glob(f"*{POINTER}"):
        if _pointed(pointer) in folders:
            pointer.unlink(missing_ok=True)


def point(pointer: Path, folder: Path) -> None:
    """Write a pointer to a folder.

    Args:
        pointer: the path of the pointer's file.
        folder: the folder to which it points.
    """
    folder, here = folder.resolve(), pointer.parent.resolve()
    inside = folder.is_relative_to(OUTPUTS.resolve()) and here.is_relative_to(OUTPUTS.resolve())
    write_whole(pointer, os.path.relpath(folder, here) if inside else str(folder))


def _pointed(pointer: Path) -> Path | None:
    try:
        return Path(os.path.normpath(pointer.parent.absolute() / pointer.read_text(encoding="utf-8").strip()))
    except (OSError, ValueError):
        return None


def _pointers(folder: Path) -> list[Path]:
    """The folders to which the pointers in a folder point."""
    return [path for pointer in sorted(folder.glob(f"*{POINTER}")) if (path := _pointed(pointer)) is not None]


def _below(root: Path, name: str) -> list[Path]:
    """The folders with a file of a given name, at or below a folder; links and pointers are followed."""
    return sorted(_walk(root, name, set()), key=_natural)


def _walk(root: Path, name: str, seen: set[tuple[int, int]]) -> Iterator[Path]:
    for parent, folders, files in os.walk(root, followlinks=True):
        try:
            state = os.stat(parent)
        except OSError:  # another process has removed the folder
            folders.clear()
            continue
        if (state.st_dev, state.st_ino) in seen:  # the folder was reached before, by another link or pointer
            folders.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        folders[:] = [folder for folder in folders if _may_hold_runs(Path(parent), folder, files)]
        if name in files:
            yield Path(parent)
        for file in files:
            if file.endswith(POINTER) and (target := _pointed(Path(parent) / file)) is not None:
                yield from _walk(target, name, seen)


def _may_hold_runs(parent: Path, folder: str, files: Sequence[str]) -> bool:
    """Whether a folder is searched for runs; MLflow's artifacts, replaced runs and parts of a run are not.

    Args:
        parent: the folder that holds the folder.
        folder: the name of the folder.
        files: the names of the files next to the folder.
    """
    if folder.startswith("."):
        return False
    if CONFIG in files:  # `parent` is a run; the folders of its workers on other machines are part of it
        return folder != "checkpoints" and not folder.startswith("worker-")
    return not (folder == ARTIFACTS and STORE in files) and not (
        parent.name == REPLACED and REPLACED_RUN.fullmatch(folder)
    )


def _natural(folder: Path) -> tuple[tuple[int, str], ...]:
    """The sort key of a folder that orders numbers in its path by their size."""
    return tuple((len(part), part) for part in folder.parts)
