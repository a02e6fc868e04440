"""The outcome of a sweep for its parent run in MLflow: the comparison of its arms, and their final metrics."""

import contextlib
import logging
import math
import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from exprun.compare import report
from exprun.compare.analysis import METRIC, Analysis, analyse
from exprun.compare.arms import Arm, label
from exprun.compare.selection import select
from exprun.config.errors import UserError
from exprun.logs import logging_to
from exprun.metrics import best_name, measured
from exprun.sweep.folder import LOG
from exprun.tracking.descriptions import cut, plain
from exprun.tracking.parent import TABLE, Outcome

log = logging.getLogger(__name__)
MAX_ARMS = 50  # arms whose metrics are logged one by one, and that are listed in the description; the table has all
MAX_NAME = 200  # characters in the name of an arm's metric; MLflow accepts 250
LOGGED = ("test/accuracy",)  # metrics of arms that are logged next to the compared one
MEASURED = ("val/accuracy", "val/loss", "val/best_accuracy", *LOGGED, "test/loss", "time/seconds")


def outcome(folder: Path, status: str, summary: str) -> Outcome:
    """The outcome of a sweep; if its arms cannot be compared, the description is the reason.

    Args:
        folder: the folder of the sweep, to which `report.html` is written.
        status: the status of the sweep: `FINISHED`, `FAILED` or `KILLED`.
        summary: the number of runs by state, in words; empty if the sweep was stopped.
    """
    if status == "KILLED":
        return Outcome("The sweep was stopped before its end. The same command continues it.")
    counts = f"{summary}. " if summary else ""
    name = os.path.relpath(folder)
    command = f"python -m exprun compare {shlex.quote(name)}"
    page = folder / "report.html"
    try:
        analysis = analyse(select([name]))
        report.write_page(analysis, page, command)
        return Outcome(_description(analysis, counts, command), _metrics(analysis), _table(analysis), [page])
    except UserError as error:
        return Outcome(f"{counts}The arms of this sweep are not compared: {plain(str(error))}")
    except Exception:  # a bug in the comparison must not make a complete sweep fail
        with contextlib.suppress(OSError), logging_to(folder / LOG):
            log.exception("The arms of the sweep could not be compared")
        return Outcome(f"{counts}The arms of this sweep could not be compared.")


def _description(analysis: Analysis, counts: str, command: str) -> str:
    """The comparison in Markdown: the sentences of `compare`, its warnings, the arms, and its command."""
    # MLflow's UI shows only the first lines until a person asks for more, so the best arm is first.
    sentences = [*reversed(analysis.summary()), *analysis.sentences(), analysis.tuned]
    headings = [*analysis.factors, "seeds", f"mean of {analysis.metric}", "95 %", "deviation", "time"]
    shown = analysis.arms[:MAX_ARMS]
    left = len(analysis.arms) - len(shown)
    lines = [
        *(f"- {plain(sentence)}" for sentence in sentences if sentence),
        *(f"- **Warning:** {plain(warning)}" for warning in analysis.warnings),
        "",
        _row(map(plain, headings)),
        f"|{' --- |' * len(headings)}",
        *(_row(map(plain, (*arm.levels, *report.cells(analysis, arm)))) for arm in shown),
        "",
        *([f"{left} more arms are in `{TABLE}`.", ""] if left else []),
        f"{counts}The report is the artifact `report.html`, which `{command}` writes again.",
    ]
    return cut("\n".join(lines))


def _row(cells: Iterable[str]) -> str:
    # MLflow's UI draws tables without space between columns.
    return f"| {' &nbsp; | '.join(cells)} |"


def _selected(analysis: Analysis) -> list[str]:
    """The metrics other than accuracy that select weights in these runs, by the settings `trainer.select`."""
    found = (str(run.config.get("trainer.select", METRIC)) for arm in analysis.arms for run in arm.runs)
    return [metric for metric in dict.fromkeys(found) if metric != METRIC]


def _final(analysis: Analysis, arm: Arm) -> dict[str, float]:
    """The means over seeds of the final metrics of an arm; of the compared metric, as `compare` reports it."""
    ended = [run for run in arm.runs if run not in arm.diverged]
    means = {}
    more = [name for one in _selected(analysis) for name in (one, best_name(one), f"test/{measured(one)}")]
    for metric in dict.fromkeys((analysis.metric, *more, *MEASURED)):
        values = [run.metrics[metric] for run in ended if metric in run.metrics]
        mean = arm.mean if metric == analysis.metric else math.fsum(values) / len(values) if values else math.nan
        if math.isfinite(mean):
            means[metric] = mean
    return means


def _metrics(analysis: Analysis) -> dict[str, float]:
    """The compared metric, the best value of a metric that selects weights, and the test accuracy of the first arms.

    MLflow's UI draws a section for the part of a name before the slash, and a bar for each name in it: a section is a
    metric, and a bar an arm. MLflow does not accept all characters in names.
    """
    metrics: dict[str, float] = {}
    logged = dict.fromkeys((analysis.metric, *map(best_name, _selected(analysis)), *LOGGED))
    for number, arm in enumerate(analysis.arms[:MAX_ARMS]):
        name = re.sub(r"[^\w.\-: ]", "_", label(arm.levels, analysis.factors).replace("=", ":"), flags=re.ASCII)
        means = _final(analysis, arm)
        for metric in logged:
            key = f"arms {metric.replace('/', ' ')}/{name}"[:MAX_NAME].strip()
            if metric in means:
                metrics[f"{key} {number}" if key in metrics else key] = means[metric]
    return metrics


def _table(analysis: Analysis) -> dict[str, list[Any]]:
    """The arms as a table: levels, runs, the compared metric with its interval, and the means of other metrics."""
    rows: list[dict[str, Any]] = []
    for arm in analysis.arms:
        low, high = analysis.interval(arm)
        rows.append(
            dict(zip(analysis.factors, arm.levels, strict=True))
            | {analysis.metric: arm.mean, "95 % from": low, "95 % to": high, "deviation": arm.deviation}
            | {"seeds": len(arm.values), "diverged": len(arm.diverged), "lost": len(arm.lost)}
            | _final(analysis, arm)
        )
    columns = dict.fromkeys(column for row in rows for column in row)
    return {column: [_rounded(row.get(column)) for row in rows] for column in columns}


def _rounded(value: Any) -> Any:
    """A value for JSON, which has no NaN; numbers have 6 significant digits, as MLflow's UI shows all digits."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None
