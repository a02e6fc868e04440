"""Which runs there are: those below `outputs/` at any depth, and those that were started from here but lie elsewhere.

A run or a sweep in another place is found by a pointer: a file whose name ends in `.elsewhere` and whose text is the
path of the folder, relative where both lie below the same `outputs/`, so that the project can be moved.
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
LAST = "last"  # on the command line: the run that was started most recently; for comparisons, the sweep
POINTER = ".elsewhere"
SWEEP = "sweep.json"  # makes a folder a sweep's
REPLACED = "replaced"  # folder inside a sweep's folder, of runs that were trained again
REPLACED_RUN = re.compile(r".+_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-\d+")  # name of a run's folder in it


def runs_below(place: Path) -> list[Path]:
    """Folders of runs at or below a place, and those that pointers there name, in natural order."""
    return _below(place, CONFIG)


def runs_of_sweep(folder: Path) -> list[Path]:
    """The folders of a sweep's runs, by their numbers."""
    numbered = [path.parent for path in folder.glob(f"*/{CONFIG}")]
    return sorted([*numbered, *(place for place in _pointers(folder) if (place / CONFIG).exists())], key=_natural)


def run_of_sweep(folder: Path, number: int | str) -> Path:
    """The folder of a sweep's run: the one named by its number, unless the run was given another."""
    return _pointed(folder / f"{number}{POINTER}") or folder / str(number)


def all_runs() -> list[Path]:
    """The folders of all runs below `outputs/` and of those elsewhere that were started from this project."""
    return runs_below(OUTPUTS)


def all_sweeps() -> list[Path]:
    """Folders of sweeps that have a run, likewise, in the order in which they were started last."""
    # Early versions made sweeps without a note.
    early = [folder for folder in (OUTPUTS / "sweeps").glob("*") if not (folder / SWEEP).exists()]
    noted = sorted(_below(OUTPUTS, SWEEP), key=lambda folder: ((folder / SWEEP).stat().st_mtime, folder.name))
    return [folder for folder in [*sorted(early), *noted] if runs_of_sweep(folder)]


def last_run() -> Path:
    """The folder of the run that was started last.

    Raises:
        ConfigError: there is none.
    """
    if not (folders := all_runs()):
        raise ConfigError(f"There is no run below {OUTPUTS}/ yet.")
    return max(folders, key=_started)


def _started(folder: Path) -> float:
    """When a run was started, in seconds since 1970; 0 where it has been removed meanwhile."""
    try:
        return (folder / CONFIG).stat().st_mtime
    except OSError:
        return 0.0


def with_last_run(overrides: Sequence[str]) -> list[str]:
    """The overrides, with the folder of the run that was started last where `last` stands for it.

    Raises:
        ConfigError: there is no run yet.
    """
    found = []
    for text in overrides:
        key, _, value = text.partition("=")
        if value == LAST and key.lstrip("+") in ("run_dir", "hydra.run.dir", "model.weights"):
            text = f"{key}={quoted(str(last_run()))}"
        found.append(text)
    return found


def remember(folder: Path) -> None:
    """Note a folder that does not lie below `outputs/`, so that it is found from this project again.

    Args:
        folder: of a run or a sweep, absolute.
    """
    known = (OUTPUTS.resolve(), *(place.resolve() for place in _pointers(OUTPUTS)))
    if any(folder.resolve().is_relative_to(place) for place in known):
        return
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    with contextlib.suppress(OSError):  # a project that cannot be written to still trains elsewhere
        OUTPUTS.mkdir(exist_ok=True)
        point(OUTPUTS / f"{digest}{POINTER}", folder)


def point(pointer: Path, folder: Path) -> None:
    """Write a pointer to a folder."""
    folder, here = folder.resolve(), pointer.parent.resolve()
    inside = folder.is_relative_to(OUTPUTS.resolve()) and here.is_relative_to(OUTPUTS.resolve())
    write_whole(pointer, os.path.relpath(folder, here) if inside else str(folder))


def _pointed(pointer: Path) -> Path | None:
    try:
        return Path(os.path.normpath(pointer.parent.absolute() / pointer.read_text(encoding="utf-8").strip()))
    except (OSError, ValueError):
        return None


def _pointers(folder: Path) -> list[Path]:
    """The folders to which the pointers in a folder lead."""
    return [place for pointer in sorted(folder.glob(f"*{POINTER}")) if (place := _pointed(pointer)) is not None]


def _below(place: Path, name: str) -> list[Path]:
    """Folders at or below a place, and where its pointers lead, that hold a file of this name; links are followed."""
    return sorted(_walk(place, name, set()), key=_natural)


def _walk(place: Path, name: str, seen: set[tuple[int, int]]) -> Iterator[Path]:
    for root, folders, files in os.walk(place, followlinks=True):
        try:
            state = os.stat(root)
        except OSError:  # removed meanwhile
            folders.clear()
            continue
        if (state.st_dev, state.st_ino) in seen:  # a link that leads back, or two ways to one folder
            folders.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        folders[:] = [folder for folder in folders if _may_hold_runs(Path(root), folder, files)]
        if name in files:
            yield Path(root)
        for file in files:
            if file.endswith(POINTER) and (target := _pointed(Path(root) / file)) is not None:
                yield from _walk(target, name, seen)


def _may_hold_runs(place: Path, folder: str, files: Sequence[str]) -> bool:
    """Whether runs are looked for in a folder: not where copies of configs lie, nor inside the parts of a run.

    Args:
        place: that holds the folder.
        folder: its name.
        files: beside it.
    """
    if folder.startswith("."):
        return False
    if CONFIG in files:  # of a run, whose workers on other machines belong to it
        return folder != "checkpoints" and not folder.startswith("worker-")
    return not (folder == ARTIFACTS and STORE in files) and not (
        place.name == REPLACED and REPLACED_RUN.fullmatch(folder)
    )


def _natural(folder: Path) -> tuple[tuple[int, str], ...]:
    """By the parts of a path, numbers by their size."""
    return tuple((len(part), part) for part in folder.parts)
