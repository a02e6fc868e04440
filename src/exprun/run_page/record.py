"""The record in a run's folder as plain values for its page: curves, metrics, findings, time, settings."""

import contextlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from exprun import classification
from exprun import metrics as names
from exprun.config.compose import Composer
from exprun.config.errors import UserError
from exprun.config.options import option_names
from exprun.config.schema import GROUPS, settings
from exprun.doctor.causes import CHAIN
from exprun.doctor.instruments.chance import ChanceLevel, chance_level, chance_of_several
from exprun.doctor.probes import KINDS, Probes
from exprun.records import Run, complete, shown
from exprun.run_folder import RunFolder
from exprun.run_page.outcomes import Outcomes
from exprun.text import plural
from exprun.times import PARTS

MOST_POINTS = 1200  # of a curve; of more, the lowest and highest of each stretch are drawn
# The curves of each chart: metric in the journal, name in the chart.
CHARTS = {
    "loss": {names.BATCH_LOSS: "training, some steps", names.TRAIN_LOSS: "training, epochs", "val/loss": "validation"},
    "accuracy": {
        names.BATCH_ACCURACY: "training, some steps",
        names.TRAIN_ACCURACY: "training, epochs",
        "val/accuracy": "validation",
    },
    "learning rate": {names.LEARNING_RATE: "learning rate"},
}
SEVERITIES = {"error": "errors", "warning": "warnings", "note": "notes"}
KNOWN = {module.CAUSE.id: module.CAUSE for module in CHAIN}
QUIET = ("run_dir", "progress", "pictures", "tracking.tags")  # settings that say nothing about the training


def curves(folder: RunFolder) -> dict[str, dict[str, dict[str, list[float]]]]:
    """The curves of the journal, by chart and name, each with its steps `x` and its values `y`."""
    wanted = {metric for chart in CHARTS.values() for metric in chart}
    points: dict[str, dict[int, float]] = {metric: {} for metric in wanted}
    for row in folder.read_journal():
        for metric in wanted & row["metrics"].keys():
            points[metric][row["step"]] = row["metrics"][metric]  # a resumed run repeats some steps
    return {
        chart: {name: _thinned(points[metric]) for metric, name in kinds.items() if points[metric]}
        for chart, kinds in CHARTS.items()
    }


def _thinned(points: Mapping[int, float]) -> dict[str, list[float]]:
    """The points of a curve in ascending order; of many, the lowest and the highest of each stretch."""
    steps = sorted(points)
    values = [points[step] for step in steps]
    if len(steps) > MOST_POINTS:
        kept: set[int] = {0, len(steps) - 1}
        for part in np.array_split(np.arange(len(steps)), MOST_POINTS // 2):
            some = np.nan_to_num(np.array(values)[part], nan=np.inf)
            kept |= {int(part[some.argmin()]), int(part[some.argmax()])}
        steps, values = [steps[i] for i in sorted(kept)], [values[i] for i in sorted(kept)]
    return {"x": [float(step) for step in steps], "y": values}


def probes(folder: RunFolder) -> dict[str, Any]:
    """The measures of layers over time: the steps, and for each kind its meaning, layers and values."""
    found = Probes.read(folder.probes)
    kinds = {
        kind: {"label": meaning, "layers": list(rows), "values": [_significant(row) for row in rows.values()]}
        for kind, meaning in KINDS.items()
        if (rows := {layer: row for layer, row in found.values[kind].items() if np.isfinite(row).any()})
    }
    return {"steps": found.steps, "kinds": kinds}


def _significant(values: Iterable[float]) -> list[float]:
    """Values with four significant digits, which are enough for a colour and the text next to the pointer."""
    return [float(f"{value:.4g}") for value in values]


def chance(folder: RunFolder, run: Run) -> ChanceLevel | None:
    """The chance level of the training labels; None if their counts were not recorded."""
    recorded, gamma = folder.read_dataset(), run.config.get("loss.gamma")
    counts, means = (recorded.get(key, {}).get("training") for key in ("splits", "means"))
    gamma = gamma if isinstance(gamma, float) else 0.0
    if not counts or not sum(counts):
        return None
    if means is None:
        return chance_level(np.array(counts), gamma=gamma)
    if run.config.get("data.labels") == "several":
        return chance_of_several(np.array(means), gamma=gamma)
    return replace(chance_level(np.array(means), gamma=gamma), accuracy=max(counts) / sum(counts))


def epochs(folder: RunFolder) -> list[dict[str, float]]:
    """The metrics of each epoch in the journal: the history of a run whose process died."""
    rows: dict[int, dict[str, float]] = {}
    for row in folder.read_journal():
        rows.setdefault(row["step"], {"step": row["step"]}).update(row["metrics"])
    return [metrics for _, metrics in sorted(rows.items()) if names.EPOCH in metrics]


def best_epoch(run: Run) -> dict[str, float] | None:
    """The metrics of the epoch whose weights were selected; None if no epoch was measured."""
    selected = run.metrics.get(f"val/{names.BEST}{names.EPOCH}")
    if found := next((row for row in run.history if row.get(names.EPOCH) == selected), None):
        return found
    select = str(run.config.get("trainer.select", "val/accuracy"))
    lower = names.is_better_low(select)
    rows = [row for row in run.history if math.isfinite(row.get(select, math.nan))]
    return min(rows, key=lambda row: row[select] if lower else -row[select]) if rows else None


def findings(run: Run) -> list[dict[str, Any]]:
    """The findings of the doctor, for the macro `finding`; those of other versions may have other causes."""
    found = []
    for one in run.findings:
        overrides = one.get("overrides")
        overrides = [str(words) for words in overrides] if isinstance(overrides, list | tuple) else []
        cause = KNOWN.get(str(one.get("cause")))
        remedy = str(one.get("keras") or (cause.keras if cause is not None else ""))
        found.append(
            {
                "severity": str(one.get("severity", "note")),
                "cause": str(one.get("cause", "")),
                "where": str(one.get("where", "")),
                "step": one.get("step") if isinstance(one.get("step"), int) else None,
                "evidence": str(one.get("evidence", one.get("text", ""))),
                "why": str(one.get("why", "")),
                "remedy": "" if overrides and not (cause is not None and cause.in_code) else remedy,
                "overrides": overrides,
                "source_of_cause": str(one.get("source", "unknown")),
            }
        )
    return found


def verdict(run: Run, outcomes: Outcomes | None, level: ChanceLevel | None) -> list[str]:
    """The result of the run in a few sentences, the most important one first."""
    sentences = []
    if run.status != "FINISHED":
        how = {"FAILED": "The run failed", "KILLED": "The run was stopped"}.get(run.status, "The run has not ended")
        if run.reason.startswith("stopped "):
            sentences.append(f"The run was {run.reason}.")
        else:
            sentences.append(f"{how}{f': {run.reason}' if run.reason else ''}.")
    best, several = best_epoch(run), run.config.get("data.labels") == "several"
    if outcomes is not None and outcomes.has_several:
        count = len(outcomes.labels)
        sentences.append(
            f"For {outcomes.accuracy:.1%} of {plural(count, f'{outcomes.split} image')}, all labels are right: "
            f"{count - len(outcomes.errors):,} of {count:,}."
        )
        share = classification.accuracy(outcomes.labels, outcomes.predictions)
        sentences.append(f"{share:.1%} of the labels are right{_chance(level)}.")
    elif outcomes is not None:
        right = len(outcomes.labels) - len(outcomes.errors)
        images = plural(len(outcomes.labels), f"{outcomes.split} image")
        text = f"{outcomes.accuracy:.1%} of {images} are classified correctly"
        sentences.append(f"{text}: {right:,} of {len(outcomes.labels):,}{_chance(level)}.")
    elif best is not None and "val/accuracy" in best:
        of = "labels of validation images are right" if several else "validation images are classified correctly"
        sentences.append(f"{best['val/accuracy']:.1%} of the {of}{_chance(level)}.")
    if best is not None:
        text = f"The best weights are those after epoch {best['epoch']:g} of {run.history[-1]['epoch']:g}"
        if "train/accuracy" in best and "val/accuracy" in best:
            text += f", with {best['train/accuracy']:.1%} in training and {best['val/accuracy']:.1%} in validation"
        sentences.append(f"{text}.")
    counts = [
        plural(count, kind)
        for kind in SEVERITIES
        if (count := sum(one.get("severity") == kind for one in run.findings))
    ]
    if counts:
        sentences.append(f"The doctor found {' and '.join(counts)}.")
    elif run.setting("doctor") == "watch" and run.history:
        who = "The doctor" if run.status == "FINISHED" else "Until then, the doctor"
        sentences.append(f"{who} found nothing that keeps the network from learning.")
    return sentences


def _chance(level: ChanceLevel | None) -> str:
    if level is None:
        return ""
    what = "what is more frequent for each label" if level.constant else "the most frequent class"
    return f"; always predicting {what} gives {level.accuracy:.1%}"


def overconfidence(outcomes: Outcomes | None) -> str:
    """A sentence that compares the confidence of the predictions with their accuracy; empty without probabilities."""
    if outcomes is None or not outcomes.is_finite:
        return ""
    confidence, right = (float(values.mean()) for values in outcomes.decisions)
    points = 100 * (confidence - right)
    how = "too confident" if points > 0 else "too cautious"
    told = f"{confidence:.1%} confident on average, and {right:.1%} are right"
    return f"Predictions are {told}" + (f": {abs(points):.1f} points {how}." if abs(points) >= 1 else ".")


def metric_rows(run: Run) -> list[tuple[str, ...]]:
    """Name, value on validation images with the last weights, with the selected ones, and value on test images."""
    rows = {}
    for name in run.metrics:
        split, _, metric = name.partition("/")
        metric = metric.removeprefix(names.BEST)
        if split in ("val", "test") and "/" not in metric and metric != "epoch":
            rows[metric] = [run.metrics.get(f"{kind}{metric}") for kind in ("val/", f"val/{names.BEST}", "test/")]
    shown = lambda metric, value: "–" if value is None else number(f"val/{metric}", value)  # noqa: E731
    return [(names.heading(metric), *(shown(metric, value) for value in values)) for metric, values in rows.items()]


def number(metric: str, value: float) -> str:
    """The value of a metric for people: a percentage, or four significant digits."""
    return f"{value:.1%}" if names.is_percentage(metric) else f"{value:.4g}"


def class_rows(outcomes: Outcomes) -> list[tuple[str, list[tuple[float | None, str]]]]:
    """Each class with images, predictions, recall, precision and F1, each as a number to sort by and as text.

    Of several labels, each has its average precision, too.
    """
    found = classification.per_class(outcomes.labels, outcomes.predictions, len(outcomes.classes))
    shares = [found.recall, found.precision, found.f1]
    if outcomes.has_several and outcomes.is_finite:
        shares.append(classification.average_precisions(outcomes.labels, outcomes.logits))
    elif outcomes.has_several:
        shares.append(np.full(len(outcomes.classes), np.nan))
    rows = []
    for place, name in enumerate(outcomes.classes):
        cells: list[tuple[float | None, str]] = [
            (float(array[place]), f"{int(array[place]):,}") for array in (found.images, found.predicted)
        ]
        for array in shares:
            value = float(array[place])
            cells.append((value, f"{value:.1%}") if math.isfinite(value) else (None, "–"))
        rows.append((name, cells))
    return rows


def time_rows(times: Mapping[str, float]) -> list[tuple[str, float, float]]:
    """The parts of a run that took time: description, seconds, and share of the whole."""
    seconds = {part: times[part] for part in PARTS if part in times}
    whole = sum(seconds.values())
    return [(PARTS[part], value, value / whole) for part, value in seconds.items()] if whole else []


def changed_settings(run: Run) -> list[str]:
    """The overrides by which the config differs from the defaults: options first, then keys, as they are typed."""
    composer, known = Composer(), option_names()
    default = {group: getattr(values, "name", None) for group, values in vars(composer.config([])).items()}
    names = {group: run.config.get(f"{group}.name") for group in GROUPS}
    chosen = {
        group: str(name) for group, name in names.items() if name != default.get(group) and name in known.get(group, ())
    }
    options = [f"{group}={name}" for group, name in chosen.items()]
    usual: dict[str, Any] = {}
    for words in (options, [*options, "data.root=."], []):  # images in a folder have no default
        with contextlib.suppress(UserError):
            usual = complete(settings(composer.config(words)))
            break
    usual |= {"data.root": None} | {f"{group}.name": name for group, name in chosen.items()}
    rest = [
        f"{key}={shown(value)}"
        for key, value in run.config.items()
        if shown(value) != shown(usual.get(key)) and not key.startswith(QUIET)
    ]
    return options + rest


def all_settings(run: Run) -> list[tuple[str, str]]:
    """All settings of the run that have a value, by key."""
    return [(key, shown(value)) for key, value in run.config.items() if value is not None]


def environment_rows(run: Run) -> Sequence[tuple[str, str]]:
    """The code, versions, device and data of the run, without the command, which the page shows elsewhere."""
    return [(key, value) for key, value in run.environment.items() if value and key not in ("command", "run_dir")]
