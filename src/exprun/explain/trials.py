"""Short runs of equal seeds, images and steps, and the time that they take."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from exprun.config.errors import UserError, one_line
from exprun.config.schema import Config
from exprun.data import Dataset, Split
from exprun.explain.candidates import Candidate
from exprun.metrics import BATCH_LOSS
from exprun.run_folder import RunFolder, RunResult
from exprun.runner import run
from exprun.session import Session

EVALUATED = 1000  # validation images at most: a share of 50 % is known to ±3 points then
LEFT = 1e-3  # of their first values in the moving averages of batch norm, at the end of a run


@dataclass
class Images(Session):
    """A session whose runs validate on some of the images and leave the test set alone."""

    def dataset(self, config: Config) -> Dataset:
        """The data set of a config: training images as they are, at most `EVALUATED` to validate on, no test."""
        whole = super().dataset(config)
        rows = whole.val.rows
        some = rows[np.linspace(0, len(rows) - 1, min(len(rows), EVALUATED)).astype(int)]
        return replace(whole, val=Split(whole.val.images, whole.val.labels, some), test=None)


@dataclass(frozen=True)
class Trial:
    """What a short run gave.

    Args:
        label: of its candidate.
        stage: `rung 1`, …, `last rung` or `pair`.
        seed: of the run.
        steps: that it was to take.
        loss: of validation at the end; NaN where it failed.
        accuracy: likewise.
        training_loss: mean over about the last fifth of the steps; NaN where it failed.
        seconds: from start to end, compilation included.
        failure: why it failed, or empty.
        folder: of the run.
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
    """The next run would not end within the budget."""


@dataclass
class Pace:
    """How long runs of a candidate take, in seconds: a step, and all around the steps; a later run compiles less."""

    step: float
    around: float
    again: float | None = None

    def of(self, steps: int, runs: int = 1, compiled: bool = False) -> float:
        """Seconds of runs in a row, of which the first compiles, unless that is done."""
        again = self.around if self.again is None else self.again
        return runs * (self.step * steps + again) + (0.0 if compiled else self.around - again)


@dataclass
class Trials:
    """Takes short runs and keeps what they gave.

    Args:
        folder: with a folder for each run.
        session: of all runs.
        deadline: by `time.monotonic`.
        say: takes a line for the person who waits.
        tags: of each run in MLflow; None where nothing is to be logged.
    """

    folder: Path
    session: Images
    deadline: float
    say: Callable[[str], None]
    tags: dict[str, str] | None = None
    done: list[Trial] = field(default_factory=list)
    paces: dict[str, Pace] = field(default_factory=dict)

    @property
    def seconds_left(self) -> float:
        """Until the budget is over."""
        return self.deadline - time.monotonic()

    def pace(self, candidate: Candidate) -> Pace:
        """What is known of the time that its runs take; of one not measured yet, that of the slowest."""
        known = self.paces.get(candidate.label)
        if known is not None or not self.paces:
            return known or Pace(0.0, 0.0)
        return Pace(max(p.step for p in self.paces.values()), max(p.around for p in self.paces.values()))

    def take(self, candidate: Candidate, seed: int, steps: int, stage: str) -> Trial:
        """One run; whatever it dies of is its result.

        Raises:
            OutOfTimeError: it does not fit into the time that is left, or did not.
            Killed: a signal ended it.
        """
        compiled = bool(self.done) and self.done[-1].label == candidate.label
        if self.pace(candidate).of(steps, compiled=compiled) > self.seconds_left:
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
        self._keep_pace(candidate, result, steps, seconds)
        shown = trial.failure or f"validation accuracy {trial.accuracy:.1%}, loss {trial.loss:.4g}"
        self.say(
            f"{stage}: {candidate.label}, seed {seed}, {steps} steps in {seconds:.0f} s: {shown}; "
            f"{max(self.seconds_left, 0) / 60:.1f} min left"
        )
        return trial

    def short(self, candidate: Candidate, seed: int, steps: int, folder: Path) -> Config:
        """The config of a short run: the candidate's but for its length and what is kept of it."""
        config = candidate.config
        trainer = replace(
            config.trainer,
            # Schedules by fraction of the run follow max_steps, where there are epochs enough; the others keep theirs.
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
        tracking = replace(config.tracking, name="none")
        if self.tags is not None:
            tags = {**(config.tracking.tags or {}), **self.tags}
            name = f"{candidate.label}, seed {seed}, {steps} steps"
            tracking = replace(config.tracking, model="none", run_name=name, tags=tags)
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
        )

    def _warmup(self, config: Config, steps: int) -> float:
        """Epochs of the warm-up, as large a part of the short run as of the whole one."""
        return config.schedule.warmup_epochs * min(1.0, steps / self.steps_of(config))

    def steps_of(self, config: Config) -> int:
        """Steps of the whole run."""
        trainer = config.trainer
        steps = trainer.epochs * max(1, len(self.session.dataset(config).train) // trainer.batch_size)
        return min(steps, trainer.max_steps or steps)

    def _keep_pace(self, candidate: Candidate, result: RunResult, steps: int, seconds: float) -> None:
        """Remember how long it took; of a run that failed before its speed was known, that is at most."""
        speed = result.metrics.get("time/images_per_second")
        before = self.paces.get(candidate.label)
        if not speed:
            self.paces.setdefault(candidate.label, Pace(seconds / steps, seconds))
            return
        step = candidate.config.trainer.batch_size / speed
        around = max(0.0, seconds - steps * step)
        self.paces[candidate.label] = Pace(step, around) if before is None else Pace(step, before.around, around)


def _momentum(config: Config, steps: int) -> float | None:
    """Of the moving averages of batch norm: so low that they have arrived at the end of so few steps.

    It is used in evaluation alone, so training does not change. One above the usual 0.9 is left as it is: that it lags
    may be what is wrong.
    """
    momentum = config.norm.momentum
    if config.norm.name != "batch" or momentum is None or momentum > 0.9:
        return momentum
    return min(momentum, max(0.5, round(LEFT ** (1 / steps), 2)))


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
    """A label as part of a folder's name."""
    return "".join(c if c.isalnum() or c in "=._" else "-" for c in label)[:60]
