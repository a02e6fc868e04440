"""The report of a comparison: a table on the terminal, JSON, CSV, and one HTML file."""

import csv
import io
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from exprun.compare import outcomes
from exprun.compare.analysis import Analysis
from exprun.compare.arms import FOLD, SPLIT_SEED, Arm, has_folds, label
from exprun.compare.charts import chart_data, repeat_of, runs_of, value_of
from exprun.compare.effects import Effect
from exprun.compare.verdict import verdict
from exprun.config.errors import safe
from exprun.records import Run, shown
from exprun.run_folder import RunFolder
from exprun.text import json_text
from exprun.tracking import view
from exprun.tracking.store import is_server, server

MANY = 12  # sentences about effects that are shown at once; the others are folded
MAX_SENTENCES = 200  # of a search, there may be thousands
UI = "http://127.0.0.1:5000"  # the address of the command `ui`


def show(analysis: Analysis, file: Any = None) -> None:
    """Print the table of arms, the effects as sentences, the warnings, and the runs that did not finish."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    out = Console(highlight=False, file=file)
    total = sum(len(arm.runs) for arm in analysis.arms)
    out.print(safe(f"{analysis.metric} of {total} runs, by {', '.join(analysis.factors) or 'nothing but the seed'}"))
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for factor in analysis.factors:
        table.add_column(safe(factor), overflow="fold")
    for heading in (f"{kind(analysis)}s", "mean", "95 %", "deviation", "time"):
        table.add_column(heading, justify="right")
    for arm in analysis.arms:
        table.add_row(*(safe(cell) for cell in (*arm.levels, *cells(analysis, arm))))
    out.print(table)
    for sentence in (*analysis.sentences(), *analysis.summary()):
        out.print(safe(sentence))
    if analysis.tuned:
        out.print(safe(analysis.tuned))
    for warning in analysis.warnings:
        out.print(f"[yellow]warning[/]: {safe(warning)}")
    for run in analysis.lost:
        out.print(f"[red]{safe(run.status)}[/] {safe(run.name)}: {safe(why_lost(analysis, run))}")


def why_lost(analysis: Analysis, run: Run) -> str:
    """The reason why a run is not part of the comparison."""
    if run.status == "FINISHED" and analysis.metric in run.metrics:
        return f"its {analysis.metric} is {run.metrics[analysis.metric]:g}, and the chance level is unknown"
    if run.status == "FINISHED":
        return f"it has no {analysis.metric}"
    return run.reason or "no reason was recorded"


def cells(analysis: Analysis, arm: Arm) -> tuple[str, ...]:
    """The number of seeds, the mean, its interval, the standard deviation and the time of an arm, as text."""
    low, high = analysis.interval(arm)
    return (
        str(len(arm.values)),
        number(analysis, arm.mean) if arm.values else "–",
        "–" if math.isnan(arm.interval.half) else f"{number(analysis, low)} to {number(analysis, high)}",
        "–" if math.isnan(arm.deviation) else number(analysis, arm.deviation),
        "–" if math.isnan(arm.seconds) else f"{arm.seconds:,.0f} s",
    )


def number(analysis: Analysis, value: float) -> str:
    """The value of the metric as text; accuracies and similar metrics are percentages."""
    scale, _ = analysis.unit
    return f"{scale * value:.1f}" if scale == 100 else f"{value:.4g}"


def facts(analysis: Analysis) -> dict[str, Any]:
    """The whole comparison as plain values, for JSON; `figure` is the old name of `metric`."""
    return {
        "metric": analysis.metric,
        "figure": analysis.metric,
        "verdict": verdict(analysis),
        "factors": list(analysis.factors),
        "arms": [
            {
                "levels": dict(zip(analysis.factors, arm.levels, strict=True)),
                "values": {str(repeat): value for repeat, value in arm.values.items()},
                "folds": arm.folds,
                **_interval(arm.mean, *analysis.interval(arm)),
                "deviation": arm.deviation,
                "diverged": [run.seed for run in arm.diverged],
                "images": arm.images,
                "seconds": arm.seconds,
                "runs": [str(run.folder) for run in arm.runs],
            }
            for arm in analysis.arms
        ],
        "effects": [
            _effect(effect) | {"sentence": sentence}
            for effect, sentence in zip(analysis.effects, analysis.sentences(), strict=True)
        ],
        "margin": analysis.margin,
        "importance": [
            {"factors": list(factors), "share": share}
            for factors, share in (analysis.importance.shares if analysis.importance else ())
        ],
        "not_worse": [dict(zip(analysis.factors, arm.levels, strict=True)) for arm in analysis.best or ()],
        "summary": analysis.summary(),
        "tuned": analysis.tuned,
        "sequential": _sequential(analysis),
        "warnings": analysis.warnings,
        "lost": [{"run": str(r.folder), "status": r.status, "reason": why_lost(analysis, r)} for r in analysis.lost],
    }


def as_json(analysis: Analysis) -> str:
    """The whole comparison as JSON; unknown values are null."""
    return json_text(facts(analysis))


def as_csv(analysis: Analysis) -> str:
    """The runs as CSV, one line for each run: factors, seed, status, the value that is compared, and all final metrics.

    The value of a run that diverged is the chance level.
    """
    runs = [run for arm in analysis.arms for run in (*arm.runs, *arm.lost)]
    values = {run.folder: outcomes.value(run, analysis.metric) for arm in analysis.arms for run in arm.runs}
    folds = [FOLD, SPLIT_SEED] if any(map(has_folds, runs)) else []  # in which runs of an arm differ, besides the seed
    metrics = sorted({name for run in runs for name in run.metrics})
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*analysis.factors, "seed", *folds, "status", "compared", *metrics, "run"])
    for run in runs:
        levels = [shown(run.setting(factor)) for factor in analysis.factors]
        repeat = [run.seed, *(shown(run.setting(key)) for key in folds)]
        start = [*levels, *repeat, run.status, values.get(run.folder, "")]
        table.writerow([*start, *(run.metrics.get(name, "") for name in metrics), run.folder])
    return text.getvalue()


def _sequential(analysis: Analysis) -> dict[str, Any] | None:
    """The rule of a deciding sweep, with the seeds of its looks; None if the runs belong to none."""
    rule = analysis.rule
    return None if rule is None else {**asdict(rule), "looks": list(rule.looks.seeds)}


def _effect(effect: Effect) -> dict[str, Any]:
    return {
        "factors": list(effect.factor),
        "change": effect.change,
        **_interval(effect.mean, effect.low, effect.high),
        "seed_noise": effect.seed_half,
        "image_noise": effect.image_half if effect.images else None,
        "images": effect.images,
        "seeds": list(effect.seeds),
        "paired": effect.blocks,
        "p": effect.uncorrected,
        "p_corrected": effect.probability,
        "p_equivalent": effect.equivalence,
        "seeds_needed": effect.needed,
        "folds": effect.folds,
        "part": effect.part,
    }


def _interval(mean: float, low: float, high: float) -> dict[str, float]:
    return {"mean": mean, "low": low, "high": high}


def write_page(analysis: Analysis, path: Path, command: str) -> None:
    """Write the HTML report: one file that loads nothing from other servers.

    Args:
        analysis: the comparison to report.
        path: the path of the file; its folder is created if it does not exist.
        command: the command that repeats the comparison.

    Raises:
        OSError: the file cannot be written.
    """
    from exprun.pages.rendering import CHARTS, render

    folder = Path(__file__).parent
    sentences = _by_weight(analysis)
    page = render(
        folder / "report.html",
        chart_data(analysis),
        [*CHARTS, folder / "curves.js", folder / "report.js"],
        analysis=analysis,
        title=f"{analysis.metric} by {', '.join(analysis.factors) or 'seed'}",
        command=command,
        verdict=verdict(analysis),
        sentences=[*sentences[:MANY], *analysis.summary()],
        more=sentences[MANY:MAX_SENTENCES],
        left_out=len(sentences[MAX_SENTENCES:]),
        rows=[(arm.levels, cells(analysis, arm)) for arm in analysis.arms],
        runs=runs_of(analysis),
        diverged=any(arm.diverged for arm in analysis.arms),
        settings=_settings(analysis),
        label=lambda arm: label(arm.levels, analysis.factors),
        value_of=lambda run: value_of(analysis, run),
        number=lambda value: number(analysis, value),
        kind=kind(analysis),
        repeat_of=repeat_of,
        findings=_findings,
        why_lost=lambda run: why_lost(analysis, run),
        link=_link,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8", errors="replace")  # names of files may not be Unicode


def _by_weight(analysis: Analysis) -> list[str]:
    """The sentences about effects; of many, those that are decided come first, then the largest."""
    sentences = analysis.sentences()
    if len(sentences) <= MANY:
        return sentences
    order = sorted(range(len(sentences)), key=lambda place: _weight(analysis.effects[place]))
    return [sentences[place] for place in order]


def _weight(effect: Effect) -> tuple[bool, float]:
    return not effect.certain, -abs(effect.mean)


def _link(run: Run) -> str:
    """The address of a run in MLflow's pages, on its server or on that of the command `ui`; empty without one."""
    if not run.mlflow:
        return ""
    uri = str(RunFolder(run.folder).read_tracking().get("uri", ""))
    return f"{server(uri) if is_server(uri) else UI}{view.page(run.folder) or f'/#/runs/{run.mlflow}'}"


def kind(analysis: Analysis) -> str:
    """What runs of an arm differ in: the seed, or the fold."""
    return "seed" if all(arm.folds is None for arm in analysis.arms) else "fold"


def _settings(analysis: Analysis) -> dict[str, list[str]]:
    """The settings in which the arms differ, by key, with the value in each arm."""
    firsts = [(arm.runs or arm.lost)[0] for arm in analysis.arms]
    keys = dict.fromkeys(key for run in firsts for key in run.config)
    left_out = ("seed", FOLD, "run_dir", "progress", "pictures")
    settings = {
        key: [shown(run.config[key]) if key in run.config else "–" for run in firsts]
        for key in keys
        if key not in left_out and not key.startswith("tracking.")
    }
    return {key: values for key, values in settings.items() if len(set(values)) > 1}


def _findings(run: Run) -> list[str]:
    """The texts of the doctor's findings in a run, without notes."""
    return [str(finding.get("text", "")) for finding in run.findings if finding.get("severity") != "note"]
