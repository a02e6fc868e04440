"""What the command `runs` prints: runs, one run, or how two runs differ, for people and as JSON and CSV."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from exprun.config.errors import safe
from exprun.config.paths import user_path
from exprun.metrics import EPOCH, TRAIN_LOSS, best_name
from exprun.outputs import OUTPUTS
from exprun.records import Run, network_of, shown
from exprun.run_folder import RunFolder
from exprun.sparkline import sparkline
from exprun.text import plural

if TYPE_CHECKING:
    from PIL.Image import Image

WIDE = 120  # columns of a terminal from which `runs` shows curves
CURVES = {TRAIN_LOSS: "train loss", "val/accuracy": "val"}  # metrics with a curve, and the headings of their columns
LOSSES = (TRAIN_LOSS, "val/loss")  # metrics in the small plot of a run
SPARK = 12  # characters of a curve at most
MISSING = "–"  # printed if a run does not have a value


def show_all(runs: Sequence[Run], most: int) -> None:
    """Print a table with one line for each run.

    Args:
        runs: the runs.
        most: the largest number of runs that are printed.
    """
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("run, below outputs/", no_wrap=True)
    table.add_column("model, data, seed", overflow="fold")
    table.add_column("status", no_wrap=True)
    for heading in ("val %", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    out = Console(highlight=False)
    curves = CURVES if out.width >= WIDE else {}
    for heading in curves.values():
        table.add_column(heading, no_wrap=True)
    for run in runs[:most]:
        accuracy, seconds = run.metrics.get("val/accuracy"), run.metrics.get("time/seconds")
        table.add_row(
            safe(run.name.removeprefix(f"{OUTPUTS}/")),
            safe(
                " ".join([network_of(run), *(shown(run.config.get(key)) for key in ("data.name", "seed")), *_fold(run)])
            ),
            safe(run.status.lower()),
            "–" if accuracy is None else f"{100 * accuracy:.1f}",
            "–" if seconds is None else f"{seconds:,.0f} s",
            *(_curve(run, name, out.encoding) for name in curves),
        )
    out.print(table)
    if len(runs) > most:
        out.print(f"{len(runs) - most:,} older runs are not shown; --most {len(runs)} shows all.")


def _curve(run: Run, name: str, encoding: str) -> str:
    """The values of a metric over the epochs of a run as a sparkline."""
    return sparkline([row[name] for row in run.history if name in row], SPARK, encoding)


def _fold(run: Run) -> list[str]:
    """The fold of a run as text, in a list that is empty without folds."""
    return [] if run.fold is None else [str(run.fold)]


def show(run: Run) -> None:
    """Print the status, environment, metrics, findings and settings of a run."""
    out = Console(highlight=False)
    out.print(safe(f"{run.name}: {run.status}{f', {run.reason}' if run.reason else ''}"))
    if start := start_of(run):
        out.print(safe(f"It started from the weights of {start}."))
    for key, value in run.environment.items():
        if value and key != "run_dir":
            out.print(safe(f"  {key:20} {value}"), soft_wrap=True)
    for name, metric in run.metrics.items():
        out.print(safe(f"  {name:20} {metric:.5g}"))
    for finding in run.findings:
        out.print(safe(str(finding.get("text", ""))))
    for key, value in run.config.items():
        if value is not None:
            out.print(safe(f"  {key:28} {shown(value)}"), soft_wrap=True)


def small_plot(run: Run) -> "Image | None":
    """The training and validation loss over the epochs as a small image; None with fewer than two epochs."""
    from exprun.small_plot import plot

    rows = [row for row in run.history if EPOCH in row]
    epochs = np.array([row[EPOCH] for row in rows])
    losses = {name: np.array([row.get(name, math.nan) for row in rows]) for name in LOSSES}
    known = {name: values for name, values in losses.items() if np.isfinite(values).sum() > 1}
    if not known:
        return None
    return plot([(epochs, values) for values in known.values()], (f"epoch {epochs[0]:g}", f"{epochs[-1]:g}"), [*known])


def start_of(run: Run) -> str:
    """The run whose weights a run started from, as in `model.weights`; empty if there is none.

    Args:
        run: the run.
    """
    weights = run.config.get("model.weights")
    if not isinstance(weights, str):
        return ""
    path = user_path(weights)
    folders = (path, path.parent.parent)  # the folder of a run, or a file in its folder `checkpoints`
    return weights if any(RunFolder(folder).exists for folder in folders) else ""


def differences(first: Run, second: Run) -> list[tuple[str, ...]]:
    """The settings and the entries of the environment in which two runs differ, each as key and both values."""
    rows: list[tuple[str, ...]] = []
    for kind, a, b in (("", first.config, second.config), ("environment.", first.environment, second.environment)):
        for key in dict.fromkeys([*a, *b]):
            values = [shown(of_run[key]) if key in of_run else MISSING for of_run in (a, b)]
            if values[0] != values[1] and key not in ("run_dir", "command"):
                rows.append((f"{kind}{key}", *values))
    return rows


def show_differences(first: Run, second: Run) -> None:
    """Print a table of the settings and metrics of two runs: the settings that differ, and all metrics."""
    out = Console(highlight=False)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("key", first.name, second.name):
        table.add_column(safe(heading), overflow="fold")
    for row in differences(first, second):
        table.add_row(*map(safe, row))
    for name in dict.fromkeys([*first.metrics, *second.metrics]):
        cells = [f"{run.metrics[name]:.5g}" if name in run.metrics else "–" for run in (first, second)]
        table.add_row(safe(name), *cells)
    out.print(table)


def show_repeated(first: Run, second: Run) -> None:
    """Print whether a repeated run has the same metrics and, if not, the differences in metrics and environment.

    Args:
        first: the run that was repeated.
        second: the repeat.
    """
    out = Console(highlight=False, soft_wrap=True)
    names = [name for name in first.metrics if name in second.metrics and not name.startswith("time/")]
    differ = [name for name in names if first.metrics[name] != second.metrics[name]]
    if not names:
        return
    if not differ:
        out.print(safe(f"repeated: all metrics are equal to those of {first.name}, in every digit."))
        return
    for name in differ:
        out.print(safe(f"  {name:24} {first.metrics[name]:.5g} before, {second.metrics[name]:.5g} now"))
    rows = [(key.removeprefix("environment."), a, b) for key, a, b in differences(first, second) if "environ" in key]
    rows = [row for row in rows if MISSING not in row]  # an older version may not have recorded an entry
    text = "; ".join(f"{key} was {a or 'none'}, not {b or 'none'}" for key, a, b in rows)
    if text:
        out.print(safe(f"Differences in the environment: {text}."))
    elif first.config.get("trainer.deterministic") is True:
        out.print("The recorded environment is the same.")
    else:
        out.print(
            "The recorded environment is the same; with trainer.deterministic=true, repeats are equal in every bit."
        )


def show_continued(first: Run, second: Run) -> None:
    """Print the metric that selects weights, before and after a run was continued.

    Args:
        first: the run that was continued.
        second: the run that started from its weights.
    """
    name = best_name(second.config.get("trainer.select", "val/accuracy"))
    if name in first.metrics and name in second.metrics:
        before, now = (f"{metrics[name]:.5g}" for metrics in (first.metrics, second.metrics))
        epochs = plural(int(second.history[-1]["epoch"]), "more epoch") if second.history else "no more epochs"
        print(f"continued: {name} was {before} in {first.name}, and is {now} after {epochs}.")
