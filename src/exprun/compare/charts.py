"""The data of the charts in the report: arms, runs and their curves as plain values in columns."""

import math
from collections.abc import Sequence
from typing import Any

from exprun import metrics as names
from exprun.compare import outcomes, sentences
from exprun.compare.analysis import Analysis
from exprun.compare.arms import fold_of, has_folds, label
from exprun.pages.rendering import PALETTE
from exprun.records import Run, shown

DIGITS = 5  # significant digits of a value in a chart
MAX_POINTS = 300_000  # values of all curves together; a page with more of them would open slowly
# The metrics with an axis or a curve of their own, next to the one that is compared.
AXES = ("val/accuracy", "val/loss", names.TRAIN_LOSS, "test/accuracy", names.SECONDS)
CURVES = ("val/loss", names.TRAIN_LOSS)


def chart_data(analysis: Analysis) -> dict[str, Any]:
    """The comparison as the scripts of the report read it.

    Runs and arms are in the order of the report, the best arm first. What there is of each run is a column with one
    entry per run. Accuracies are percentages.
    """
    found = runs_of(analysis)
    place = {id(arm): number for number, arm in enumerate(analysis.arms)}
    columns = dict.fromkeys(name for name in (analysis.metric, *AXES) if any(name in run.metrics for _, run in found))
    return {
        "metric": analysis.metric,
        "percent": _scale(analysis.metric) == 100,
        "lowIsBetter": names.is_better_low(analysis.metric),
        "palette": PALETTE,
        "factors": analysis.factors,
        "arms": {
            "name": [label(arm.levels, analysis.factors) for arm in analysis.arms],
            "levels": [[_typed(arm.runs or arm.lost, factor) for arm in analysis.arms] for factor in analysis.factors],
            "mean": [_rounded(arm.mean, analysis.metric) for arm in analysis.arms],
            "ends": [[_rounded(end, analysis.metric) for end in analysis.interval(arm)] for arm in analysis.arms],
        },
        "runs": {
            "arm": [place[id(arm)] for arm, _ in found],
            "name": [run.name for _, run in found],
            "repeat": [f"seed {repeat_of(run)}" for _, run in found],
            "status": [run.status for _, run in found],
            "reason": [run.reason for _, run in found],
            "diverged": [int(run in arm.diverged) for arm, run in found],
            "value": [
                _rounded(value, analysis.metric) if (value := value_of(analysis, run)) is not None else None
                for _, run in found
            ],
            "metrics": {
                name: [_rounded(run.metrics.get(name, math.nan), name) for _, run in found] for name in columns
            },
        },
        "curves": _curves(analysis, [run for _, run in found]),
    }


def runs_of(analysis: Analysis) -> list[tuple[Any, Run]]:
    """All runs with their arms, those without a value after the others of their arm."""
    return [(arm, run) for arm in analysis.arms for run in (*arm.runs, *arm.lost)]


def repeat_of(run: Run) -> str:
    """The seed of a run and its fold, as text."""
    return f"{run.seed}, {fold_of(run)}" if has_folds(run) else str(run.seed)


def value_of(analysis: Analysis, run: Run) -> float | None:
    """The value that a run contributes to the comparison; None if it has none."""
    return outcomes.value(run, analysis.metric)


def _curves(analysis: Analysis, runs: Sequence[Run]) -> dict[str, Any]:
    """The metrics of each epoch.

    The curve of a metric that is measured once, after the training, is that of the same metric of validation, or of the
    validation accuracy if that is not measured in each epoch either.

    Returns:
        `metrics`, the names; `points`, the epochs and steps at which some runs were evaluated; `of`, for each run the
        place of its points and the values of each metric; `kept`, of how many evaluations each is one.
    """
    own = analysis.metric.replace("best_", "").replace("test/", "val/")
    recorded = {name for run in runs for row in run.history for name in row}
    own = own if own in recorded else "val/accuracy"
    keys = [name for name in dict.fromkeys((own, *CURVES)) if name in recorded]
    total = sum(len(run.history) * len(keys) for run in runs)
    stride = max(1, math.ceil(total / MAX_POINTS))
    points: dict[tuple[tuple[float, ...], ...], int] = {}
    of: list[Any] = []
    for run in runs:
        rows = [row for row in run.history if names.EPOCH in row]
        rows = rows[:-1:stride] + rows[-1:]
        both = tuple(tuple(round(row.get(key, math.nan), 4) for row in rows) for key in (names.EPOCH, "step"))
        values = [[_rounded(row.get(key, math.nan), key) for row in rows] for key in keys]
        of.append([points.setdefault(both, len(points)), values] if rows else None)
    percent = [_scale(key) == 100 for key in keys]
    return {"metrics": keys, "percent": percent, "points": list(points), "of": of, "kept": stride}


def _typed(runs: Sequence[Run], factor: str) -> float | str:
    """The level of a factor: a number if it is one, else as it is typed in an override."""
    value = runs[0].setting(factor)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else shown(value)


def _scale(metric: str) -> float:
    return sentences.unit(metric)[0]


def _rounded(value: float, metric: str) -> float | None:
    """A value for a chart; None for one that is not finite."""
    return float(f"{_scale(metric) * value:.{DIGITS}g}") if math.isfinite(value) else None
