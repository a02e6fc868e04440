"""Heat maps in headless Chromium: colours, unknown values, tips, the table, and many cells."""

import json
from pathlib import Path

import pytest

import browser
from exprun.pages.rendering import CHARTS, FOLDER, PALETTE, render

pytestmark = pytest.mark.skipif(browser.CHROMIUM is None, reason=browser.MISSING)
HERE = Path(__file__).parent
HOSTILE = "<img src=x>"
SMALL = {
    "rows": ["conv1", HOSTILE, "classifier"],
    "columns": ["0", "10", "20", "30"],
    "values": [[1e-6, 1e-5, None, 1e-3], [0, 1e-3, 1e-2, 1e-1], [1e-3, 1e-3, 1e-3, 1e-3]],
    "log": True,
    "label": "update ratio",
    "rowsLabel": "layer",
    "columnsLabel": "step",
}
MANY = 1000  # classes


def confusions() -> dict:
    """A confusion matrix of many classes with a single confusion, which takes much less than a pixel."""
    names = [f"class {number}" for number in range(MANY)]
    values = [[1 if row == column else 0 for column in range(MANY)] for row in range(MANY)]
    values[700][100] = 1
    words = {"label": "images", "rowsLabel": "label", "columnsLabel": "prediction"}
    return {"rows": names, "columns": names, "values": values, **words}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heatmap")
    data = {"palette": PALETTE, "small": SMALL, "large": confusions()}
    scripts = [*CHARTS, FOLDER / "heatmap.js", HERE / "heatmap.js"]
    (folder / "page.html").write_text(render(HERE / "heatmap.html", data, scripts))
    with browser.opened(folder / "profile") as page:
        page.size(1400)
        page.open((folder / "page.html").as_uri())
        page.until("!document.querySelector('.chart[aria-busy=true]')")
        yield page
        assert page.complaints == []


def colour(page, selector: str, x: float, y: float) -> list[int]:
    """The colour of a canvas at a place in CSS pixels."""
    return page.run(
        f"(() => {{ const canvas = document.querySelector({json.dumps(selector + ' canvas')}); "
        "const {width, height, clientWidth} = canvas; const copy = new OffscreenCanvas(width, height); "
        "const context = copy.getContext('2d'); context.drawImage(canvas, 0, 0); const ratio = width / clientWidth; "
        f"return [...context.getImageData({x} * ratio, {y} * ratio, 1, 1).data]; }})()"
    )


def tip_at(page, selector: str, x: float, y: float) -> str:
    box = page.box(f"{selector} canvas")
    page.move(box["x"] + x, box["y"] + y)
    return page.run("document.getElementById('tip').hidden ? '' : document.getElementById('tip').innerText")


def test_larger_values_are_lighter_and_unknown_ones_have_no_colour_of_the_scale(page):
    places = [x for x in range(60, 500, 24) if "conv1" in tip_at(page, "#small", x, 20)]
    middles = [places[len(places) * (2 * column + 1) // 8] for column in range(4)]
    by_column = [colour(page, "#small", x, 20) for x in middles]  # above the numbers in the cells
    assert by_column[0][0] < by_column[1][0] < by_column[3][0]
    assert len(set(map(tuple, by_column))) == 4
    assert "unknown" in tip_at(page, "#small", middles[2], 20)


def test_the_pointer_shows_the_value_and_its_row_as_text(page):
    shown = tip_at(page, "#small", 130, 44)
    assert HOSTILE in shown
    assert "update ratio" in shown
    assert page.run("document.images.length") == 0
    page.move(5, 5)
    assert page.run("document.getElementById('tip').hidden")


def test_the_table_has_the_numbers(page):
    page.click("#small + details summary")
    page.until("!!document.querySelector('#small + details table')")
    text = page.run("document.querySelector('#small + details table').innerText")
    assert "1e-6" in text
    assert HOSTILE in text
    assert "–" in text


def test_a_single_cell_of_a_million_stays_visible(page):
    box = page.box("#large canvas")
    lit = page.run(
        "(() => { const canvas = document.querySelector('#large canvas'); "
        "const copy = new OffscreenCanvas(canvas.width, canvas.height); const context = copy.getContext('2d'); "
        "context.drawImage(canvas, 0, 0); const ratio = canvas.width / canvas.clientWidth; "
        "const {data, width} = context.getImageData(0, 0, copy.width, copy.height); const rows = new Set(); "
        "for (let i = 0; i < data.length; i += 4) { const x = (i / 4) % width / ratio; "
        "const isLit = data[i] > 200 && data[i + 2] < 120 && x < canvas.clientWidth * 0.25; "
        "if (isLit) rows.add(Math.floor(i / 4 / width)); } "
        "return [...rows].filter((row) => row > 0.55 * 640 * ratio && row < 650 * ratio).length; })()"
    )
    assert lit > 0, box


def test_a_long_table_is_thinned(page):
    page.click("#large + details summary")
    page.until("!!document.querySelector('#large + details table')")
    assert page.run("document.querySelectorAll('#large + details tbody tr').length") < MANY
    assert "334 of 1000 rows" in page.run("document.querySelector('#large + details caption').textContent")


def test_a_chart_gets_the_width_of_its_box_late(page):
    page.box("#small")
    for width in ("500px", ""):
        page.run(f"document.getElementById('small').style.width = '{width}'")
        page.until(
            "(() => { const {clientWidth} = document.getElementById('small'); const canvas = "
            "document.querySelector('#small canvas'); return canvas.clientWidth === clientWidth; })()"
        )
