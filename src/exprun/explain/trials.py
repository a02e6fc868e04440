"""Short runs with equal seeds, images and steps, and the time that they take."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from exprun.config.errors import UserError, one_line
from exprun.config.schema import Config
from exprun.data import Dataset
from exprun.explain.candidates import Candidate
from exprun.metrics import BATCH_LOSS
from exprun.run_folder import RunFolder
from exprun.run_result import RunResult
from exprun.runner import run
from exprun.session import Session

EVALUATED = 1000  # validation images, at most; they show an accuracy of 50 % to ±3 points
REMAINING = 1e-3  # share of its first value that remains in a moving average of batch norm at the end of a run


@dataclass
class TrialSession(Session):
    """A session whose runs validate on some of the validation images and do not use the test set."""

    def dataset(self, config: Config) -> Dataset:
        """The data set of a config with all training images, at most `EVALUATED` validation images and no test set."""
        whole = super().dataset(config)
        rows = whole.val.rows
        some = rows[np.linspace(0, len(rows) - 1, min(len(rows), EVALUATED)).astype(int)]
        return replace(whole, val=replace(whole.val, rows=some), test=None)


@dataclass(frozen=True)
class Trial:
    """The result of a short run.

    Args:
        label: the label of the candidate.
        stage: the stage of the comparison: `pace`, `rung 1`, …, `last rung` or `pair`.
        seed: the seed of the run.
        steps: the number of steps that the run was given.
        loss: the validation loss at the end; NaN if the run failed.
        accuracy: the validation accuracy at the end; NaN if the run failed.
        training_loss: the mean training loss over about the last fifth of the steps; NaN if the run failed.
        seconds: the seconds from start to end, including compilation.
        failure: why the run failed; empty if it did not.
        folder: the run folder.
    """

    label: str
    stage: str
    seed: int
    steps: int
    loss: float
    accuracy: float
    training_loss: float
    seconds: float
    failure: str
    folder: str


class OutOfTimeError(Exception):
    """The next run would not end within the time."""


@dataclass
class RunTime:
    """The time that the runs of a candidate take.

    Args:
        step: the seconds of a step.
        around: the seconds of everything else in a run, including compilation.
        again: the seconds of everything else in a later run, which compiles less; None before a second run.
    """

    step: float
    around: float
    again: float | None = None

    def of(self, steps: int, runs: int = 1, compiled: bool = False) -> float:
        """The seconds of several runs in a row.

        Args:
            steps: the number of steps of each run.
            runs: the number of runs.
            compiled: whether the first run finds everything compiled.
        """
        again = self.around if self.again is None else self.again
        return runs * (self.step * steps + again) + (0.0 if compiled else self.around - again)


@dataclass
class Trials:
    """Executes short runs and keeps their results.

    Args:
        folder: the folder in which each run gets its run folder.
        session: the session that all runs share.
        deadline: the end of the time, in seconds of `time.monotonic`.
        say: prints a line about the progress.
        tags: the tags of each run in MLflow; None to log nothing there.
    """

    folder: Path
    session: TrialSession
    deadline: float
    say: Callable[[str], None]
    tags: dict[str, str] | None = None
    done: list[Trial] = field(default_factory=list)
    run_times: dict[str, RunTime] = field(default_factory=dict)

    @property
    def seconds_left(self) -> float:
        """The seconds until the deadline."""
        return self.deadline - time.monotonic()

    def run_time(self, candidate: Candidate) -> RunTime:
        """The time that the runs of a candidate take; if it was not measured yet, the time of the slowest candidate."""
        measured = self.run_times.get(candidate.label)
        if measured is not None or not self.run_times:
            return measured or RunTime(0.0, 0.0)
        return RunTime(max(p.step for p in self.run_times.values()), max(p.around for p in self.run_times.values()))

    def take(self, candidate: Candidate, seed: int, steps: int, stage: str) -> Trial:
        """Execute one short run; a run that fails also has a result.

        Raises:
            OutOfTimeError: the run would not fit into the time that is left, or did not fit.
            Killed: a signal ended the run.
        """
        compiled = bool(self.done) and self.done[-1].label == candidate.label
        if self.run_time(candidate).of(steps, compiled=compiled) > self.seconds_left:
            raise OutOfTimeError(candidate.label)
        folder = self.folder / f"{len(self.done):02d}-{_as_name(candidate.label)}-{seed}"
        config = self.short(candidate, seed, steps, folder)
        started = time.monotonic()
        try:
            result = run(config, self.session)
        except Exception as error:
            text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {one_line(error)[:200]}"
            result = RunResult("FAILED", text, {}, [], folder)
        seconds = time.monotonic() - started
        if result.reason.startswith("trainer.max_seconds"):
            raise OutOfTimeError(candidate.label)
        trial = _trial(candidate.label, stage, seed, steps, seconds, result)
        self.done.append(trial)
        self._keep_run_time(candidate, result, steps, seconds)
        shown = trial.failure or f"validation accuracy {trial.accuracy:.1%}, loss {trial.loss:.4g}"
        self.say(
            f"{stage}: {candidate.label}, seed {seed}, {steps} steps in {seconds:.0f} s: {shown}; "
            f"{max(self.seconds_left, 0) / 60:.1f} min left"
        )
        return trial

    def short(self, candidate: Candidate, seed: int, steps: int, folder: Path) -> Config:
        """The config of the candidate, changed so that a run is short and keeps no more files than necessary."""
        config = candidate.config
        trainer = replace(
            config.trainer,
            # With enough epochs, schedules by fraction of the run follow max_steps; other schedules do not change.
            epochs=max(config.trainer.epochs, steps),
            max_steps=steps,
            max_seconds=max(self.seconds_left, 1.0),
            patience=None,
            log_every=max(1, steps // 5),
            checkpoint=False,
            resume=False,
            dry_run=False,
            profile=False,
            gap=False,
            tta="none",
        )
        tracking = replace(config.tracking, name="none", also=[])
        if self.tags is not None:
            tags = {**(config.tracking.tags or {}), **self.tags}
            name = f"{candidate.label}, seed {seed}, {steps} steps"
            tracking = replace(config.tracking, model="none", run_name=name, tags=tags, also=[])
        return replace(
            config,
            seed=seed,
            trainer=trainer,
            tracking=tracking,
            schedule=replace(config.schedule, warmup_epochs=self._warmup(config, steps)),
            norm=replace(config.norm, momentum=_momentum(config, steps)),
            doctor=replace(config.doctor, name="none"),
            run_dir=str(folder),
            progress="quiet",
            pictures=False,
        )

    def _warmup(self, config: Config, steps: int) -> float:
        """The epochs of the warm-up: the same fraction of the short run as of the whole run."""
        return config.schedule.warmup_epochs * min(1.0, steps / self.steps_of(config))

    def steps_of(self, config: Config) -> int:
        """The number of steps of the whole run."""
        trainer = config.trainer
        steps = trainer.epochs * max(1, len(self.session.dataset(config).train) // trainer.batch_size)
        return min(steps, trainer.max_steps or steps)

    def _keep_run_time(self, candidate: Candidate, result: RunResult, steps: int, seconds: float) -> None:
        """Remember how long a run took.

        If the run failed before its speed was known, its whole duration counts twice, as the time of the steps and as
        the time of everything else. So the remembered time is too long rather than too short.
        """
        speed = result.metrics.get("time/images_per_second")
        earlier = self.run_times.get(candidate.label)
        if not speed:
            self.run_times.setdefault(candidate.label, RunTime(seconds / steps, seconds))
            return
        step = candidate.config.trainer.batch_size / speed
        around = max(0.0, seconds - steps * step)
        self.run_times[candidate.label] = (
            RunTime(step, around) if earlier is None else RunTime(step, earlier.around, around)
        )


def _momentum(config: Config, steps: int) -> float | None:
    """The momentum of batch norm's moving averages, lowered so that they settle within `steps` steps.

    Only evaluation uses the averages, so training does not change. A momentum above the usual 0.9 is kept, because it
    may be the cause that the comparison looks for.
    """
    momentum = config.norm.momentum
    if config.norm.name != "batch" or momentum is None or momentum > 0.9:
        return momentum
    return min(momentum, max(0.5, round(REMAINING ** (1 / steps), 2)))


def _trial(label: str, stage: str, seed: int, steps: int, seconds: float, result: RunResult) -> Trial:
    nan = float("nan")
    last = result.history[-1] if result.history else {}
    failure = "" if result.status == "FINISHED" else result.reason
    loss, accuracy = (nan if failure else last.get(f"val/{name}", nan) for name in ("loss", "accuracy"))
    if not failure and not np.isfinite(loss):
        failure, accuracy = f"the validation loss is {loss}", nan
    rows = [
        row["metrics"][BATCH_LOSS] for row in RunFolder(result.run_dir).read_journal() if BATCH_LOSS in row["metrics"]
    ]
    training = rows[-1] if rows and not failure else nan
    return Trial(label, stage, seed, steps, loss, accuracy, training, seconds, failure, str(result.run_dir))


def _as_name(label: str) -> str:
    """A label as a part of a folder's name."""
    return "".join(c if c.isalnum() or c in "=._" else "-" for c in label)[:60]
