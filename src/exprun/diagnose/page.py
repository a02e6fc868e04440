"""The report of `diagnose` as one HTML page that needs no other file: findings in the script, pictures and evidence."""

import linecache
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from exprun.diagnose.fit import Place
from exprun.diagnose.rewriting import Edit
from exprun.doctor.cause import Finding
from exprun.doctor_page.figures import Figure
from exprun.doctor_page.page import Part, Shown, Table, verdict
from exprun.doctor_page.page import page as rendered
from exprun.experiments.evidence import Evidence
from exprun.experiments.trials import Trial
from exprun.pages.series import Line, Series

AROUND = 2  # lines of the source before and after that of a finding
CURVES = 4  # trials whose losses are drawn


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
        figures: the pictures of the training, by their kind.
    """

    place: Place | None
    steps: int
    findings: Sequence[Placed]
    evidence: Evidence | None
    figures: dict[str, Figure] = field(default_factory=dict)


def page(summary: str, unwatched: Iterable[str], sections: Sequence[Section]) -> str:
    """The page.

    Args:
        summary: the sentence about the script.
        unwatched: sentences about trainings that could not be watched.
        sections: the trainings that were watched.
    """
    findings = [placed.finding for section in sections for placed in section.findings]
    return rendered(summary, [*unwatched, *(verdict(findings) if sections else ())], [_part(one) for one in sections])


def _part(section: Section) -> Part:
    where = "" if section.place is None else f"{section.place}: "
    shown = [_shown(placed) for placed in section.findings]
    found = section.evidence
    return Part(
        f"{where}{section.steps} steps",
        shown,
        section.figures,
        [] if found is None else _curves(found),
        [] if found is None else _tables(found),
        "" if found is None else "Score: 0% is as good as guessing, 100% is perfect.",
    )


def _shown(placed: Placed) -> Shown:
    place = placed.place
    source = [] if place is None else _source(place)
    return Shown(placed.finding, "" if place is None else str(place), source, [str(edit) for edit in placed.edits])


def _source(place: Place) -> list[tuple[int, str, bool]]:
    """The lines around a place, each with its number and whether it is the place itself."""
    numbers = range(max(1, place.line - AROUND), place.line + AROUND + 1)
    lines = [(number, linecache.getline(place.file, number)) for number in numbers]
    return [(number, line.rstrip(), number == place.line) for number, line in lines if line]


def _trials(found: Evidence) -> list[Trial]:
    proof = found.proof
    return [*proof.plain, *proof.tried, *([] if proof.confirmed is None else [proof.confirmed])]


def _tables(found: Evidence) -> list[Table]:
    references = [(one.name, _score(one.score), f"{one.seconds:.1f}") for one in found.proof.references]
    own = ("the trained network", _score(found.own), "")
    tables = [Table("References on the same rows", ("Method", "Score", "Seconds"), [*references, own])]
    rows = [(_name(o), str(o.seed), _score(o.score), str(o.steps), f"{o.seconds:.1f}") for o in _trials(found)]
    names = ("Change", "Seed", "Score", "Steps", "Seconds")
    return [*tables, *([Table("Experiments from the first weights", names, rows)] if rows else [])]


def _name(trial: Trial) -> str:
    return " and ".join(change.name for change in trial.changes) or "as it is"


def _score(score: float) -> str:
    return f"{score:.0%}" if np.isfinite(score) else "not finite"


def _curves(found: Evidence) -> list[Figure]:
    """The training loss of trials in each epoch, relative to the first one: losses may be of different kinds."""
    trials = [*found.proof.plain[:1], *found.proof.tried[: CURVES - 1]]
    curves = [(_name(trial), _relative(trial.losses)) for trial in trials]
    lines = [Line(name, range(1, len(curve) + 1), curve.tolist()) for name, curve in curves if len(curve) > 1]
    if not lines:
        return []
    ends = [f"{line.name}: {line.y[-1]:.2g}" for line in lines]
    title = f"Loss at the end, in units of the first epoch: {'; '.join(ends)}"
    return [Figure("experiments", title, series=(Series(title, "loss, in units of the first epoch", lines, "epoch"),))]


def _relative(losses: Sequence[float]) -> np.ndarray:
    """Losses divided by the first one, up to the first that is not finite, at most 2; empty if the first one is bad."""
    values = np.asarray(losses, np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    values = values[: bad[0]] if len(bad) else values
    return np.clip(values / values[0], 0, 2) if len(values) and values[0] > 0 else np.zeros(0)
