"""Delete runs and sweeps: their runs in MLflow first, which can be restored, and then their folders."""

import glob
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from rich.filesize import decimal

from exprun.asha import RUNGS
from exprun.config.errors import ConfigError, RunError
from exprun.config.paths import user_path
from exprun.outputs import LAST, REPLACED, SWEEP, all_sweeps, forget, runs_below, runs_of_sweep
from exprun.records import Condition, all_records, find_run, matching, read_run, runs_named, short, with_sweeps
from exprun.run_folder import CONFIG, RunFolder, RunLockedError
from exprun.text import joined, listed, plural
from exprun.tracking.deletion import delete_logged, logged

OF_SWEEPS = (REPLACED, RUNGS, ".submitit")  # folders in a sweep's folder next to its runs; Slurm's logs are in the last


@dataclass(frozen=True)
class Deletion:
    """Runs and whole sweeps that are to be deleted.

    Args:
        runs: the absolute paths of the folders of runs, without those of the sweeps.
        sweeps: by the absolute path of a sweep's folder, the folders of its runs and of the runs that they replaced.
        hint: a sentence about what else the person may mean; empty without one.
    """

    runs: Sequence[Path]
    sweeps: Mapping[Path, Sequence[Path]] = field(default_factory=dict)
    hint: str = ""

    def all_runs(self) -> list[Path]:
        """The folders of all runs, each once."""
        return _unique([*self.runs, *chain.from_iterable(self.sweeps.values())])

    def folders(self) -> list[Path]:
        """The folders of all runs and sweeps, each once."""
        return _unique([*self.all_runs(), *self.sweeps])

    def sentence(self, keep_mlflow: bool) -> str:
        """What would be deleted, with its size on disk.

        Args:
            keep_mlflow: whether the runs stay in MLflow.
        """
        parts = []
        if self.runs:
            names = listed(map(short, self.runs), most=3)
            parts.append(names if len(self.runs) == 1 else f"{plural(len(self.runs), 'run')} ({names})")
        parts += [f"the sweep {short(sweep)} with {plural(len(runs), 'run')}" for sweep, runs in self.sweeps.items()]
        in_mlflow = 0 if keep_mlflow else sum(map(len, logged(self.folders()).values()))
        size = decimal(_size(self.folders()))
        more = f" and {plural(in_mlflow, 'run')} in MLflow" if in_mlflow else ""
        return f"This deletes {joined(parts)}, with all files ({size}){more}: add --yes.{self.hint}"


def chosen(names: Sequence[str], where: Sequence[str]) -> Deletion:
    """The runs and sweeps that a person names.

    A sweep is deleted as a whole if it is named, also by the condition `sweep=…`, and if all of its runs, including
    those that were replaced, meet the conditions.

    Args:
        names: names of runs and sweeps: folders, ends of their paths, identifiers in MLflow, or `last`, the last run;
            if empty, the runs of this project.
        where: conditions such as `key=value`, all of which must hold.

    Raises:
        ConfigError: a name or a condition is wrong, or no run is left.
    """
    found = [_found(name) for name in names]
    sweeps = [folder for folder in found if not RunFolder(folder).exists]
    folders = [folder for folder in found if folder not in sweeps]
    if not where:
        whole = {sweep: _runs_of(sweep) for sweep in sweeps}
        inside = set(chain.from_iterable(whole.values()))
        return Deletion(_unique(folder for folder in folders if folder not in inside), whole, _hint(names))
    folders += [run.resolve() for sweep in sweeps for run in runs_of_sweep(sweep)]
    records = [run for run in map(read_run, _unique(folders)) if run is not None] if names else all_records()
    runs = matching(records, where)
    if not runs:
        place = " ".join(names) if names else "this project"
        raise ConfigError(f"There is no run with {' '.join(where)} in {place}, so nothing is deleted.")
    conditions = [Condition.of(text) for text in where]
    if any((condition.key, condition.operator) == ("sweep", "=") for condition in conditions):
        sweeps += [Path(run.sweep).absolute() for run in with_sweeps(runs) if run.sweep]
    left = {run.folder for run in runs}
    of_runs = [condition for condition in conditions if condition.key != "sweep"]
    members = {sweep: _runs_of(sweep) for sweep in sweeps}
    whole = {sweep: folders for sweep, folders in members.items() if _all_meet(folders, left, of_runs)}
    left -= set(chain.from_iterable(whole.values()))
    return Deletion([run.folder for run in runs if run.folder in left], whole)


def delete(deletion: Deletion, keep_mlflow: bool) -> Iterator[str]:
    """Delete runs and sweeps; yields the name of each after it is deleted.

    Args:
        deletion: the runs and sweeps.
        keep_mlflow: whether the runs stay in MLflow.

    Raises:
        RunError: a process trains one of the runs, a folder holds other files or cannot be deleted, or MLflow does not
            answer; nothing is deleted from disk then, unless a folder cannot be deleted for a reason known only later.
    """
    _check(deletion)
    if not keep_mlflow:
        delete_logged(logged(deletion.folders()))
    for run in deletion.runs:
        _delete_run(run)
        yield short(run)
    for sweep, runs in deletion.sweeps.items():
        for run in runs:
            _delete_run(run)
        if started := runs_of_sweep(sweep):
            raise RunError(
                f"Another process has started {short(started[0])}, so {short(sweep)} stays: end this process first."
            )
        try:
            _remove(sweep, SWEEP)
        except OSError as error:
            raise _undeletable(sweep, error) from None
        forget([sweep])
        yield f"{short(sweep)} with {plural(len(runs), 'run')}"


def _found(name: str) -> Path:
    """The folder of the run or sweep that a person names.

    Raises:
        ConfigError: there is no such run or sweep, or there are several.
    """
    folder = user_path(name)
    if name == LAST:
        return find_run(name).folder
    if RunFolder(folder).exists or (folder / SWEEP).exists():
        return folder.resolve()
    end = f"/{name.rstrip('/')}"
    sweeps = [sweep.resolve() for sweep in all_sweeps() if f"/{short(sweep.resolve())}".endswith(end)]
    matches = [*sweeps, *(run.folder for run in runs_named(name))]
    if len(matches) == 1:
        return matches[0]
    problem = (
        f"The names of {len(matches)} runs and sweeps end in {name}: give more of the folder's name"
        if matches
        else f"There is no run or sweep named {name}"
    )
    raise ConfigError(f"{problem}; python -m exprun runs lists all runs.")


def _hint(names: Sequence[str]) -> str:
    """A sentence for a person who may mean the last sweep by `last`."""
    if LAST not in names:
        return ""
    sweep = with_sweeps([find_run(LAST)])[0].sweep
    return f" The last run is part of a sweep, which runs delete {sweep} deletes as a whole." if sweep else ""


def _runs_of(sweep: Path) -> list[Path]:
    """The folders of a sweep's runs, and of the runs that they replaced, wherever they are."""
    runs = [run.resolve() for run in runs_of_sweep(sweep)]
    old = [*sweep.glob(f"{REPLACED}/*/{CONFIG}")]
    for run in runs:
        if run.parent != sweep:
            old += run.parent.glob(f"{REPLACED}/{glob.escape(run.name)}_????-??-??_??-??-??-*/{CONFIG}")
    return [*runs, *(path.parent for path in old)]


def _all_meet(folders: Sequence[Path], chosen: Collection[Path], conditions: Sequence[Condition]) -> bool:
    """Whether each run is chosen or, if it was replaced, meets the conditions: it may be the only one that finished."""
    others = [folder for folder in folders if folder not in chosen]
    if any(folder.parent.name != REPLACED for folder in others):
        return False
    records = map(read_run, others)
    return not conditions or all(run is not None and all(map(run.holds, conditions)) for run in records)


def _unique(folders: Iterable[Path]) -> list[Path]:
    return list(dict.fromkeys(folders))


def _size(folders: Sequence[Path]) -> int:
    """The size of all files in folders, in bytes; a file that is found in two ways counts once."""
    sizes: dict[tuple[int, int], int] = {}
    for folder in folders:
        for parent, _, files in os.walk(folder):
            for file in files:
                try:
                    state = os.lstat(os.path.join(parent, file))
                except OSError:  # another process has removed the file
                    continue
                sizes[state.st_dev, state.st_ino] = state.st_size
    return sum(sizes.values())


def _check(deletion: Deletion) -> None:
    """Raise a RunError if something of a deletion must not or cannot be deleted."""
    runs = deletion.all_runs()
    own, here = set(runs), Path.cwd()
    for folder in deletion.folders():
        if here.is_relative_to(folder):
            raise RunError(f"{folder} is the current folder or contains it, so it cannot be deleted from here.")
        if inside := [run for run in runs_below(folder) if run.resolve() != folder and run.resolve() not in own]:
            raise RunError(f"{short(folder)} also holds other runs, such as {short(inside[0])}: delete these first.")
        if not (os.access(folder, os.W_OK | os.X_OK) and os.access(folder.parent, os.W_OK | os.X_OK)):
            raise RunError(f"{short(folder)} cannot be deleted: you may not write there.")
    for sweep in deletion.sweeps:
        for entry in sweep.iterdir():
            is_other = entry.is_dir() and entry.resolve() not in own and entry.name not in OF_SWEEPS
            if is_other and not _is_begun(entry):
                raise RunError(f"{short(sweep)} also holds the folder {entry.name}: move or delete it first.")
    for run in runs:
        try:
            with RunFolder(run).locked():
                pass
        except RunLockedError:
            raise _in_training(run) from None
        except OSError as error:
            raise _undeletable(run, error) from None


def _is_begun(folder: Path) -> bool:
    """Whether a folder is that of a run of a sweep which ended before its config was written, and not of a person."""
    files = RunFolder(folder)
    return folder.name.isdigit() and {*folder.iterdir()} <= {files.lock, files.log}


def _delete_run(folder: Path) -> None:
    """Delete the folder of a run, and what its sweep and `outputs/` keep about it."""
    try:
        with RunFolder(folder).locked():
            _remove(folder, CONFIG)
        for rung in folder.parent.glob(f"{RUNGS}/*/{glob.escape(folder.name)}.json"):
            rung.unlink()
    except RunLockedError:
        raise _in_training(folder) from None
    except FileNotFoundError:  # it was inside another folder that has been deleted
        return
    except OSError as error:
        raise _undeletable(folder, error) from None
    forget([folder])


def _remove(folder: Path, last: str) -> None:
    """Remove a folder, and one of its files at the end: the folder can be found until all else is deleted."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != last:
            entry.unlink()
    shutil.rmtree(folder)


def _in_training(folder: Path) -> RunError:
    return RunError(f"Another process is training in {short(folder)}, so it is not deleted.")


def _undeletable(folder: Path, error: OSError) -> RunError:
    return RunError(f"{short(folder)} cannot be deleted: {error.strerror}.")
