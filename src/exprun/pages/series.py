"""Line charts as plain values, for `series.js` and the macro `series` in `parts.html`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from exprun.text import rounded

MOST_POINTS = 2000  # of a line that are drawn; of more, points at regular intervals are taken
MOST_ROWS = 200  # of the table of a chart


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Args:
        name: the name, which is written at the end of the line.
        x: the place of each point.
        y: the value of each point; one that is unknown, infinite or NaN is a gap.
        style: the number of its colour and marker, which is the same in all charts of a page that have this line; None
            for its place among the lines of the chart.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    style: int | None = None


@dataclass(frozen=True)
class Series:
    """A chart with lines over one axis.

    Args:
        title: the result that the chart shows, in a few words.
        label: the quantity of the vertical axis, with its unit.
        lines: the lines, the most important one first.
        axis: the quantity of the horizontal axis.
        names: the names of the places 0, 1, … on the horizontal axis; empty if it has numbers.
        log: whether the vertical axis is logarithmic.
        levels: values that lines are compared with, such as the chance level, each with its name.
        ends: the ends of the vertical axis; None for those of the values.
    """

    title: str
    label: str
    lines: Sequence[Line]
    axis: str
    names: Sequence[str] = ()
    log: bool = False
    levels: Sequence[tuple[str, float]] = field(default_factory=tuple)
    ends: tuple[float, float] | None = None

    @property
    def data(self) -> dict[str, Any]:
        """The chart for `series.js`."""
        return {
            "label": self.label,
            "axis": self.axis,
            "names": list(self.names),
            "log": self.log,
            "ends": self.ends,
            "levels": [{"name": name, "y": short(value)} for name, value in self.levels if math.isfinite(value)],
            "lines": [
                {
                    "name": line.name,
                    "style": line.style,
                    "x": [short(line.x[at]) for at in _thinned(len(line.x), MOST_POINTS)],
                    "y": [short(line.y[at]) for at in _thinned(len(line.x), MOST_POINTS)],
                }
                for line in self.lines
            ],
        }

    @property
    def note(self) -> str:
        """The explanation of the vertical axis."""
        zeros = self.log and any(value == 0 for line in self.lines for value in line.y)
        return f"{self.label}{', logarithmic' if self.log else ''}{'; a cross is 0' if zeros else ''}"

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """The rows of the table: each place with the values of the lines there."""
        places = sorted({x for line in self.lines for x in line.x})
        values = [dict(zip(line.x, line.y, strict=True)) for line in self.lines]
        kept = [places[at] for at in _thinned(len(places), MOST_ROWS)]
        return [(self._name(x), [text(of.get(x)) for of in values]) for x in kept]

    def _name(self, x: float) -> str:
        return self.names[int(x)] if self.names else f"{x:g}"


def text(value: float | None) -> str:
    """A value in a table, with three significant digits; a dash if it is unknown or not finite."""
    return "–" if value is None or not math.isfinite(value) else rounded(value)


def short(value: float | None) -> float | None:
    """A value with six significant digits, which are enough for a chart; None if it is unknown or not finite."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def _thinned(count: int, most: int) -> Sequence[int]:
    """The indices of at most `most` of some points, with the first and the last one."""
    if count <= most:
        return range(count)
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]
