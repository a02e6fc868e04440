"""One run of a sweep, as Hydra's launchers start it: kept, trained, tried again, or left to another process."""

import contextlib
import gc
import math
import os
import shlex
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from exprun import garbage
from exprun.attempt import Attempt, attempt, failed
from exprun.config.errors import RunError, UserError, without_password
from exprun.config.paths import user_path
from exprun.outputs import POINTER, point
from exprun.run_folder import NOT_FINITE, RunFolder, UnreadableResultError
from exprun.sweep.folder import FOLDS, SEED, STOPPED, SweepContext, announced, kept_failed, replaced, resumed

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from exprun.config.schema import Config
    from exprun.session import Session


WAIT_SECONDS = 1.0  # pause before this process checks again a run that another process trains


class Score(float):
    """The metric that a sweeper optimises, with the state of the run as an attribute.

    Optuna's sweeper accepts only a float, so the state is an attribute of this subclass: `trained`, `kept`, `taken`
    (another process trains the run), `failed` or `stopped`.
    """

    state = "trained"

    @classmethod
    def of(cls, value: float, state: str) -> "Score":
        """A metric with the state of its run."""
        score = cls(value)
        score.state = state
        return score

    @property
    def finished(self) -> bool:
        """Whether the run is complete, or another process trains it."""
        return self.state not in ("failed", "stopped")


def job(config: "DictConfig") -> Score:
    """Run one job of a Hydra multirun.

    Returns:
        The metric that `trainer.select` names; NaN if the run has none.

    Raises:
        RunError: the launcher did not pass on the sweep, or a run of a search failed.
    """
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf, open_dict

    from exprun.config.compose import typed

    sweep = announced()
    if sweep is None:
        raise RunError(
            "a run of a sweep has no information about its sweep: the launcher must pass on hydra.job.env_set."
        )
    if sweep.cwd and Path(sweep.cwd).is_dir():
        os.chdir(sweep.cwd)  # a worker of a cluster starts in the folder in which the cluster was started
    hydra = HydraConfig.get()
    overrides = [str(text).lstrip("+") for text in hydra.overrides.task]
    if not any(o.startswith("run_dir=") for o in overrides):
        with open_dict(config):
            config.run_dir = hydra.runtime.output_dir
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    plain.pop("hydra", None)
    checked = typed({str(key): value for key, value in plain.items()}, {o.split("=")[0] for o in overrides})
    command = shlex.join(["python", "-m", "exprun", *shlex.split(sweep.options), *overrides])
    label = f"run {hydra.job.num} ({without_password(' '.join(overrides))})"
    return _of_sweep(_labelled(checked, sweep, hydra.job.num, overrides), sweep, command, label, str(hydra.job.num))


def _labelled(config: "Config", sweep: SweepContext, number: int, overrides: list[str]) -> "Config":
    """The config of a run, with the run's name and tags in MLflow, and quiet if a table shows the sweep."""
    tracking = config.tracking
    if tracking.run_name is None:
        # MLflow's column of names is narrow, so the name omits the settings that all runs share.
        repeats = (SEED, *(FOLDS if config.data.folds is not None else ()))
        vary = [o for o in overrides if o.split("=")[0] in (*sweep.factors, *repeats)]
        tracking = replace(tracking, run_name=without_password(" ".join([str(number), *vary]))[:200])
    if tracking.name == "mlflow":
        tags = {**(tracking.tags or {}), **sweep.tags(overrides)}
        if config.sweep.name == "tuned":
            tags["exprun.stage"] = "tuning" if config.seed == config.sweep.tuning_seed else "compared"
        tracking = replace(tracking, tags=tags)
    return replace(config, tracking=tracking, progress="quiet" if sweep.quiet else config.progress)


def _of_sweep(config: "Config", sweep: SweepContext, command: str, label: str, number: str) -> Score:
    """Do one run of a sweep, with retries if it fails; returns its score.

    Args:
        config: the config of the run.
        sweep: the sweep that the run belongs to.
        command: the command that repeats the run.
        label: the name of the run in messages.
        number: the number of the run in the sweep.
    """
    if config.progress != "quiet":
        print(f"{label}:", flush=True)
    folder = user_path(config.run_dir).absolute()
    home = Path(sweep.folder)
    if (home / STOPPED).exists():
        return Score.of(float("nan"), "stopped")
    pointer = home / f"{number}{POINTER}"
    with contextlib.suppress(OSError):  # the folder may not exist on a worker of another machine
        if folder.resolve() != (home / number).resolve():
            point(pointer, folder)
        else:
            pointer.unlink(missing_ok=True)
    score = _tried(config, sweep, command, label, RunFolder(folder))
    if not score.finished and config.sweep.on_failure == "stop":
        (home / STOPPED).touch()
    if sweep.search:
        while score.state == "taken":  # the sweeper needs the result before it can propose the next run
            time.sleep(WAIT_SECONDS)
            score = _tried(config, sweep, command, label, RunFolder(folder))
        if math.isnan(score):
            raise RunError(f"{label} failed.")  # Optuna counts an error as a failed trial, but NaN ends the search
    return score


def _tried(config: "Config", sweep: SweepContext, command: str, label: str, folder: RunFolder) -> Score:
    """Keep a run, leave it to another process, or train it, with up to `sweep.retries` retries; returns its score."""
    shown = config.progress != "quiet"
    try:
        # `tuned` and a search choose runs by the results of other runs, so another config is not a mistake there.
        if config.sweep.rerun == "changed" or config.sweep.name == "tuned" or sweep.search:
            reason = replaced(config, folder, shared_session())
            if reason and shown:
                print(f"  trained again: {reason}", flush=True)
    except UserError as error:
        return _scored(failed(f"{label} failed: {error}"))
    if _diverged(config, folder):
        return Score.of(float("nan"), "kept")
    if kept_failed(config, folder):
        return _scored(failed(f"{label} failed before, and sweep.rerun=never"))
    config = resumed(config, folder)
    outcome = attempt(config, command, shared_session(), label)
    for number in range(config.sweep.retries):
        if outcome.finished or _diverged(config, folder):
            break
        if shown:
            print(f"{label}, try {number + 2}:", flush=True)
        again = replace(config, trainer=replace(config.trainer, resume=True))
        outcome = attempt(again, command, shared_session(), label)
    return Score.of(float("nan"), "trained") if _diverged(config, folder) else _scored(outcome)


def _scored(outcome: Attempt) -> Score:
    return Score.of(outcome.best, outcome.state)


def _diverged(config: "Config", folder: RunFolder) -> bool:
    """Whether the run diverged in a sweep for which this is a result.

    `sweep=tuned` tests learning rates that are too high on purpose. For `sweep=decide`, the run counts as the chance
    level; trained again until it does not diverge, it would make its arm look better than it is.
    """
    tests_rate = config.sweep.name == "tuned" and config.seed == config.sweep.tuning_seed
    if not tests_rate and config.sweep.name != "decide":
        return False
    try:
        result = folder.read_result()
    except UnreadableResultError:
        return False
    return result is not None and result.status == "FAILED" and result.reason.startswith(NOT_FINITE)


@cache
def _session() -> "Session":
    from exprun.session import Session

    return Session()


def shared_session() -> "Session":
    """The session that all runs of this process share; its objects are excluded from garbage collection."""
    session = _session()
    if session.steps:
        garbage.freeze()
    return session


def clear_session() -> None:
    """Free the images and the compiled step of this process, if other processes train the runs."""
    _session.cache_clear()
    gc.collect()
