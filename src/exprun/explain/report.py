"""The report of a comparison: lines while it runs; at the end a table and a verdict, on the terminal and in files."""

import math
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exprun.config.errors import one_line, without_password
from exprun.config.schema import settings
from exprun.explain.candidates import AS_IT_IS, OTHER
from exprun.explain.comparison import Study
from exprun.explain.trials import EVALUATED, Trial
from exprun.explain.verdict import Summary, Verdict, summaries
from exprun.metrics import BATCH_LOSS
from exprun.run_folder import RunFolder
from exprun.seed_statistics import Interval
from exprun.text import json_text
from exprun.tracking.store import tracking_uri

HEADINGS = ("change", "steps\n× seeds", "accuracy\n%", "gain\npoints", "loss")


class Report:
    """Prints a comparison, and writes `report.json`, `report.md` and `explain.png` into its folder.

    Args:
        study: the comparison.
        quiet: whether to print only the verdict.
    """

    def __init__(self, study: Study, quiet: bool) -> None:
        self.study, self.quiet = study, quiet
        self.out = Console(highlight=False)

    def say(self, text: str) -> None:
        """Print a line without wrapping it, unless the report is quiet."""
        if not self.quiet:
            self.out.print(escape(text), soft_wrap=True)

    def beginning(self) -> None:
        """Print the findings before training, and the changes that are compared."""
        study = self.study
        if self.quiet:
            return
        for finding in study.findings:
            self.out.print(escape(str(finding)))
        if not study.findings:
            self.out.print("Nothing was found before training.")
        if study.references:
            self.out.print(escape(study.references))
        self.out.print(escape(f"Changes to compare: {'; '.join(change.label for change in study.changes) or 'none'}."))
        for refused in study.refused:
            self.out.print(escape(f"Not compared: {refused.label}: {refused.reason}"))

    def end(self, trials: Sequence[Trial], verdict: Verdict, command: str | None) -> list[Path]:
        """Print and write the result; returns the files.

        Args:
            trials: all short runs.
            verdict: the verdict on the runs.
            command: the command of a run with the change that helps; None without such a change.
        """
        rows = summaries(trials, self.study.chance.accuracy)
        study = self.study
        if not self.quiet and rows:
            self.out.print(self._title())
            table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
            for heading in self._headings():
                table.add_column(heading, justify="left" if heading == HEADINGS[0] else "right", overflow="fold")
            for row in rows:
                table.add_row(*(escape(cell) for cell in self._cells(row)))
            self.out.print(table)
            for line in _failures(rows):
                self.out.print(escape(line))
        for note in study.notes:
            self.out.print(escape(note))
        self.out.print(escape(verdict.sentence))
        files = self._write(trials, rows, verdict, command)
        if command is not None:
            self.out.print(escape(f"    continue  {command}"), soft_wrap=True)
        self.say(f"      report  {study.folder / 'report.md'}")
        return files

    def tracked(self, problem: str | None) -> None:
        """Print where the comparison is in MLflow, or why it is not there.

        Args:
            problem: the problem that kept MLflow from recording the comparison; None if there was none.
        """
        tracking = self.study.ends[0].config.tracking
        if problem is not None:
            self.out.print(escape(f"MLflow did not receive the comparison ({problem}); the report is complete."))
        elif tracking.name == "mlflow":
            local = tracking.uri is None and "MLFLOW_TRACKING_URI" not in os.environ
            shown = "python -m exprun ui" if local else without_password(tracking_uri(tracking.uri))
            self.say(f"      MLflow  {shown}")

    def _title(self) -> str:
        study = self.study
        return f"Validation on {study.chance.images:,} images; chance level is {100 * study.chance.accuracy:.1f} %"

    def _headings(self) -> tuple[str, ...]:
        return HEADINGS if len(self.study.ends) == 1 else (*HEADINGS, "share\nof gap")

    def _cells(self, row: Summary) -> tuple[str, ...]:
        gain = "" if row.label == AS_IT_IS else _spread(row.gain, 100, "+.1f")
        cells = (row.label, f"{row.steps} × {row.seeds}", _spread(row.accuracy, 100, ".1f"), gain, _loss(row))
        if len(self.study.ends) == 1:
            return cells
        share = row.shares[0]
        shown = "" if row.label in (AS_IT_IS, OTHER) or not math.isfinite(share) else f"{100 * share:.0f} %"
        return (*cells, shown)

    def _write(
        self, trials: Sequence[Trial], rows: Sequence[Summary], verdict: Verdict, command: str | None
    ) -> list[Path]:
        folder = self.study.folder
        (folder / "report.json").write_text(json_text(self._facts(trials, rows, verdict, command)), encoding="utf-8")
        (folder / "report.md").write_text(self._page(rows, verdict, command), encoding="utf-8")
        try:
            _draw(folder / "explain.png", trials, rows, self.study.chance.accuracy)
        except Exception as error:  # a comparison without its plot is still complete
            self.say(f"The plot could not be written: {one_line(error)[:160]}")
        return [path for name in ("report.json", "report.md", "explain.png") if (path := folder / name).exists()]

    def _facts(
        self, trials: Sequence[Trial], rows: Sequence[Summary], verdict: Verdict, command: str | None
    ) -> dict[str, Any]:
        study = self.study
        candidates = [*study.ends, *study.changes]
        return {
            "command": without_password(study.command),
            "verdict": verdict.sentence,
            "explained_by": verdict.label,
            "continue": command,
            "chance": study.chance.accuracy,
            "validation_images": study.chance.images,
            "steps_of_the_whole_run": study.whole,
            "references": study.references,
            "notes": study.notes,
            "findings": [asdict(finding) for finding in study.findings],
            "candidates": [
                {"label": c.label, "overrides": c.overrides, "groups": sorted(c.groups)} for c in candidates
            ],
            "not_tried": [asdict(refused) for refused in study.refused],
            "rows": [asdict(row) for row in rows],
            "runs": [asdict(trial) for trial in trials],
            "config": {key: value for key, value in settings(study.ends[0].config).items() if key != "tracking"},
        }

    def _page(self, rows: Sequence[Summary], verdict: Verdict, command: str | None) -> str:
        study, headings = self.study, self._headings()
        lines = ["# Why does it not learn?", "", f"`{without_password(study.command)}`", "", verdict.sentence, ""]
        if command is not None:
            lines += ["Continue with:", "", "```sh", command, "```", ""]
        lines += ["## Found before training", ""]
        lines += [f"- {one_line(finding)}" for finding in study.findings] or ["Nothing."]
        lines += ["", study.references]
        lines += ["", "## Measured", "", self._title() + ".", ""]
        lines += [f"| {' | '.join(headings)} |".replace("\n", " "), f"|{'---|' * len(headings)}"]
        lines += [f"| {' | '.join(self._cells(row))} |" for row in rows]
        lines += ["", *(f"- {text}" for text in [*_failures(rows), *study.notes])]
        lines += [f"- Not compared: {refused.label}: {refused.reason}" for refused in study.refused]
        lines += ["", "![curves](explain.png)", "", "## How", "", *_how(study), ""]
        return "\n".join(lines)


def _how(study: Study) -> list[str]:
    return [
        "All runs have the same images and splits, and runs with the same number of steps have the same seeds. They "
        f"train on all training images of the config and are validated on {study.chance.images:,} images (at most "
        f"{EVALUATED:,}); the test set is not used. A whole run of the config as it is has {study.whole:,} steps. "
        "Schedules that depend on the fraction of the run, and warm-ups, are scaled to the steps of a short run; other "
        "schedules are not changed. If the momentum of batch norm is 0.9 or lower, it is lowered further so that the "
        "moving averages settle in a short run, which affects only evaluation.",
        "",
        "± is half of the 95 % confidence interval over the seeds (Student's t); gains are paired by seed. Changes "
        "with fewer steps and one seed were pruned early (successive halving, arXiv:1502.07943). A run that failed "
        "counts as chance level.",
    ]


def _spread(interval: Interval, factor: float, form: str) -> str:
    if not math.isfinite(interval.mean):
        return "–"
    half = "" if math.isnan(interval.half) else f" ± {factor * interval.half:.1f}"
    return f"{factor * interval.mean:{form}}{half}"


def _loss(row: Summary) -> str:
    if row.failures:
        return "failed" if row.seeds == 1 else f"{len(row.failures)} of {row.seeds} failed"
    half = "" if math.isnan(row.loss.half) else f" ± {row.loss.half:.2g}"
    return f"{row.loss.mean:.4g}{half}"


def _failures(rows: Sequence[Summary]) -> list[str]:
    return [f"{row.label} failed: {row.failures[0]}" for row in rows if row.failures]


def _draw(path: Path, trials: Sequence[Trial], rows: Sequence[Summary], chance: float) -> None:
    """Draw the accuracy of each config with its interval, and the training loss of one of its longest runs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 2.2 + 0.35 * max(len(rows), 4)), layout="constrained")
    bars, curves = figure.subplots(1, 2)
    names = [f"{row.label.replace('$', chr(92) + '$')}  ({row.steps} × {row.seeds})" for row in rows]
    bars.barh(
        range(len(rows)),
        [100 * row.accuracy.mean for row in rows],
        xerr=[0.0 if math.isnan(row.accuracy.half) else 100 * row.accuracy.half for row in rows],
        color=["tab:blue" if row.in_full else "lightgrey" for row in rows],
        capsize=3,
    )
    bars.set_yticks(range(len(rows)), names, fontsize=8)
    bars.invert_yaxis()
    bars.axvline(100 * chance, color="black", linestyle=":", label="chance level")
    bars.set(xlabel="validation accuracy, %  (grey: pruned early)", xlim=(0, 100))
    bars.legend(fontsize=8)
    for row in rows:
        run = next(t for t in trials if t.label == row.label and t.steps == row.steps)
        points = [
            (r["step"], r["metrics"][BATCH_LOSS])
            for r in RunFolder(Path(run.folder)).read_journal()
            if BATCH_LOSS in r["metrics"]
        ]
        if points:
            curves.plot(*zip(*points, strict=True), label=row.label, linestyle="-" if row.in_full else ":", marker=".")
    curves.set(xlabel="step", ylabel="training loss", yscale="log")
    if rows:
        curves.legend(fontsize=7)
    figure.savefig(path, dpi=110)
