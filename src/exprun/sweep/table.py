"""The table of a sweep while it runs: the state, the best value of a metric and the remaining time of each run.

The table is read from the run folders, so it also shows runs of other processes and machines.
"""

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from exprun.console import duration
from exprun.metrics import heading, is_better_low, is_percentage, measured
from exprun.outputs import run_of_sweep
from exprun.run_folder import STARTED, RunFolder

SECONDS = 1.0  # between two updates of the table
OTHER_LINES = 6  # lines of the terminal that are not rows of the table
WAITING, RUNNING, FINISHED = "waiting", "running", "finished"
COLOURS = {"failed": "red", "killed": "yellow", RUNNING: "green"}


@dataclass
class Row:
    """The state of a run, as the table shows it.

    Args:
        number: the number of the run's folder.
        label: the overrides in which the run differs from the others.
        metric: the validation metric that is shown, by its name in MLflow.
        before: whether the run was complete when the sweep started.
        state: `waiting`, `running`, `finished`, `failed` or `killed`.
        step: the last step in the journal.
        steps: the number of steps of the whole run; 0 if it is not known yet.
        best: the best value of the metric so far.
        left: the remaining time in seconds; None if it is not known.
        cause: the cause of the doctor's first warning or error.
        offset: the number of bytes of the journal that have been read.
        seen: the step and the time, in seconds since 1970, of the first and the last line of the journal.
    """

    number: int
    label: str
    metric: str = "val/accuracy"
    before: bool = False
    state: str = WAITING
    step: int = 0
    steps: int = 0
    best: float | None = None
    left: float | None = None
    cause: str = ""
    offset: int = 0
    seen: list[tuple[int, float]] = field(default_factory=list)

    def look(self, folder: Path) -> None:
        """Update the row from the run's folder.

        Args:
            folder: the run's folder.
        """
        files = RunFolder(folder)
        status = files.status
        self.state = {"": WAITING, STARTED: RUNNING}.get(status, status.lower())
        journal = files.journal
        if self.offset and (not journal.exists() or journal.stat().st_size < self.offset):  # the run has started again
            self.offset, self.step, self.steps, self.best, self.seen, self.before = 0, 0, 0, None, [], False
        rows, self.offset = files.read_journal_from(self.offset)
        for row in rows:
            self.step = max(self.step, int(row["step"]))
            self.seen = [*self.seen[:1], (int(row["step"]), row["time"] / 1000)]
            value = row["metrics"].get(self.metric)
            if value is not None and math.isfinite(value):
                better = min if is_better_low(self.metric) else max
                self.best = value if self.best is None else better(self.best, value)
        if not self.steps and self.state != WAITING:
            self.steps = int(files.read_environment().get("steps") or 0)
        self.left = self._left()
        self.cause = next((str(f.get("cause", "")) for f in files.read_findings() if f.get("severity") != "note"), "")

    def _left(self) -> float | None:
        if self.state != RUNNING or not self.steps or len(self.seen) < 2:
            return None
        (first, start), (last, end) = self.seen
        if last <= first:
            return None
        return max(0.0, (self.steps - last) * (end - start) / (last - first) - (time.time() - end))


class SweepTable:
    """A context manager that shows the table of a sweep.

    Args:
        folder: the folder of the sweep.
        console: the console that shows the table; None makes one for the terminal.
        metric: the validation metric that is shown, by its name in MLflow.
    """

    def __init__(self, folder: Path, console: Console | None = None, metric: str = "val/accuracy") -> None:
        self.folder, self.metric = folder, metric
        self.console = console or Console(highlight=False)
        self.rows: list[Row] = []
        self.started = time.monotonic()
        self._live = Live(console=self.console, get_renderable=self.render, auto_refresh=False, transient=False)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def add(self, jobs: Sequence[Sequence[str]], first: int) -> None:
        """Add runs to the table.

        Args:
            jobs: the overrides of each run.
            first: the number of the first run's folder.
        """
        common = set(jobs[0]).intersection(*jobs) if len(jobs) > 1 else set()
        rows = []
        for number, job in enumerate(jobs, first):
            row = Row(number, " ".join(word for word in job if word not in common), self.metric)
            row.look(run_of_sweep(self.folder, number))
            row.before = row.state == FINISHED
            rows.append(row)
        self.rows = [*self.rows, *rows]

    def __enter__(self) -> "SweepTable":
        self._live.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._look()
        self._live.refresh()
        self._live.stop()

    def _watch(self) -> None:
        while not self._end.wait(SECONDS):
            self._look()
            self._live.refresh()

    def _look(self) -> None:
        for row in self.rows:
            row.look(run_of_sweep(self.folder, row.number))

    def render(self) -> Group:
        """The current table, with as many rows as the terminal has room for; running runs take precedence."""
        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.add_column("run", justify="right")
        table.add_column("settings", overflow="fold")
        table.add_column("state")
        for title in ("step", _title(self.metric), "left"):
            table.add_column(title, justify="right", no_wrap=True)
        table.add_column("doctor")
        room = max(3, self.console.height - OTHER_LINES)
        ranks = {RUNNING: 0, "failed": 1, "killed": 2, WAITING: 4}
        key = lambda row: (ranks.get(row.state, 3), -row.number if row.state == FINISHED else row.number)  # noqa: E731
        shown = sorted(sorted(self.rows, key=key)[:room], key=lambda row: row.number)
        for row in shown:
            table.add_row(*_cells(row))
        return Group(table, Text(self._summary(len(self.rows) - len(shown))))

    def _summary(self, hidden: int) -> str:
        done = [row for row in self.rows if row.state in (FINISHED, "failed")]
        here = [row for row in done if not row.before]
        waiting = len(self.rows) - len(done)
        text = f"{len(done)} of {len(self.rows)} runs done"
        if here and waiting:
            text += f", about {duration((time.monotonic() - self.started) / len(here) * waiting)} left"
        return text + (f"; {hidden} more not shown" if hidden else "")


def _title(metric: str) -> str:
    """The heading of the column of the metric; without a name, it is the accuracy."""
    name = "" if metric == "val/accuracy" else f" {heading(measured(metric))}"
    return f"best val{name}{' %' if is_percentage(metric) else ''}"


def _cells(row: Row) -> tuple[Any, ...]:
    colour = COLOURS.get(row.state)
    state = f"[{colour}]{row.state}[/]" if colour else row.state
    step = f"{row.step:,}/{row.steps:,}" if row.steps else "–" if not row.step else f"{row.step:,}"
    best = "–" if row.best is None else f"{100 * row.best:.1f}" if is_percentage(row.metric) else f"{row.best:.4f}"
    left = "–" if row.left is None else duration(row.left)
    return str(row.number), escape(row.label), state, step, best, left, escape(row.cause)
