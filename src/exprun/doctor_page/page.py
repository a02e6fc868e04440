"""The page: verdict, findings with the picture that proves each, and all other pictures."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exprun.doctor.cause import Finding, cause_of
from exprun.doctor_page.causes import PICTURES
from exprun.doctor_page.figures import Figure, figures
from exprun.doctor_page.material import Material
from exprun.pages import channels
from exprun.text import plural

log = logging.getLogger(__name__)
HERE = Path(__file__).parent
NOTHING = "The doctor found nothing that would keep the network from learning."
SECTIONS = {  # headings of pictures that no finding has used, by their kinds
    "Training": ("curves", "steps", "memory"),
    "Images": ("images", "histograms"),
    "Classes": ("classes", "predicted"),
    "The signal through the depth": ("signal", "gradient", "dead", "update", "moved", "statistics"),
}
PAIRS = ("Classes", "The signal through the depth")  # headings of pictures that stand side by side
MOST_NAMED = 4  # findings that the verdict names


@dataclass(frozen=True)
class Shown:
    """A finding on a page.

    Args:
        finding: the finding.
        place: the line of a script that it is about, as text; empty if there is none.
        source: the lines around it, each with its number, its text, and whether it is the line itself.
        edits: the changes of the script that it calls for, as text.
    """

    finding: Finding
    place: str = ""
    source: Sequence[tuple[int, str, bool]] = ()
    edits: Sequence[str] = ()

    @property
    def cause(self) -> str:
        """The identifier of the cause."""
        return self.finding.cause

    @property
    def severity(self) -> str:
        """The severity."""
        return self.finding.severity

    @property
    def where(self) -> str:
        """The layer, split or setting that the finding is about."""
        return self.finding.where

    @property
    def step(self) -> int | None:
        """The step at which the cause was found; None before training."""
        return self.finding.step

    @property
    def evidence(self) -> str:
        """The numbers that show the cause, in a sentence."""
        return self.finding.evidence

    @property
    def why(self) -> str:
        """The reason why the cause matters, in a sentence."""
        return cause_of(self.finding.cause).why

    @property
    def source_of_cause(self) -> str:
        """The publication that supports the cause."""
        return cause_of(self.finding.cause).source

    @property
    def overrides(self) -> tuple[str, ...]:
        """The overrides to try, each on its own."""
        return self.finding.overrides

    @property
    def remedy(self) -> str:
        """The change of the code to make; empty if overrides are enough."""
        return self.finding.change_of_code

    @property
    def numbers(self) -> list[tuple[str, str]]:
        """The numbers that the finding was decided on, with their names."""
        return [(name.replace("_", " "), f"{value:.4g}") for name, value in self.finding.numbers.items()]


@dataclass(frozen=True)
class Table:
    """A table with a title, whose first column is text, and whose other columns are numbers.

    Args:
        title: what the table shows.
        names: the names of the columns.
        rows: the cells of each row.
    """

    title: str
    names: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Part:
    """A part of a page: one network, or one training.

    Args:
        title: the heading; empty for the only part of a page.
        findings: the findings, the one that causes the others first.
        figures: all pictures, by their kind.
        evidence: further pictures, which belong to no finding and come after the findings.
        tables: tables that come before these pictures.
        note: a sentence below them; empty without.
    """

    title: str
    findings: Sequence[Shown]
    figures: dict[str, Figure]
    evidence: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    note: str = ""

    @property
    def proofs(self) -> list[tuple[Shown, Figure | None, str]]:
        """Each finding with its picture, None if its numbers are all there is, and the cause whose picture it shares.

        A picture is shown once: with the first finding that it proves.
        """
        used: dict[str, str] = {}
        found: list[tuple[Shown, Figure | None, str]] = []
        for shown in self.findings:
            kind = next((kind for kind in PICTURES.get(shown.cause, ()) if kind in self.figures), None)
            if kind is None or kind in used:
                found.append((shown, None, "" if kind is None else used[kind]))
                continue
            used[kind] = shown.cause
            found.append((shown, self.figures[kind], ""))
        return found

    @property
    def sections(self) -> list[tuple[str, list[Figure]]]:
        """The pictures that no finding shows, under their headings."""
        used = {figure.kind for _, figure, _ in self.proofs if figure is not None}
        left = {kind: figure for kind, figure in self.figures.items() if kind not in used}
        sections = {heading: [left[kind] for kind in kinds if kind in left] for heading, kinds in SECTIONS.items()}
        return [(heading, found) for heading, found in sections.items() if found]

    @property
    def drawn(self) -> list[Figure]:
        """All pictures."""
        return [*self.figures.values(), *self.evidence]


def drawn(findings: Iterable[Finding], known: Callable[[], Material]) -> dict[str, Figure]:
    """The pictures that can be drawn; a page without them is better than none.

    Args:
        findings: the findings, some of which ask for pictures that are not drawn otherwise.
        known: returns what they are drawn from.
    """
    wanted = {kind for finding in findings for kind in PICTURES.get(finding.cause, ())}
    try:
        return figures(known(), wanted)
    except Exception:
        log.info("The pictures of a page could not be drawn", exc_info=True)
        return {}


def verdict(findings: Iterable[Finding]) -> list[str]:
    """The verdict of a page, in sentences."""
    findings = list(findings)
    serious = [finding for finding in findings if finding.severity != "note"]
    if not serious:
        return [NOTHING]
    named = [f"{one.severity.capitalize()}: {one.cause}, {one.where}." for one in serious[:MOST_NAMED]]
    # Overrides only compensate for a mistake in code or data.
    is_setting = bool(serious[0].overrides) and not cause_of(serious[0].cause).in_code
    named[0] += f" Try {serious[0].overrides[0]}." if is_setting else ""
    more = len(serious) - len(named)
    return [*named, *([f"{plural(more, 'further finding')} below."] if more else [])]


def page(title: str, sentences: Sequence[str], parts: Sequence[Part], command: str = "") -> str:
    """The text of the page.

    Args:
        title: what was examined.
        sentences: the verdict.
        parts: the networks or trainings.
        command: the command that makes the page again; empty without.
    """
    from exprun.pages import rendering

    data: dict[str, Any] = {"palette": rendering.PALETTE, "series": {}, "heat": {}, "histograms": {}}
    for number, part in enumerate(parts):
        for figure in part.drawn:
            key = f"{number}-{figure.kind}"
            for place, series in enumerate(figure.series):
                data["series"][f"{key}-{place}"] = series.data
            if figure.heat is not None:
                data["heat"][key] = figure.heat
            if figure.measured:
                data["histograms"][key] = channels.chart_data(figure.measured)
    scripts = (*rendering.CHARTS, rendering.SERIES, rendering.HEATMAP, rendering.HISTOGRAM, rendering.GALLERY)
    return rendering.render(
        HERE / "page.html",
        data,
        [*scripts, HERE / "page.js"],
        title=title,
        sentences=sentences,
        parts=parts,
        command=command,
        pairs=PAIRS,
    )
