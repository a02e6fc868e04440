"""The progress of a run on the terminal, and the table at its end."""

import logging
import math
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console as RichConsole
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from exprun import metrics as names
from exprun.classification import uneven
from exprun.config.schema import Config
from exprun.pages.frame import is_notebook
from exprun.sparkline import sparkline
from exprun.text import folded
from exprun.trainer.events import Diagnosed, EpochDone, Evaluated, Event, Profiled, RunEnded, RunStarted, StepsDone

if TYPE_CHECKING:
    from exprun.data import Dataset

log = logging.getLogger(__name__)
NARROW = 80  # columns of a terminal; a narrower one shows only the bar, the epoch and the loss
WIDE = 120  # columns of a terminal from which the bar has a sparkline of the loss and of the validation metric
SPARK = 12  # characters of a sparkline at most
SPARK_POINTS = 600  # values of the training loss that are kept for it; more are thinned to half
PROFILE_ROWS = 12  # rows of a profile's table; the other parts are summed in one more row
PLAIN_SECONDS = 10.0  # shortest time between two plain lines within an epoch


class _Out(RichConsole):
    """A console that stops printing if its reader closes the pipe, so that training continues."""

    def on_broken_pipe(self) -> None:
        """Stop printing; rich would end the process."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Thinned:
    """Values over all of a run: the means of equal parts, whose number stays below `SPARK_POINTS`."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self._part: list[float] = []
        self._size = 1

    def extend(self, values: Iterable[float]) -> None:
        """Add values."""
        for value in values:
            self._part.append(value)
            if len(self._part) < self._size:
                continue
            self.values.append(sum(self._part) / self._size)
            self._part.clear()
            if len(self.values) == SPARK_POINTS:
                self.values = [(a + b) / 2 for a, b in zip(self.values[::2], self.values[1::2], strict=True)]
                self._size *= 2


class Console:
    """Prints the events of a run: a progress bar on a terminal, plain lines elsewhere, only warnings when quiet.

    Args:
        config: the config of the run.
        name: the name of the run.
        folder: the run's folder.
    """

    def __init__(self, config: Config, name: str, folder: Path) -> None:
        self.config, self.name, self.folder = config, name, folder
        # The stream is kept from now on, because standard error is redirected to the log file later.
        # In a notebook, Rich would make an output of each line, which does not wrap; the bar would leave pieces behind.
        is_terminal = False if is_notebook() else None  # None: Rich finds out
        self.out = _Out(
            file=sys.stdout, highlight=False, soft_wrap=True, force_jupyter=False, force_terminal=is_terminal
        )
        self.mode = config.progress
        if self.mode == "auto":
            self.mode = "rich" if self.out.is_terminal else "plain"
        self.progress: Progress | None = None
        self.task: Any = None
        self.last_line = 0.0
        self.last_speed = 0.0
        self.epoch: EpochDone | None = None
        self.total = 0
        self.uneven = False
        self.train_losses = Thinned()
        self.selected: list[float] = []  # the validation metric that selects weights, of each evaluation

    def say(self, text: str) -> None:
        """Print one line unless quiet, and log it.

        Args:
            text: the line, which is printed as it is, without markup.
        """
        log.info("%s", text)
        if self.mode != "quiet":
            self._print(text)

    def warn(self, text: str) -> None:
        """Print one line even when quiet, and log it as a warning.

        Args:
            text: the line, which is printed as it is, without markup.
        """
        log.warning("%s", text)
        self._print(text)

    def _print(self, text: str) -> None:
        """Print a line, which a terminal shows without breaking words, and all else gets as it is."""
        out = self.progress.console if self.progress else self.out
        lines = folded(text.splitlines(), out.width if out.is_terminal else None)
        out.print(escape("\n".join(lines)), soft_wrap=True)

    def __call__(self, event: Event) -> None:
        """Print an event."""
        match event:
            case RunStarted():
                self._started(event)
            case StepsDone():
                self._steps(event)
            case Profiled():
                self._profiled(event)
            case EpochDone():
                self.epoch = event
            case Evaluated(split="val"):
                self.selected.append(self._value_of(event))
                self._evaluated(event)
            case Diagnosed():
                self.warn(f"doctor: {event.text}")
            case RunEnded():
                self.close()

    def close(self) -> None:
        """Remove the progress bar."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None

    def _started(self, event: RunStarted) -> None:
        self.total = event.total_steps
        self.say(
            f"{self.name}: {event.parameters:,} parameters, {event.steps_per_epoch} steps per epoch, "
            f"{event.precision} on {event.device}"
        )
        if self.mode == "rich":
            left, right = "{task.fields[epoch]}", "{task.fields[loss]}"
            if self.out.width >= NARROW:
                left = f"epoch {left}"
                right = (  # lr: the learning rate, short because a terminal is narrow
                    "loss {task.fields[losses]}{task.fields[loss]}  accuracy {task.fields[accuracy]}  "
                    "{task.fields[selected]}lr {task.fields[rate]} {task.fields[speed]} images/s"
                )
            self.progress = Progress(
                TextColumn(left),
                BarColumn(bar_width=None),
                TextColumn(right),
                TimeRemainingColumn(compact=True),
                console=self.out,
                expand=True,
            )
            self.progress.start()
            empty: dict[str, Any] = {"loss": "–", "accuracy": "–", "rate": "–", "speed": "–"}
            empty |= {"losses": "", "selected": ""}
            self.task = self.progress.add_task(
                "", total=event.total_steps, completed=event.first_step, epoch="0", **empty
            )

    def _steps(self, event: StepsDone) -> None:
        self.last_speed = event.images_per_second or self.last_speed
        shown: dict[str, Any] = {
            "epoch": f"{event.epoch:.1f}/{self.config.trainer.epochs}",
            "loss": f"{event.losses.mean():.4f}",
            "accuracy": f"{event.accuracies.mean():.3f}",
            "rate": f"{event.rates[-1]:.3g}",
            "speed": f"{self.last_speed:,.0f}" if self.last_speed else "–",
        }
        self.train_losses.extend(event.losses.tolist())
        if self.progress is not None:
            self.progress.update(self.task, completed=event.step, **shown, **self._sparklines())
        elif self.mode == "plain" and time.monotonic() - self.last_line > PLAIN_SECONDS:
            self.last_line = time.monotonic()
            self.say(
                f"epoch {shown['epoch']}  step {event.step}/{self.total}  loss {shown['loss']}  "
                f"accuracy {shown['accuracy']}  learning rate {shown['rate']}"
                + (f"  {shown['speed']} images/s" if self.last_speed else "")
            )

    def _sparklines(self) -> dict[str, Any]:
        """The curves in the progress bar: of the training loss, and of the validation metric; empty if it is narrow."""
        if self.out.width < WIDE:
            return {}
        curves = {"losses": f"{sparkline(self.train_losses.values, SPARK, self.out.encoding)} "}
        if len(self.selected) > 1:
            metric = names.heading(names.measured(self.config.trainer.select))
            line = sparkline(self.selected, SPARK, self.out.encoding)
            curves["selected"] = f"val {metric} {line}  "
        return curves

    def _value_of(self, event: Evaluated) -> float:
        """The value of the metric of `trainer.select` in an evaluation; NaN if it was not measured."""
        name = names.measured(self.config.trainer.select)
        return {"loss": event.loss, "accuracy": event.accuracy, **event.more}.get(name, math.nan)

    def _evaluated(self, event: Evaluated) -> None:
        epoch = self.epoch
        whole = epoch is not None and epoch.step == event.step
        train = f"training loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.3f}   " if epoch and whole else ""
        best = "  best so far" if event.best else ""
        hidden = {names.BALANCED_ACCURACY, names.MACRO_F1} - {names.measured(self.config.trainer.select)}
        hidden -= {names.BALANCED_ACCURACY} if self.uneven else set()
        shown = {names.heading(name): value for name, value in event.more.items() if name not in hidden}
        more = "".join(f"  {name} {value:.4g}" for name, value in shown.items())
        self.last_line = time.monotonic()
        self.say(
            f"epoch {event.epoch:.4g}/{self.config.trainer.epochs}   {train}"
            f"validation loss {event.loss:.4f}  accuracy {event.accuracy:.3f}{more}{best}"
        )

    def _profiled(self, event: Profiled) -> None:
        """Print the time that each part of the network takes in a step: the slowest parts, then the sum of the rest."""
        if self.mode == "quiet":
            return
        if not event.parts:
            self.warn(
                f"{self.name}: too few steps for a profile, because the first two calls of the step compile it: "
                "train longer, or leave out trainer.profile"
            )
            return
        total = sum(part.forward + part.backward for part in event.parts) or 1.0
        table = Table(
            title=f"{self.name}: a step takes {event.milliseconds:,.1f} ms (mean of {event.steps}); processor time:",
            title_justify="left",
        )
        for heading in ("", "forward", "backward", "share"):
            table.add_column(heading, justify="right" if heading else "left")
        rest = event.parts[PROFILE_ROWS:]
        rows = [(part.name, part.forward, part.backward) for part in event.parts[:PROFILE_ROWS]]
        if rest:
            name = f"{len(rest)} more"
            rows.append((name, sum(part.forward for part in rest), sum(part.backward for part in rest)))
        for name, forward, backward in rows:
            table.add_row(name, f"{forward:,.2f} ms", f"{backward:,.2f} ms", f"{(forward + backward) / total:.1%}")
        out = self.progress.console if self.progress else self.out
        out.print(table)
        out.print(f"  for TensorBoard: {event.folder}", markup=False, highlight=False, soft_wrap=True)

    def describe(self, dataset: "Dataset", seconds: float) -> None:
        """Print the splits of a data set, and log the files that were left out of it.

        Args:
            dataset: the data set of the run.
            seconds: the time that loading took.
        """
        for line in dataset.remarks():
            self.warn(line)
        for path, reason in dataset.left_out:
            log.warning("left out %s: %s", path, reason)
        for line in dataset.skipped:
            log.warning("skipped %s", line)
        self.uneven = uneven(dataset.train.row_labels, len(dataset.classes))
        height, width, channels = dataset.image_shape
        splits = [(dataset.train, "training"), (dataset.val, "validation"), (dataset.test, "test")]
        counts = ", ".join(f"{len(split):,} {name}" for split, name in splits if split is not None)
        self.say(
            f"{self.name}: {counts} images of {height}×{width}×{channels}, {len(dataset.classes)} classes, "
            f"ready in {seconds:.1f} s"
        )

    def _columns(self, metrics: dict[str, float]) -> list[str]:
        """The columns of the table at the end: the names of the metrics, without the prefix of a row.

        Args:
            metrics: the final metrics.
        """
        columns, selected = ["loss", "accuracy"], names.measured(self.config.trainer.select)
        if self.config.data.labels == "several":
            columns += [names.SUBSET_ACCURACY, names.MACRO_F1]
        elif self.config.data.labels == "ordered":
            columns += [names.MEAN_ABSOLUTE_ERROR, names.KAPPA]
        elif self.uneven:
            columns += [names.BALANCED_ACCURACY, names.MACRO_F1]
        if selected not in columns and f"val/{selected}" in metrics:
            columns.append(selected)
        return columns

    def summary(self, status: str, reason: str, metrics: dict[str, float], hints: list[tuple[str, str]]) -> None:
        """Print the table at the end of a run.

        Args:
            status: `FINISHED`, `FAILED` or `KILLED`.
            reason: the reason why the run ended before its last epoch; empty if it did all epochs.
            metrics: the final metrics.
            hints: further rows as pairs of label and text: paths, and commands to type next.
        """
        if self.mode == "quiet":
            return
        table = Table(
            title=escape(f"{self.name}: {status.lower()}{': ' + reason if reason else ''}"),
            title_justify="left",
        )
        columns = self._columns(metrics)
        table.add_column("")
        for name in columns:
            table.add_column(names.heading(name).replace(" ", "\n"), justify="right")

        def row(label: str, prefix: str) -> None:
            if f"{prefix}loss" in metrics:
                table.add_row(label, *(_cell(f"{prefix}{name}", metrics) for name in columns))

        row("training, last epoch", "train/")
        row("training images in inference mode", "train/inference_")
        row("training images, evaluation's preprocessing", "train/evaluated_")
        row("validation, last epoch", "val/")
        row("validation under attack, last epoch", "val/adversarial_")
        row(f"validation, best (epoch {metrics.get('val/best_epoch', 0):.4g})", "val/best_")
        row("test, at the best validation", "test/")
        row("test, mean over views", "test/tta_")
        row("test under attack", "test/adversarial_")
        if table.row_count:
            self.out.print(table)
        else:
            self.out.print(table.title)
        seconds, speed = metrics.get("time/seconds"), metrics.get("time/images_per_second")
        lines = []
        if seconds is not None:
            lines.append(
                (
                    "time",
                    f"{duration(seconds)} of training and evaluation" + (f", {speed:,.0f} images/s" if speed else ""),
                )
            )
        if "train/evaluated_accuracy" in metrics:
            lines += [
                ("gap", _gap(metrics, "accuracy", 100, ".1f", " points")),
                ("", _gap(metrics, "loss", 1, ".3g", "")),
            ]
        for label, text in [*lines, *hints]:
            self.out.print(f"{label:>8}  {escape(text)}")


def _cell(metric: str, metrics: dict[str, float]) -> str:
    """The value of a metric as text; empty if it was not measured."""
    if metric not in metrics:
        return ""
    return f"{metrics[metric]:.2%}" if names.is_percentage(metric) else f"{metrics[metric]:.4f}"


def _gap(metrics: dict[str, float], metric: str, factor: float, form: str, unit: str) -> str:
    """The gap between a metric in training and in validation, in the last epoch, as a sum of its three parts.

    Args:
        metrics: the final metrics of the run.
        metric: `loss` or `accuracy`.
        factor: the factor by which values are multiplied before they are printed.
        form: the format of a number.
        unit: the unit that is printed after the gap.
    """
    prefixes = ("train/", "train/inference_", "train/evaluated_", "val/")
    train, inference, evaluated, val = (factor * metrics[prefix + metric] for prefix in prefixes)
    steps = [f"{value:+{form}}" for value in (val - train, inference - train, evaluated - inference, val - evaluated)]
    return (
        f"{metric} from training to validation {steps[0]}{unit} = {steps[1]} inference mode at the epoch's end "
        f"{steps[2]} other preprocessing {steps[3]} images not trained on"
    )


def duration(seconds: float) -> str:
    """A time in seconds as text: "5.0 s", "2 min 5 s" or "1 h 4 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
