"""The runs that are compared: those in the folders that a person names."""

from collections.abc import Sequence
from pathlib import Path

from exprun.config.errors import ConfigError, say
from exprun.config.paths import user_path
from exprun.outputs import LAST, OUTPUTS, all_sweeps, runs_below
from exprun.records import Run, matching, read_run
from exprun.run_folder import RunFolder

MIN_RUNS = 2  # runs in a comparison


def select(names: Sequence[str], where: Sequence[str] = ()) -> list[Run]:
    """The runs in folders, in the order of the folders' names.

    Args:
        names: the paths of folders of runs or sweeps; `last` is the last sweep.
        where: conditions such as `key=value` or `group=option`, all of which must hold.

    Raises:
        ConfigError: a folder does not exist or does not hold a run, a condition is wrong, or fewer than two runs are
            left.
    """
    folders = list(dict.fromkeys(folder for name in names for folder in _folders(name)))
    runs = []
    for folder in folders:
        if (run := read_run(folder)) is not None:
            runs.append(run)
        elif RunFolder(folder).log.exists():
            say(f"{folder} is left out: its config.yaml cannot be read.")
    runs = matching(runs, where)
    if len(runs) < MIN_RUNS:
        count = "no run" if not runs else "one run"
        conditions = f" with {' '.join(where)}" if where else ""
        raise ConfigError(f"There is {count} in {' '.join(names)}{conditions}; a comparison needs at least two.")
    return runs


def _folders(name: str) -> list[Path]:
    """The run folders at or below a path, or those of the last sweep."""
    root = _last() if name == LAST else user_path(name).resolve()
    if not root.is_dir():
        raise ConfigError(f"{name} is not a folder; name folders of runs or sweeps, or `last`.")
    if RunFolder(root).exists:
        return [root]
    return [folder.resolve() for folder in runs_below(root)]


def _last() -> Path:
    sweeps = all_sweeps()
    if not sweeps:
        raise ConfigError(
            f"There is no sweep under {OUTPUTS}/ yet: train one first, for example "
            "python -m exprun -m norm=none,batch seed=0,1,2."
        )
    return sweeps[-1].resolve()
