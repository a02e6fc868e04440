"""The plots of a comparison, as SVG for the HTML report."""

import io
import re
from typing import Any

import numpy as np

from exprun.compare import outcomes, sentences
from exprun.compare.analysis import Analysis
from exprun.compare.arms import Arm, label
from exprun.metrics import TRAIN_LOSS

MAX_COLOURS = 10  # arms with a colour each; the others are grey
MAX_POINTS = 400  # points of one curve
GREY = "#999999"


def arms(analysis: Analysis) -> str:
    """Plot each run as a dot, and each arm's mean with its interval; returns the SVG."""
    shown = [arm for arm in analysis.arms if arm.values]
    figure, (axes,) = _figure(1, height=0.8 + 0.34 * len(shown))
    scale, unit = analysis.unit
    for place, arm in enumerate(shown):
        values = scale * np.array(list(arm.values.values()))
        colour = _colour(place)
        axes.plot(values, [place] * len(values), "o", color=colour, alpha=0.5, markersize=5)
        mean, ends = values.mean(), scale * np.array(analysis.interval(arm))
        error = np.abs(ends - mean)[:, None] if np.isfinite(ends).all() else None
        axes.errorbar(mean, place, xerr=error, fmt="|", color=colour, capsize=4)
    axes.set_yticks(range(len(shown)), [_short(arm, analysis) for arm in shown])
    axes.invert_yaxis()
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlabel(analysis.metric + (", %" if unit else ""))
    return _svg(figure)


def curves(analysis: Analysis) -> str:
    """Plot the metric and the training loss over the epochs; returns the SVG.

    For a metric that is measured only once, the validation metric of each epoch is plotted, or the validation accuracy
    if there is none.
    """
    per_epoch = analysis.metric.replace("best_", "").replace("test/", "val/")
    if not any(per_epoch in row for arm in analysis.arms for run in arm.runs for row in run.history):
        per_epoch = "val/accuracy"
    figure, panels = _figure(2, height=3.6)
    for axes, key in zip(panels, (per_epoch, TRAIN_LOSS), strict=True):
        scale, _ = sentences.unit(key)
        for place, arm in enumerate(analysis.arms):
            epochs, values = _history(arm, key)
            if not len(epochs):
                continue
            middle = scale * values.mean(0)
            axes.plot(epochs, middle, color=_colour(place), label=_short(arm, analysis), linewidth=1.5)
            if len(values) > 1:
                low, high = scale * values.min(0), scale * values.max(0)
                axes.fill_between(epochs, low, high, color=_colour(place), alpha=0.2, linewidth=0)
        axes.set(xlabel="epoch", ylabel=key + (", %" if scale == 100 else ""))
    if panels[0].lines and len(analysis.arms) <= MAX_COLOURS:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return _svg(figure)


def _history(arm: Arm, key: str) -> tuple[np.ndarray, np.ndarray]:
    """The epochs that all runs of an arm have, (epochs,), and the metric of each run, (runs, epochs).

    Runs that diverged are left out. At most `MAX_POINTS` epochs are returned.
    """
    runs = [run for run in arm.runs if run not in arm.diverged]
    rows = [[(row["epoch"], row[key]) for row in run.history if key in row and np.isfinite(row[key])] for run in runs]
    length = min((len(row) for row in rows), default=0)
    if not length:
        return np.array([]), np.array([])
    chosen = np.unique(np.linspace(0, length - 1, min(length, MAX_POINTS)).astype(int))
    epochs = np.array([epoch for epoch, _ in rows[0]])[chosen]
    return epochs, np.array([[value for _, value in row[:length]] for row in rows])[:, chosen]


def times(analysis: Analysis) -> str:
    """Plot the metric of each run against its seconds of training and evaluation; returns the SVG."""
    figure, (axes,) = _figure(1, height=3.4)
    scale, unit = analysis.unit
    for place, arm in enumerate(analysis.arms):
        points = [
            (run.metrics["time/seconds"], scale * value)
            for run in arm.runs
            if "time/seconds" in run.metrics and (value := outcomes.value(run, analysis.metric)) is not None
        ]
        if points:
            axes.plot(*zip(*points, strict=True), "o", color=_colour(place), label=_short(arm, analysis))
    axes.set(xlabel="seconds", ylabel=analysis.metric + (", %" if unit else ""))
    return _svg(figure)


def _short(arm: Arm, analysis: Analysis) -> str:
    text = label(arm.levels, analysis.factors).replace("$", r"\$")
    return text if len(text) < 50 else f"{text[:48]}…"


def _colour(place: int) -> str:
    return f"C{place}" if place < MAX_COLOURS else GREY


def _figure(panels: int, height: float) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, min(height, 12)), layout="constrained")
    axes = list(np.atleast_1d(figure.subplots(1, panels)))
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Any) -> str:
    """The plot as an `<svg>` element: transparent, with text as text, and without links to other servers."""
    import matplotlib

    text = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "exprun", "font.family": "sans-serif"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Type": None})
    file = text.getvalue()
    svg = file[file.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return re.sub(r'<svg ([^>]*?)height="[^"]*"([^>]*?)width="[^"]*"', r'<svg role="img" \1\2', svg, count=1)
