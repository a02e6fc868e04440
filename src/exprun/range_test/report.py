"""The report on a range test: sentences, a table on the terminal, JSON, a small plot, and an HTML page."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exprun.config.errors import safe
from exprun.config.schema import Config
from exprun.range_test.measure import RangeTest
from exprun.range_test.suggestion import GROWN, PLACE, Curve, Range, decided, judge, per_decade, smoothed
from exprun.text import joined, json_text, plural

if TYPE_CHECKING:
    from PIL.Image import Image

ROWS_PER_DECADE = 2  # of the table
CLOSE = 2.0  # factor within which the configured learning rate is as good as the suggestion
DIGITS = 5  # significant digits of values in a chart


@dataclass(frozen=True)
class Report:
    """The result of a range test, with its report.

    Args:
        config: the config of the run.
        test: the curves.
        overrides: the overrides of the command, as a person typed them.
    """

    config: Config
    test: RangeTest
    overrides: str

    @cached_property
    def found(self) -> Range | None:
        """The range that learns; None if the network learns at no learning rate."""
        return decided(judge(self.test.curves, self.test.chance), self.test.trials)

    @property
    def word(self) -> str:
        """The suggestion as an override; empty without one."""
        return f"optim.learning_rate={shown(self.found.take)}" if self.found else ""

    @property
    def place(self) -> str:
        """The place of the configured learning rate: `too low`, `within`, `beyond`; empty without a range."""
        if self.found is None:
            return ""
        configured = self.test.configured
        return "too low" if configured < self.found.low else "beyond" if configured > self.found.high else "within"

    @property
    def steps(self) -> int:
        """The number of steps of the longest curve."""
        return max(len(curve.rates) for curve in self.test.curves)

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest learning rate of all curves."""
        return (
            min(float(curve.rates[0]) for curve in self.test.curves),
            max(float(curve.rates[-1]) for curve in self.test.curves),
        )

    @property
    def title(self) -> str:
        """The result in one sentence."""
        if self.found is None:
            return f"The network learns at no learning rate within {plural(self.steps, 'step')}"
        configured = self.test.configured
        if max(configured / self.found.take, self.found.take / configured) <= CLOSE:
            return f"The configured learning rate, {shown(configured)}, is a good one"
        how = {"too low": "is too low", "beyond": "is too high", "within": "also learns"}[self.place]
        return f"Take {self.word}; the configured {shown(configured)} {how}"

    def sentences(self) -> list[str]:
        """The result in full: the range, the suggestion, the configured learning rate, and what to type next."""
        count = len(self.test.curves)
        seeds = plural(count, "seed")
        if self.found is None:
            low, high = self.ends
            words = " ".join(word for word in ("python -m exprun rate", self.overrides) if word)
            late = f"If it learns later, a longer test shows it: {words} --minutes {self.test.minutes}"
            return [
                f"In {plural(self.steps, 'step')} from learning rate {shown(low)} to {shown(high)}, the loss "
                f"does not fall clearly below {self.test.chance.loss:.4g}, the chance level, and the accuracy does not "
                f"rise clearly above {self.test.chance.accuracy:.1%} ({seeds}).",
                *([late] if self.test.minutes else []),
                f"To find out why: python -m exprun check{' ' if self.overrides else ''}{self.overrides}",
            ]
        begin, end, median = shown(self.found.low), shown(self.found.high), "median of " if count > 1 else ""
        where = {
            "too low": f"is too low: in these few steps, the loss falls clearly only from {begin} on",
            "within": "lies within this range",
            "beyond": f"is beyond this range: the loss rises again above {end}",
        }[self.place]
        lines = [
            f"The network learns from {begin} to {end} ({median}{seeds}). Learning rate to take: {self.word}",
            *([self.tried] if self.test.trials else []),
            f"The configured learning rate, {shown(self.test.configured)}, {where}.",
        ]
        schedule = self.config.schedule
        if schedule.rates is not None:
            lines.append(f"schedule={schedule.name} takes its learning rates from schedule.rates instead.")
        elif schedule.name != "constant" or schedule.warmup_epochs:
            lines.append("The curves ignore the schedule; the learning rate to take is its highest.")
        return lines

    @property
    def tried(self) -> str:
        """The losses of the short trainings in one sentence."""
        trials = self.test.trials
        losses = [f"{trial.loss:.3g} at {shown(trial.rate)}" for trial in trials if math.isfinite(trial.loss)]
        ruined = [shown(trial.rate) for trial in trials if not math.isfinite(trial.loss)]
        parts = [f"end with a loss of {joined(losses)}"] if losses else []
        parts += [f"fail at {joined(ruined)}"] if ruined else []
        return f"Short trainings of {plural(trials[0].steps, 'step')} {' and '.join(parts)}."

    def rows(self) -> list[tuple[float, list[float | None]]]:
        """Some learning rates with the smoothed loss of each seed; None where a curve has ended before."""
        longest = max((curve.rates for curve in self.test.curves), key=len)
        stride = max(1, round(per_decade(longest) / ROWS_PER_DECADE))
        smooth = [smooth_of(curve) for curve in self.test.curves]
        places = range(0, len(longest), stride)
        return [(float(longest[i]), [float(s[i]) if i < len(s) else None for s in smooth]) for i in places]

    def note(self, rate: float, next_rate: float) -> str:
        """The remark on a row of the table: marks between its learning rate and the next."""
        marks = []
        if self.found is not None and rate <= self.found.take < next_rate:
            marks.append("take")
        if rate <= self.test.configured < next_rate:
            marks.append("configured")
        if self.found is not None and rate < self.found.high and next_rate > self.found.low:
            marks.append("learns")
        return ", ".join(marks)


def smooth_of(curve: Curve) -> np.ndarray:
    """The smoothed loss of a curve, (steps,)."""
    return smoothed(curve.losses, per_decade(curve.rates))


def shown(rate: float) -> str:
    """A learning rate as it is typed, such as 0.003 or 2e-05."""
    return f"{rate:.3g}"


def print_curve(curve: Curve) -> None:
    """Print that a seed is done."""
    ends = {"grown": ", where the loss has grown", "not finite": ", where the loss is not finite", "": ""}
    print(f"seed {curve.seed}: learning rates up to {shown(curve.rates[-1])}{ends[curve.ended]}", flush=True)


def print_report(report: Report) -> None:
    """Print the table, a small plot on a terminal that draws images, and the sentences."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from exprun import terminal_images

    out = Console(highlight=False, soft_wrap=True)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("learning rate", justify="right")
    for curve in report.test.curves:
        table.add_column(f"seed {curve.seed}", justify="right")
    table.add_column("")
    rows = report.rows()
    for place, (rate, losses) in enumerate(rows):
        following = rows[place + 1][0] if place + 1 < len(rows) else math.inf
        cells = ["–" if loss is None else f"{loss:.4g}" for loss in losses]
        table.add_row(shown(rate), *cells, report.note(rate, following))
    out.print(table)
    if report.config.pictures:
        terminal_images.draw(lambda: small_plot(report))
    for line in report.sentences():
        out.print(safe(line))


def facts(report: Report) -> dict[str, Any]:
    """The result as plain values, for JSON."""
    found = report.found
    return {
        "learns": found is not None,
        "suggestion": float(shown(found.take)) if found else None,
        "override": report.word or None,
        "range": [found.low, found.high] if found else None,
        "configured": report.test.configured,
        "configured_is": report.place or None,
        "chance": {"loss": report.test.chance.loss, "accuracy": report.test.chance.accuracy},
        "seconds": report.test.seconds,
        "sentences": report.sentences(),
        "trials": [
            {"learning_rate": trial.rate, "steps": trial.steps, "losses": list(trial.losses)}
            for trial in report.test.trials
        ],
        "curves": [
            {
                "seed": curve.seed,
                "ended": curve.ended or None,
                "learning_rates": curve.rates.tolist(),
                "losses": curve.losses.tolist(),
                "accuracies": curve.accuracies.tolist(),
                "smoothed": smooth_of(curve).tolist(),
            }
            for curve in report.test.curves
        ],
    }


def as_json(report: Report) -> str:
    """The result as JSON."""
    return json_text(facts(report))


def small_plot(report: Report) -> "Image":
    """The smoothed curves over the logarithm of the learning rate, with the range and the suggestion."""
    from exprun.small_plot import plot

    curves = [(np.log10(curve.rates), smooth_of(curve)) for curve in report.test.curves]
    found = report.found
    band = (math.log10(found.low), math.log10(found.high)) if found else None
    mark = math.log10(found.take) if found else None
    low, high = report.ends
    return plot(curves, (f"learning rate {shown(low)}", shown(high)), (), band, mark)


def page(report: Report, command: str) -> str:
    """The text of the page.

    Args:
        report: the result.
        command: the command that repeats the test.
    """
    from exprun.pages.rendering import CHARTS, PALETTE, render

    folder, found = Path(__file__).parent, report.found
    data = {
        "palette": PALETTE,
        "chance": _rounded(report.test.chance.loss),
        "configured": report.test.configured,
        "range": [found.low, found.high] if found else None,
        "take": found.take if found else None,
        "curves": [
            {
                "name": f"seed {curve.seed}",
                "rates": [_rounded(rate) for rate in curve.rates],
                "losses": [_rounded(loss) for loss in curve.losses],
                "smoothed": [_rounded(loss) for loss in smooth_of(curve)],
            }
            for curve in report.test.curves
        ],
    }
    return render(
        folder / "report.html",
        data,
        [*CHARTS, folder / "report.js"],
        title=f"Learning rate of {report.config.model.label} on {report.config.data.name}, {report.config.optim.name}",
        report=report,
        command=command,
        grown=GROWN,
        place=PLACE,
        shown=shown,
        settings=_settings(report.config),
    )


def _settings(config: Config) -> dict[str, str]:
    """The settings that a learning rate depends on most, by key."""
    optim, trainer = config.optim, config.trainer
    found = {
        "model": config.model.name,
        "data": config.data.name,
        "norm": config.norm.name,
        "init": config.init.name,
        "loss": config.loss.name,
        "optim": optim.name,
        "optim.momentum": optim.momentum,
        "optim.weight_decay": optim.weight_decay,
        "optim.clip_norm": optim.clip_norm,
        "optim.clip_global_norm": optim.clip_global_norm,
        "optim.clip_value": optim.clip_value,
        "trainer.batch_size": trainer.batch_size,
        "trainer.precision": trainer.precision,
        "augment": config.augment.name,
        "seed": config.seed,
    }
    return {key: str(value) for key, value in found.items() if value is not None}


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
