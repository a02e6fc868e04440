"""Which runs are compared: the runs of the folders that a person names."""

from collections.abc import Sequence
from pathlib import Path

from exprun.config.errors import ConfigError, say
from exprun.config.paths import user_path
from exprun.outputs import LAST, OUTPUTS, all_sweeps, runs_below
from exprun.records import Run, read_run
from exprun.run_folder import RunFolder

MIN_RUNS = 2  # that can be compared


def select(places: Sequence[str], where: Sequence[str] = ()) -> list[Run]:
    """The runs of folders, in the order of their names.

    Args:
        places: folders of runs or of sweeps; `last` is the sweep that was started last.
        where: `key=value`, all of which must hold; a group's key stands for its option.

    Raises:
        ConfigError: there is no such folder, it holds no run, or fewer than two runs are left.
    """
    folders = list(dict.fromkeys(folder for place in places for folder in _folders(place)))
    runs = []
    for folder in folders:
        if (run := read_run(folder)) is not None:
            runs.append(run)
        elif RunFolder(folder).log.exists():
            say(f"{folder} is left out: its config.yaml cannot be read.")
    for condition in where:
        runs = [run for run in runs if run.holds(condition)]
    if len(runs) < MIN_RUNS:
        found = "no run" if not runs else "one run"
        said = f" with {' '.join(where)}" if where else ""
        raise ConfigError(f"There is {found} in {' '.join(places)}{said}; a comparison takes two at least.")
    return runs


def _folders(place: str) -> list[Path]:
    """The folders of runs at or below a place."""
    root = _last() if place == LAST else user_path(place).resolve()
    if not root.is_dir():
        raise ConfigError(f"{place} is no folder; name folders of runs or of sweeps, or `last`.")
    if RunFolder(root).exists:
        return [root]
    return [folder.resolve() for folder in runs_below(root)]


def _last() -> Path:
    found = all_sweeps()
    if not found:
        raise ConfigError(
            f"There is no sweep under {OUTPUTS}/ yet: train one first, for example "
            "python -m exprun -m norm=none,batch seed=0,1,2."
        )
    return found[-1].resolve()
