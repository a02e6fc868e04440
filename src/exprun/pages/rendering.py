"""Rendering of a page: its template, style, scripts and data in one file."""

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exprun.text import json_text

FOLDER = Path(__file__).parent
LIBRARY = FOLDER / "uplot" / "uPlot.iife.min.js"
SCRIPTS = (FOLDER / "page.js", FOLDER / "table.js")  # of every page
# Of a page with charts, whose data has the entry `palette`.
CHARTS = (LIBRARY, FOLDER / "charts.js", FOLDER / "lines.js", FOLDER / "parallel.js")
GALLERY = FOLDER / "gallery.js"  # of a page with galleries
HISTOGRAM = FOLDER / "histogram.js"  # of a page with histograms of channels, after `CHARTS`
SERIES = FOLDER / "series.js"  # of a page with line charts, after `CHARTS`
HEATMAP = FOLDER / "heatmap.js"  # of a page with heat maps, after `CHARTS`
STYLES = (FOLDER / "uplot" / "uPlot.min.css", FOLDER / "style.css")
# Okabe and Ito 2008, "Color Universal Design", https://jfly.uni-koeln.de/color/: people with any kind of colour
# blindness tell these colours apart. Their black is the colour of the text, and their yellow, which hardly shows on
# white, is left out.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


def render(template: Path, data: Any, scripts: Sequence[Path] = (), **context: Any) -> str:
    """The text of a page.

    The page allows only its own script, by its hash, so that no text in it can run as a program, and no request to any
    server (Content Security Policy, https://www.w3.org/TR/CSP3/).

    Args:
        template: the path of the template, which extends `base.html`; all values are escaped in it.
        data: plain values that the scripts read as `data`; numbers that are not finite become null.
        scripts: further scripts of this page, in the order in which they run; all scripts of a page are one module.
        context: the values that the template uses.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, FOLDER]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_with_fixed_percentages,
    )
    script = "\n".join(path.read_text(encoding="utf-8") for path in (*SCRIPTS, *scripts))
    digest = base64.b64encode(hashlib.sha256(f"\n{script}\n".encode()).digest()).decode()
    return environment.get_template(template.name).render(
        style="\n".join(path.read_text(encoding="utf-8") for path in STYLES),
        script=script,
        script_hash=f"sha256-{digest}",
        # An HTML parser looks for `</script>` and `<!--` in scripts, and JSON can write `<` in another way.
        data=json_text(data, indent=None).replace("<", "\\u003c"),
        **context,
    )


def _with_fixed_percentages(value: Any) -> Any:
    """A value as it is, or a text in which no line ends between a number and its "%"."""
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", value) if type(value) is str else value
