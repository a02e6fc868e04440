"""The folder of a sweep, and the facts about a sweep that are passed on to its runs.

The same command finds the folder of its sweep again and reruns the sweep there: a complete run is kept, an interrupted
run resumes from its checkpoint, and a failed run is started again. Nothing here imports TensorFlow or MLflow.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from exprun.asha import RUNGS
from exprun.config.errors import ConfigError, without_password
from exprun.config.schema import Config, settings
from exprun.files import write_whole
from exprun.locks import file_lock
from exprun.outputs import OUTPUTS, REPLACED, SWEEP, runs_of_sweep
from exprun.preflight import FREE_IN_SWEEPS, OtherConfigError, differences, preflight
from exprun.run_folder import CODE, STARTED, RunFolder, RunLockedError
from exprun.tracking.environment import environment

if TYPE_CHECKING:
    from exprun.session import Session

ENVIRONMENT = "EXPRUN_SWEEP"  # environment variable that passes the sweep on to runs in other processes
NAMES = {  # the states of a run, and how the summary of a sweep names them
    "trained": "trained",
    "kept": "kept",
    "taken": "left to another process",
    "failed": "failed",
    "stopped": "not started",
}
# Overrides that may differ when a command is repeated, and the sweep is still the same. The number of trials of a
# search is one of them, but not its sampler; so is the budget of a deciding sweep, which may stop at any look.
FREE = (
    *("progress=", "sweep.budget=", "sweep.rerun=", "sweep.on_failure=", "sweep.retries=", "sweep.workers="),
    *("tracking.", "hydra"),
)
SEARCH, TRIALS = ("hydra/sweeper", "hydra.sweeper."), "hydra.sweeper.n_trials="
SEED = "seed"
FOLDS = ("data.split_seed", "data.fold")  # keys in which runs of a cross-validation are repeated, as in the seed
LOG = "sweep.log"  # file for what libraries print apart from the runs
STOPPED = "stopped"  # file by which runs on all machines learn that one failed and `sweep.on_failure=stop` ends all


@dataclass(frozen=True)
class SweepContext:
    """The facts about a sweep that are passed on to its runs.

    Args:
        name: the name of the sweep's folder.
        factors: the keys of the overrides that vary.
        parent: the identifier of the sweep's parent run in MLflow; empty without one.
        quiet: whether the runs print nothing, because a table shows them.
        search: whether a Hydra sweeper chooses the runs.
        cwd: the folder in which the command was typed.
        folder: the absolute path of the sweep's folder.
        options: the options before the overrides, such as `--config-dir`, as typed.
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
        """The tags of a run in MLflow: its sweep, the level of each factor, and all these levels together.

        Args:
            overrides: the overrides of the run.
        """
        tags = {"exprun.sweep": self.name} | ({"mlflow.parentRunId": self.parent} if self.parent else {})
        values = dict(override.split("=", 1) for override in overrides if "=" in override)
        levels = {key: values[key] for key in self.factors if key in values}
        setting = {"exprun.setting": " ".join(f"{key}={level}" for key, level in levels.items())} if levels else {}
        return tags | setting | {f"exprun.factor.{key}": level for key, level in levels.items()}

    def environment(self) -> dict[str, str]:
        """The environment variables that pass the sweep on to its runs, which may be in other processes."""
        variables = {ENVIRONMENT: json.dumps(asdict(self), ensure_ascii=False)}
        # A cluster that was started earlier does not have this variable.
        server = os.environ.get("MLFLOW_TRACKING_URI")
        return variables | ({"MLFLOW_TRACKING_URI": server} if server else {})


def announced() -> SweepContext | None:
    """The sweep whose runs this process trains; None if there is none."""
    text = os.environ.get(ENVIRONMENT)
    return SweepContext(**json.loads(text)) if text else None


def sweep_folder(overrides: Sequence[str], options: str, rerun: str) -> Path:
    """The folder of a sweep: the one that the same command made earlier, or a new one.

    Args:
        overrides: the overrides, as typed.
        options: the options before the overrides, such as `--config-dir`, as typed.
        rerun: the setting `sweep.rerun`; `always` makes a new folder.
    """
    root = OUTPUTS / "sweeps"
    root.mkdir(parents=True, exist_ok=True)
    with file_lock(root / ".lock", wait=True):  # two processes given the same sweep share one folder
        if rerun != "always":
            for folder in sorted(root.iterdir(), reverse=True):
                if _words(folder) == (_lasting(overrides), options):
                    os.utime(folder / SWEEP)  # the last sweep is the one whose file was touched last
                    return folder.resolve()
        return note(root / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}", overrides, options).resolve()


def note(folder: Path, overrides: Sequence[str], options: str) -> Path:
    """Make the folder of a sweep and record its command there; returns the folder.

    Args:
        folder: the path of the folder.
        overrides: the overrides, as typed.
        options: the options before the overrides, such as `--config-dir`, as typed.
    """
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
        command = json.loads((folder / SWEEP).read_text(encoding="utf-8"))
        return list(command["overrides"]), str(command["options"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def another_process_trains(folder: Path) -> bool:
    """Whether another process is training a run of the sweep.

    Args:
        folder: the folder of the sweep.
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
    """Move a run away if its config, code or images have changed, so that the run is trained again.

    Args:
        config: the current config of the run; only `sweep.rerun=changed` looks at code and images.
        folder: the run's folder.
        session: the session that loads the images.

    Returns:
        The change that made the run outdated; empty if the run stays, or if another process is training it.
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
    recorded, unknown = folder.read_settings()
    if unknown:
        return f"it was trained with {', '.join(unknown)}, which this version does not know"
    if difference := next(differences(recorded, settings(config), FREE_IN_SWEEPS), None):
        key, old, new = difference
        return f"{key} was {old}, not {new}"
    if config.sweep.rerun != "changed":
        return ""
    earlier, now = folder.read_environment(), environment(folder.path, "", config.model.builder)
    if earlier.get(CODE) and now[CODE] and earlier[CODE] != now[CODE]:
        return f"the code of {config.model.builder} has changed"
    for key, name in (("version", "the version of exprun"), ("commit", "the commit"), ("changes", "uncommitted code")):
        if earlier.get(key, "") != now[key]:
            return f"{name} has changed"
    return "its images have changed" if earlier.get("data_fingerprint") != session.dataset(config).fingerprint else ""


def check_run(config: Config, folder: Path, elsewhere: bool, searched: bool = False) -> None:
    """Check the files of a run of a sweep, which resumes if its folder holds the run already.

    Args:
        config: the current config of the run.
        folder: the run's folder.
        elsewhere: whether the run may be trained on another machine.
        searched: whether a sweeper chooses the runs, so that another config in the folder is not a mistake.

    Raises:
        ConfigError: a folder or file cannot be used, or the run was trained with other settings.
    """
    trainer = replace(config.trainer, resume=config.sweep.rerun != "always")
    try:
        preflight(replace(config, run_dir=str(folder), trainer=trainer), sweeping=True, elsewhere=elsewhere)
    except OtherConfigError as error:
        if searched or config.sweep.rerun == "changed" or config.sweep.name == "tuned":
            return  # the run is replaced when it starts
        raise ConfigError(f"{error} Add sweep.rerun=changed to train the runs again that differ.") from None


def kept_failed(config: Config, folder: RunFolder) -> bool:
    """Whether the run has failed before and is not started again (`sweep.rerun=never`)."""
    return folder.status == "FAILED" and config.sweep.rerun == "never"


def resumed(config: Config, folder: RunFolder) -> Config:
    """The config of a run, which resumes if the folder holds the run already."""
    return replace(config, trainer=replace(config.trainer, resume=True)) if folder.status else config
