"""Draw the charts of docs/cases.md: the signal of each case's network on its way through the layers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exprun.commands import without_logs
from tables import ROOT

IMAGES = ROOT / "docs" / "images"
SIZE, DOTS = (7.6, 3.4), 110  # inches, and dots per inch
VALIDATION = "validation images"


@dataclass(frozen=True)
class Chart:
    """The chart of a case.

    Args:
        preset: the preset of the case.
        kind: the chart, as `exprun.pages.depth.charts` names it.
        overrides: overrides of the preset, such as data that needs no download.
        others: the overrides of the networks to compare with.
        validated: whether the other line is that of the validation images as they are evaluated.
    """

    preset: str
    kind: str
    overrides: tuple[str, ...] = ("data=digits",)
    others: tuple[str, ...] = ()
    validated: bool = False


CHARTS = (
    Chart("stuck_vgg16", "signal", others=("norm=batch", "init=he_normal")),
    Chart("palm_vein", "signal", (), ("init=he_normal",)),
    Chart("flat_validation", "signal", validated=True),
    Chart("matconvnet_parity", "update", others=("experiment=matconvnet_original data=digits",)),
    Chart("dead_relu", "signal", others=("init=he_normal input=standardize",)),
)


def draw_all(presets: Sequence[str]) -> None:
    """Draw the charts of some cases."""
    for chart in CHARTS:
        if chart.preset in presets:
            path = IMAGES / f"depth-{chart.preset}.png"
            with without_logs():
                draw(chart, path)
            print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB", flush=True)


def draw(chart: Chart, path: Path) -> None:
    """Draw a chart as PNG."""
    import matplotlib as mpl

    from exprun.check import check
    from exprun.check_page import AFTER, depths_of
    from exprun.config.compose import Composer
    from exprun.doctor_page.depth import depth_of
    from exprun.pages.depth import charts
    from exprun.session import Session

    session, composer = Session(), Composer()
    words = [f"experiment={chart.preset}", *chart.overrides]
    checked = check(composer.config(words), session)

    def config_with(more: str):  # type: ignore[no-untyped-def]
        others = more.split()
        kept = [word for word in words if word.split("=")[0] not in {other.split("=")[0] for other in others}]
        return composer.config([*kept, *others])

    found = depths_of(checked, config_with, session, chart.others, math.inf)
    depths = [depth for depth in found if depth.name != AFTER]  # two lines are easier to compare
    subject = checked.context.subject
    if chart.validated and subject.val is not None:
        evaluated = checked.context.evaluated_on(subject.val.inputs[: checked.context.limits.images])
        depths += [depth for depth in [depth_of(VALIDATION, evaluated, subject.model)] if depth is not None]
    series = charts(depths)[chart.kind]

    mpl.use("Agg")
    from matplotlib import pyplot

    from exprun.pages.rendering import PALETTE

    figure, axes = pyplot.subplots(figsize=SIZE, dpi=DOTS)
    for line, colour in zip(series.lines, PALETTE, strict=False):
        values = [float("nan") if value is None else value for value in line.y]
        axes.plot(line.x, values, "o-", color=colour, markersize=3.5, label=line.name)
    places = sorted({place for line in series.lines for place in line.x})
    axes.set_xticks(places, [series.names[int(place)] for place in places], rotation=40, ha="right", fontsize=8)
    axes.set_yscale("log" if series.log else "linear")
    axes.set_title(series.title.replace("; ", ";\n"), fontsize=9, loc="left", fontweight="bold")
    axes.set_ylabel(series.label.replace(" (", "\n("), fontsize=8)
    axes.set_xlabel(series.axis, fontsize=8)
    axes.grid(color="#e1e5ea", linewidth=0.6)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches="tight")
    pyplot.close(figure)
