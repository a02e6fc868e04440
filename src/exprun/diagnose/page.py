"""The report as one HTML page that needs no other file."""

import html
import linecache
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from exprun.diagnose.fit import Place
from exprun.diagnose.rewriting import Edit
from exprun.doctor.cause import Finding, cause_of
from exprun.experiments.evidence import Evidence
from exprun.experiments.trials import Trial

AROUND = 2  # lines of the source before and after that of a finding
CURVES = 4  # trials whose losses are drawn
COLORS = ("#555", "#c0392b", "#2471a3", "#1e8449", "#7d3c98")
WIDTH, HEIGHT, MARGIN = 560, 220, 48  # of the plot, in pixels
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
article { border-left: 4px solid #999; padding: 0 1rem; margin: 1rem 0; }
article.error { border-color: #c0392b; } article.warning { border-color: #d68910; }
pre { background: #f4f4f4; padding: .5rem; overflow-x: auto; } pre mark { background: #fdebd0; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem; text-align: left; border-bottom: 1px solid #ddd; }
td.number, th.number { text-align: right; }
"""


@dataclass(frozen=True)
class Placed:
    """A finding and where it is in the script.

    Args:
        finding: the finding.
        place: the line that it is about; None if there is none.
        edits: the changes of the script that it calls for.
    """

    finding: Finding
    place: Place | None
    edits: Sequence[Edit] = ()


@dataclass(frozen=True)
class Section:
    """What the page shows of one training.

    Args:
        place: the line that starts the training; None if it is not in the script.
        steps: the number of steps done.
        findings: the findings.
        evidence: what references and experiments have shown; None without them.
    """

    place: Place | None
    steps: int
    findings: Sequence[Placed]
    evidence: Evidence | None


def page(summary: str, unwatched: Iterable[str], sections: Sequence[Section]) -> str:
    """The page.

    Args:
        summary: the sentence about the script.
        unwatched: sentences about trainings that could not be watched.
        sections: the trainings that were watched.
    """
    parts = [f"<h1>{_text(summary)}</h1>", *(f"<p>{_text(sentence)}</p>" for sentence in unwatched)]
    number = 0
    for section in sections:
        where = "" if section.place is None else f"{section.place}: "
        parts.append(f"<h2>{_text(where)}{section.steps} steps</h2>")
        if not section.findings:
            parts.append("<p>The doctor found nothing that would keep the network from learning.</p>")
        for placed in section.findings:
            number += 1
            parts.append(_finding(number, placed))
        if section.evidence is not None:
            parts += _evidence(section.evidence)
    body = "\n".join(parts)
    head = f'<meta charset="utf-8"><title>{_text(summary)}</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _text(text: object) -> str:
    return html.escape(str(text))


def _finding(number: int, placed: Placed) -> str:
    finding, place, cause = placed.finding, placed.place, cause_of(placed.finding.cause)
    title = f"{number}. {finding.cause} ({finding.severity}, {finding.where})"
    lines = [f"<h3>{_text(title)}</h3>", f"<p>{_text(finding.evidence)}</p>", f"<p>{_text(cause.why)}</p>"]
    lines += [f"<p><b>Try:</b> {_text(finding.keras or cause.keras)}</p>"]
    lines += [] if place is None else [f"<p>{_text(place)}</p>", _source(place)]
    lines += [f"<pre>{_text(edit)}</pre>" for edit in placed.edits]
    lines += [f"<p><small>Source: {_text(cause.source)}</small></p>"]
    return f'<article class="{finding.severity}">\n' + "\n".join(lines) + "\n</article>"


def _source(place: Place) -> str:
    """The lines around a place, which is marked."""
    rows = []
    for number in range(max(1, place.line - AROUND), place.line + AROUND + 1):
        if line := linecache.getline(place.file, number):
            row = _text(f"{number:4d}  {line.rstrip()}")
            rows.append(f"<mark>{row}</mark>" if number == place.line else row)
    return "<pre>" + "\n".join(rows) + "</pre>"


def _evidence(found: Evidence) -> list[str]:
    proof = found.proof
    references = [
        (reference.name, _score(reference.score), f"{reference.seconds:.1f}") for reference in proof.references
    ]
    parts = [
        "<h3>References on the same rows</h3>",
        _table(("Method", "Score", "Seconds"), [*references, ("the trained network", _score(found.own), "")]),
    ]
    trials = [*proof.plain, *proof.tried, *([] if proof.confirmed is None else [proof.confirmed])]
    if trials:
        rows = [(_name(one), str(one.seed), _score(one.score), str(one.steps), f"{one.seconds:.1f}") for one in trials]
        parts += ["<h3>Experiments from the first weights</h3>"]
        parts += [_table(("Change", "Seed", "Score", "Steps", "Seconds"), rows)]
        parts += [_plot([*proof.plain[:1], *proof.tried[: CURVES - 1]])]
    parts += ["<p><small>Score: 0% is as good as guessing, 100% is perfect.</small></p>"]
    return parts


def _name(trial: Trial) -> str:
    return " and ".join(change.name for change in trial.changes) or "as it is"


def _score(score: float) -> str:
    return f"{score:.0%}" if np.isfinite(score) else "not finite"


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text, and whose other columns are numbers."""

    def row(cells: Sequence[str], tag: str) -> str:
        kinds = ["", *[' class="number"'] * (len(cells) - 1)]
        cell = "".join(f"<{tag}{kind}>{_text(text)}</{tag}>" for text, kind in zip(cells, kinds, strict=True))
        return f"<tr>{cell}</tr>"

    return "<table>\n" + "\n".join([row(names, "th"), *(row(cells, "td") for cells in rows)]) + "\n</table>"


def _plot(trials: Sequence[Trial]) -> str:
    """The training loss of trials in each epoch as SVG, relative to the first one: losses may be of different kinds."""
    curves = [(_name(trial), _relative(trial.losses)) for trial in trials]
    curves = [(name, curve) for name, curve in curves if len(curve) > 1]
    if not curves:
        return ""
    longest = max(len(curve) for _, curve in curves) - 1
    most = max(float(curve.max()) for _, curve in curves)
    shapes = []
    for number, ((name, curve), color) in enumerate(zip(curves, COLORS, strict=False)):
        xs = MARGIN + np.arange(len(curve)) / longest * (WIDTH - 2 * MARGIN)
        ys = HEIGHT - MARGIN - curve / most * (HEIGHT - 2 * MARGIN)
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
        shapes.append(f'<polyline fill="none" stroke="{color}" stroke-width="2" points="{points}"/>')
        shapes.append(f'<text x="{MARGIN}" y="{HEIGHT + 18 * number}" fill="{color}">{_text(name)}</text>')
    right, bottom = WIDTH - MARGIN, HEIGHT - MARGIN
    axes = (
        f'<path d="M{MARGIN},{MARGIN} V{bottom} H{right}" fill="none" stroke="#999"/>'
        f'<text x="{MARGIN}" y="{MARGIN - 10}">loss, in units of the first epoch</text>'
        f'<text x="{MARGIN - 8}" y="{MARGIN + 5}" text-anchor="end">{most:.2g}</text>'
        f'<text x="{MARGIN - 8}" y="{bottom}" text-anchor="end">0</text>'
        f'<text x="{right}" y="{bottom + 18}" text-anchor="end">epoch {longest + 1}</text>'
    )
    height = HEIGHT + 18 * len(curves)
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" font-size="13">'
    return opening + axes + "".join(shapes) + "</svg>"


def _relative(losses: Sequence[float]) -> np.ndarray:
    """Losses divided by the first one, up to the first that is not finite, at most 2; empty if the first one is bad."""
    values = np.asarray(losses, np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    values = values[: bad[0]] if len(bad) else values
    return np.clip(values / values[0], 0, 2) if len(values) and values[0] > 0 else np.zeros(0)
