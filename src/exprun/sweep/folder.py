"""A sweep: its folder, in which it goes on where it was stopped, and what its runs know of it.

The same command finds its folder again. A run in it that came to its end is kept, one that was stopped goes on from its
checkpoint, one that failed is tried again. Nothing here imports TensorFlow or MLflow.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from exprun.config.errors import ConfigError, without_password
from exprun.config.schema import Config, settings
from exprun.files import write_whole
from exprun.locks import file_lock
from exprun.outputs import OUTPUTS, REPLACED, SWEEP, runs_of_sweep
from exprun.preflight import FREE_IN_SWEEPS, OtherConfigError, differences, preflight
from exprun.run_folder import CODE, STARTED, RunFolder, RunLockedError
from exprun.sweep.asha import RUNGS
from exprun.tracking.environment import environment

if TYPE_CHECKING:
    from exprun.session import Session

ENVIRONMENT = "EXPRUN_SWEEP"  # for the jobs, which may run in processes of their own
NAMES = {
    "trained": "trained",
    "kept": "kept from before",
    "taken": "left to another process",
    "failed": "failed",
    "stopped": "not started",
}
# What a repeated command may say otherwise: a search of more trials goes on too, but not one of another sampler.
FREE = ("progress=", "sweep.rerun=", "sweep.on_failure=", "sweep.retries=", "tracking.", "hydra")
SEARCH, TRIALS = ("hydra/sweeper", "hydra.sweeper."), "hydra.sweeper.n_trials="
STOPPED = "stopped"  # file that tells jobs, wherever they are, that a run failed and `sweep.on_failure=stop`


@dataclass(frozen=True)
class Sweep:
    """What the runs of a sweep know of it.

    Args:
        name: of its folder.
        factors: keys of the overrides that vary.
        parent: MLflow's run of the sweep; empty without.
        quiet: a table shows them, so they say nothing themselves.
        search: a sweeper of its own chooses the runs.
        cwd: the folder in which the command was typed.
        folder: the sweep's folder, absolute.
        options: `--config-dir` and the like, as typed.
    """

    name: str
    factors: list[str] = field(default_factory=list)
    parent: str = ""
    quiet: bool = False
    search: bool = False
    cwd: str = ""
    folder: str = ""
    options: str = ""

    def tags(self, overrides: Sequence[str]) -> dict[str, str]:
        """Of a run in MLflow: its sweep, and the values of the factors.

        Args:
            overrides: of the run.
        """
        found = {"exprun.sweep": self.name} | ({"mlflow.parentRunId": self.parent} if self.parent else {})
        values = dict(override.split("=", 1) for override in overrides if "=" in override)
        return found | {f"exprun.factor.{key}": values[key] for key in self.factors if key in values}

    def environment(self) -> dict[str, str]:
        """The environment variables that tell the jobs about their sweep: they may run in other processes."""
        found = {ENVIRONMENT: json.dumps(asdict(self), ensure_ascii=False)}
        server = os.environ.get("MLFLOW_TRACKING_URI")  # which a cluster that was started earlier does not know
        return found | ({"MLFLOW_TRACKING_URI": server} if server else {})


def announced() -> Sweep | None:
    """The sweep that this process works for, if any."""
    text = os.environ.get(ENVIRONMENT)
    return Sweep(**json.loads(text)) if text else None


def sweep_folder(overrides: Sequence[str], options: str, rerun: str) -> Path:
    """The folder of a sweep: that of the same command, or a new one.

    Args:
        overrides: as typed.
        options: `--config-dir` and the like, as typed.
        rerun: `always` takes a new folder.
    """
    root = OUTPUTS / "sweeps"
    root.mkdir(parents=True, exist_ok=True)
    with file_lock(root / ".lock", wait=True):  # two processes given the same sweep share one folder
        if rerun != "always":
            for folder in sorted(root.iterdir(), reverse=True):
                if _words(folder) == (_lasting(overrides), options):
                    os.utime(folder / SWEEP)  # the sweep that was started last
                    return folder.resolve()
        return note(root / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}", overrides, options).resolve()


def note(folder: Path, overrides: Sequence[str], options: str) -> Path:
    """Make the folder of a sweep, and note there what it is; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"overrides": _lasting(overrides), "options": options}, indent=1)
    write_whole(folder / SWEEP, text)
    return folder


def _lasting(overrides: Sequence[str]) -> list[str]:
    bare = {word: word.lstrip("+~") for word in overrides}
    return [
        without_password(word)
        for word, key in bare.items()
        if not key.startswith(FREE) or (key.startswith(SEARCH) and not key.startswith(TRIALS))
    ]


def _words(folder: Path) -> tuple[list[str], str] | None:
    try:
        note = json.loads((folder / SWEEP).read_text(encoding="utf-8"))
        return list(note["overrides"]), str(note["options"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def others_at_it(folder: Path) -> bool:
    """Whether a run of the sweep is in the hands of another process.

    Args:
        folder: of the sweep.
    """
    for run in runs_of_sweep(folder):
        files = RunFolder(run)
        if files.status == STARTED:
            try:
                with files.locked():
                    pass
            except RunLockedError:
                return True
    return False


def replaced(config: Config, folder: RunFolder, session: "Session") -> str:
    """Move a run away that is not the one that its config, code and images now make, so that it is trained anew.

    Args:
        config: of the run now; `sweep.rerun=changed` looks at code and images too.
        folder: of the run.
        session: has the images.

    Returns:
        In what it differed; empty where it stays, or another process is at it.
    """
    if folder.status != "FINISHED" and not folder.can_resume:
        return ""
    path, archive = folder.path, folder.path.parent / REPLACED
    try:
        with folder.locked():
            reason = _changed(config, folder, session)
            if reason:
                archive.mkdir(exist_ok=True)
                for rung in path.parent.glob(f"{RUNGS}/*/{path.name}.json"):
                    rung.unlink()
                path.rename(archive / f"{path.name}_{datetime.now():%Y-%m-%d_%H-%M-%S-%f}")
    except (RunLockedError, FileNotFoundError):
        return ""
    return reason


def _changed(config: Config, folder: RunFolder, session: "Session") -> str:
    before, unknown = folder.read_settings()
    if unknown:
        return f"it was trained with {', '.join(unknown)}, which this version does not know"
    if apart := next(differences(before, settings(config), FREE_IN_SWEEPS), None):
        return f"{apart[0]} was {apart[1]}, not {apart[2]}"
    if config.sweep.rerun != "changed":
        return ""
    was, now = folder.read_environment(), environment(folder.path, "", config.model.builder)
    if was.get(CODE) and now[CODE] and was[CODE] != now[CODE]:
        return f"the code of {config.model.builder} has changed"
    for key, name in (("version", "exprun"), ("commit", "commit"), ("changes", "uncommitted code")):
        if was.get(key, "") != now[key]:
            return f"its {name} has changed"
    return "its images have changed" if was.get("data_fingerprint") != session.dataset(config).fingerprint else ""


def check_run(config: Config, folder: Path, searched: bool = False) -> None:
    """Check what a run of a sweep finds on disk; a run that is there already goes on.

    Args:
        config: of the run now.
        folder: of the run.
        searched: a sweeper chooses the runs, so another config in the folder is no mistake.

    Raises:
        ConfigError: a folder or file cannot be used, or the run was trained with other settings.
    """
    trainer = replace(config.trainer, resume=config.sweep.rerun != "always")
    try:
        preflight(replace(config, run_dir=str(folder), trainer=trainer), sweeping=True)
    except OtherConfigError as error:
        if searched or config.sweep.rerun == "changed" or config.sweep.name == "tuned":
            return  # trained anew
        raise ConfigError(f"{error} Add sweep.rerun=changed to train again what differs.") from None


def kept_failed(config: Config, folder: RunFolder) -> bool:
    """Whether a run failed before and stays so: `sweep.rerun=never`."""
    return folder.status == "FAILED" and config.sweep.rerun == "never"


def resumed(config: Config, folder: RunFolder) -> Config:
    """The config of a run, which resumes if the folder holds the run already."""
    return replace(config, trainer=replace(config.trainer, resume=True)) if folder.status else config
