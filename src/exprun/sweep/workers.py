"""The runs of a sweep in several worker processes, each with its share of the cores."""

import contextlib
import queue
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exprun.config.errors import ConfigError, RunError, say, without_password
from exprun.config.schema import Config
from exprun.console import duration
from exprun.metrics import heading, is_percentage, measured
from exprun.outputs import run_of_sweep
from exprun.run_folder import STARTED, RunFolder, UnreadableResultError
from exprun.signals import Killed, Signals
from exprun.sweep import gpus
from exprun.sweep.folder import LOG, NAMES, SEED, STOPPED
from exprun.sweep.job import Score
from exprun.sweep.plan import LEARNING_RATE, Job
from exprun.sweep.process import Ended, Events, Process, Said
from exprun.sweep.speeds import shares
from exprun.text import plural
from exprun.trainer import cores

PAUSE_SECONDS = 0.5  # longest time after which a signal is noticed
# Keys, and beginnings of keys, that runs may differ in and still share a compiled step.
SHARED = (SEED, LEARNING_RATE, "schedule", "data.fold", "data.split_seed", "trainer.epochs")


@dataclass
class Task:
    """A run that a worker trains.

    Args:
        number: the number of the run's folder.
        job: the overrides of the run.
        place: its place among the runs of one call.
        label: the name of the run in messages.
        tries: the number of workers that died while they trained it.
        started: the time at which a worker got it, in seconds.
    """

    number: int
    job: Job
    place: int
    label: str
    tries: int = 0
    started: float = 0.0

    @property
    def structure(self) -> tuple[str, ...]:
        """The overrides on which the compiled step depends; more than that if runs differ in other settings."""
        return tuple(word for word in self.job if not word.lstrip("+").startswith(SHARED))


class Workers:
    """Worker processes that train the runs of a sweep; as a context manager, it ends them.

    Args:
        count: the number of workers.
        config: the config of one of the runs.
        folder: the folder of the sweep.
        started: workers that have been started already, as many as `count`; empty if none have.
        events: the queue of their messages.
    """

    def __init__(
        self, count: int, config: Config, folder: Path, started: Sequence[Process] = (), events: Events | None = None
    ) -> None:
        self.config, self.folder = config, folder
        self.events: Events = events or queue.Queue()
        self.shares, self.gpus = shares(cores.allowed(), count), gpus.shares(count)
        self.places: list[Process | None] = list(started) or [None] * count
        self.setup: dict[str, Any] = {}
        self.tasks: dict[Process, Task] = {}
        self.said: set[str] = set()
        self.lost: list[RunFolder] = []  # the folders of runs whose workers died, which are not complete in MLflow
        self.is_plain = False

    @property
    def text(self) -> str:
        """The number of workers and of their cores, for people."""
        sizes = sorted({len(share) for share in self.shares})
        each = " to ".join(map(str, sizes))
        cards = len({gpu for gpu in self.gpus if gpu})
        on = f" on {plural(cards, 'GPU')}" if cards else ""
        return f"{plural(len(self.shares), 'worker')}{on} with {each} core{'' if sizes[-1] == 1 else 's'} each"

    def begin(self, is_plain: bool, config_dir: str | None, config_name: str, given: list[str]) -> None:
        """Tell the workers about the sweep.

        Args:
            is_plain: whether the start and the end of each run are printed.
            config_dir: the folder of configs that is searched first.
            config_name: the name of the root config.
            given: the overrides of the whole sweep, with those of Hydra's own settings.
        """
        self.is_plain = is_plain
        self.setup = {
            "sweep": given,
            "folder": str(self.folder),
            "config_dir": config_dir,
            "config_name": config_name,
        }
        for process in filter(None, self.places):
            process.send(self.setup)

    def start(self, count: int) -> None:
        """Start the workers that are not running.

        Args:
            count: the number of workers that are needed.
        """
        for place in range(min(count, len(self.places))):
            if self.places[place] is None:
                deterministic, log = self.config.trainer.deterministic, self.folder / LOG
                process = Process(self.shares[place], deterministic, log, self.events, self.gpus[place])
                if self.setup:
                    process.send(self.setup)
                self.places[place] = process

    def run(self, jobs: Sequence[Job], first: int) -> list[Score]:
        """Run jobs, in folders that are numbered from `first`; returns their scores.

        Raises:
            RunError: a job could not be started.
            Killed: a signal has ended the sweep; the runs are recorded up to there.
        """
        if not jobs:
            return []
        tasks = [Task(first + at, list(job), at, self._label(first + at, job)) for at, job in enumerate(jobs)]
        waiting = deque(tasks)
        scores: list[Score | None] = [None] * len(jobs)
        with Signals() as signals:
            signals.training = True  # a signal is remembered, and passed on to the workers
            while any(score is None for score in scores):
                if name := signals.seen():
                    self._stop(name)
                    raise Killed(name)
                self._assign(waiting)
                try:
                    process, message = self.events.get(timeout=PAUSE_SECONDS)
                except queue.Empty:
                    continue
                if isinstance(message, Said):
                    self._print(process, message.text)
                elif isinstance(message, Ended):
                    self._lost(process, message, waiting, scores)
                elif "killed" in message:
                    self._stop(message["killed"])
                    raise Killed(message["killed"])
                elif "error" in message:
                    self._stop("SIGTERM")
                    kind = ConfigError if message["code"] == ConfigError.exit_code else RunError
                    raise kind(message["error"])
                elif "state" in message:
                    self._done(self.tasks.pop(process), message, scores)
        return [score for score in scores if score is not None]

    def _label(self, number: int, job: Job) -> str:
        """The name of a run in messages: its number, and the overrides in which it differs from other runs."""
        of_sweep = self.setup.get("sweep", ())
        varied = [word for word in job if word not in of_sweep]
        return f"run {number} ({without_password(' '.join(varied or job))})"

    def _assign(self, waiting: deque[Task]) -> None:
        """Give the next runs to workers that have none, if possible a run whose step the worker has compiled."""
        self.start(len(waiting) + len(self.tasks))
        for process in filter(None, self.places):
            if not waiting or process in self.tasks:
                continue
            others = {other.structure for other in filter(None, self.places) if other is not process}
            task = next((task for task in waiting if task.structure == process.structure), None)
            task = task or next((task for task in waiting if task.structure not in others), waiting[0])
            waiting.remove(task)
            task.started, process.structure = time.monotonic(), task.structure
            self.tasks[process] = task
            if self.is_plain:
                print(f"{task.label}: started", flush=True)
            process.send({"run": task.number, "job": task.job})

    def _done(self, task: Task, message: dict[str, Any], scores: list[Score | None]) -> None:
        """Take the score of a run, and print it."""
        best = float("nan") if message["best"] is None else message["best"]
        scores[task.place] = Score.of(best, message["state"])
        if self.is_plain and message["state"] != "failed":
            seconds = duration(time.monotonic() - task.started)
            took = f" in {seconds}{self._best(best)}{self._why(task)}" if message["state"] == "trained" else ""
            print(f"{task.label}: {NAMES[message['state']]}{took}", flush=True)

    def _best(self, value: float) -> str:
        """A clause about the best value of the metric of `trainer.select`; empty without one."""
        select = self.config.trainer.select
        text = f"{100 * value:.1f} %" if is_percentage(select) else f"{value:.4f}"
        return f", best validation {heading(measured(select))} {text}" if value == value else ""

    def _why(self, task: Task) -> str:
        """A clause about the reason why a run ended before its last epoch; empty if it did all epochs."""
        with contextlib.suppress(UnreadableResultError):
            result = RunFolder(run_of_sweep(self.folder, task.number)).read_result()
            return f"; {result.reason}" if result and result.reason else ""
        return ""

    def _print(self, process: Process, line: str) -> None:
        """Print a line that a worker has printed, with the name of its run unless the line has it."""
        if line.startswith("exprun: "):
            if line not in self.said:
                print(line, file=sys.stderr, flush=True)
            if not line.startswith("exprun: run "):  # all workers may print the same, which is not about a run
                self.said.add(line)
        elif line:
            task = self.tasks.get(process)
            print(f"run {task.number}: {line}" if task else line, flush=True)

    def _lost(self, process: Process, ended: Ended, waiting: deque[Task], scores: list[Score | None]) -> None:
        """Replace a worker that has died, and give its run to the next worker, or let it fail."""
        if process not in self.places:  # it measured another number of workers
            return
        self.places[self.places.index(process)] = None
        task = self.tasks.pop(process, None)
        if task is None:
            return
        task.tries += 1
        reason = ended.why
        say(f"{task.label} failed: {reason}.")
        if task.tries <= self.config.sweep.retries:
            waiting.appendleft(task)
            return
        folder = RunFolder(run_of_sweep(self.folder, task.number))
        if folder.status == STARTED:
            with contextlib.suppress(OSError):
                folder.write_result("FAILED", reason, {}, [])
                self.lost.append(folder)
        if self.config.sweep.on_failure == "stop":
            (self.folder / STOPPED).touch()
        scores[task.place] = Score.of(float("nan"), "failed")

    def _stop(self, name: str) -> None:
        """Stop all runs as a signal does, and wait until they are recorded.

        Args:
            name: the name of the signal.
        """
        left = {process for process in self.places if process is not None}
        for process in left:
            process.send({"stop": name})
        while left:
            process, message = self.events.get()
            if isinstance(message, Said):
                self._print(process, message.text)
            elif isinstance(message, Ended):
                left.discard(process)
        self.places = []

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        left = [process for process in self.places if process is not None]
        for process in left:
            process.send({"end": True}) if kind is None else process.kill()
        if self.lost:
            from exprun.tracking.sync import upload_complete

            for folder in self.lost:
                upload_complete(self.config, folder)
        for process in left:
            process.wait()
        self.places = []
