"""A sweep: its folder, in which it goes on where it was stopped, and what its runs know of it.

The same command finds its folder again. A run in it that came to its end is kept, one that was stopped goes on from its
checkpoint, one that failed is tried again. Nothing here imports TensorFlow or MLflow.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from exprun.config.schema import Config
from exprun.locks import file_lock
from exprun.tracking.store import OUTPUTS, without_password

NOTE = "sweep.json"
ENVIRONMENT = "EXPRUN_SWEEP"  # for the jobs, which may run in processes of their own
FREE = ("progress", "sweep.", "sweep=", "tracking.")  # what a repeated command may say otherwise


class Stopped(BaseException):
    """A run failed and `sweep.on_failure=stop`; no Exception, for Hydra keeps these and goes on."""


@dataclass(frozen=True)
class Sweep:
    """What the runs of a sweep know of it.

    Args:
        name: of its folder.
        factors: keys of the overrides that vary.
        parent: MLflow's run of the sweep; empty without.
    """

    name: str
    factors: list[str] = field(default_factory=list)
    parent: str = ""

    def tags(self, overrides: Sequence[str]) -> dict[str, str]:
        """Of a run in MLflow: its sweep, and the values of the factors.

        Args:
            overrides: of the run.
        """
        found = {"exprun.sweep": self.name} | ({"mlflow.parentRunId": self.parent} if self.parent else {})
        values = dict(override.split("=", 1) for override in overrides if "=" in override)
        return found | {f"exprun.factor.{key}": values[key] for key in self.factors if key in values}

    def announce(self) -> None:
        """Leave it to the jobs."""
        os.environ[ENVIRONMENT] = json.dumps({"name": self.name, "factors": self.factors, "parent": self.parent})


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
    words = [without_password(word) for word in overrides if not word.startswith((*FREE, "hydra"))]
    with file_lock(root / ".lock", wait=True):  # two processes given the same sweep share one folder
        if rerun != "always":
            for folder in sorted(root.iterdir(), reverse=True):
                if _words(folder) == (words, options):
                    os.utime(folder / NOTE)  # the sweep that was started last
                    return folder.resolve()
        folder = root / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"
        folder.mkdir()
        (folder / NOTE).write_text(json.dumps({"overrides": words, "options": options}, indent=1), encoding="utf-8")
    return folder.resolve()


def _words(folder: Path) -> tuple[list[str], str] | None:
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        return list(note["overrides"]), str(note["options"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def status_of(folder: Path) -> str:
    """Of a run in it: `FINISHED`, `FAILED`, `KILLED`; `STARTED` where it gave no result, empty where there is none."""
    if not (folder / "config.yaml").exists():
        return ""
    try:
        return str(json.loads((folder / "result.json").read_text(encoding="utf-8"))["status"])
    except (OSError, ValueError, KeyError, TypeError):
        return "STARTED"


def goes_on(config: Config, folder: Path) -> bool:
    """Whether a run is to be started, from its checkpoint where it has one; not where it failed and is kept so."""
    before = status_of(folder)
    if before:
        config.trainer.resume = True
    return not (before == "FAILED" and config.sweep.rerun == "never")
