"""The page in headless Chromium: tips, enlarged images, tables, a phone, print, and its accessibility."""

import math
import re

import pytest

import browser
from doctor_page.examples import HOSTILE, finding, known
from exprun.doctor_page.figures import Figure
from exprun.doctor_page.page import Part, Shown, drawn, page, verdict
from exprun.pages.series import Line, Series

pytestmark = pytest.mark.skipif(browser.CHROMIUM is None, reason=browser.MISSING)
TIP = "document.getElementById('tip')"


TEXTS = """
globalThis.told = [];
const {prototype} = CanvasRenderingContext2D, write = prototype.fillText;
prototype.fillText = function (text, x, ...rest) {
  const {a, e} = this.getTransform(), end = this.textAlign === "left" ? this.measureText(text).width : 0;
  told.push({text, right: e + a * (x + end), width: this.canvas.width});
  return write.call(this, text, x, ...rest);
};
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("doctor_page")
    found = [finding("unscaled-evaluation"), finding("vanishing-signal", overrides=("norm=batch",))]
    part = Part("", [Shown(one) for one in found], drawn(found, known))
    (folder / "page.html").write_text(page("Check", verdict(found), [part], "python -m exprun check"))
    with browser.opened(folder / "profile") as window:
        window.size(1400)
        window.open((folder / "page.html").as_uri())
        window.until("!document.querySelector('.chart[aria-busy=true]')")
        yield window
        assert window.complaints == []


def test_each_finding_comes_with_its_picture(shown):
    kinds = shown.run("[...document.querySelectorAll('article.finding .picture-of')].map(({id}) => id)")
    assert kinds == ["0-histograms", "0-signal"]
    assert shown.run("document.querySelectorAll('.picture-of[id=\"0-signal\"]').length") == 1


def test_a_finding_that_is_a_note_is_as_large_as_others():
    text = page("Check", [], [Part("", [Shown(finding("overfitting", "note"))], {})])
    assert 'class="finding"' in text
    assert 'class="finding note"' not in text


def test_names_are_text(shown):
    assert HOSTILE in shown.run("document.querySelector('.where').textContent")
    assert shown.run("document.images.length") == 0


def test_the_pointer_shows_the_values_of_a_layer(shown):
    box = shown.box("[data-series='0-signal-0'] .u-over")
    shown.move(box["x"] + 0.5 * box["width"] * 0.8, box["y"] + 0.5 * box["height"])
    text = shown.run(f"{TIP}.hidden ? '' : {TIP}.innerText")
    assert "this network" in text
    assert re.search(r"conv\d", text)
    shown.move(2, 2)
    assert shown.run(f"{TIP}.hidden")


def test_a_click_enlarges_an_image_and_escape_closes_it(shown):
    shown.click("#gallery-0-images .thumb")
    assert shown.run("document.querySelector('dialog.enlarged').open")
    shown.press("Escape", 27)
    assert not shown.run("document.querySelector('dialog.enlarged').open")


def test_the_table_of_a_chart_has_its_numbers(shown):
    shown.click("[data-series='0-signal-0'] + details summary")
    text = shown.run("document.querySelector('[data-series=\"0-signal-0\"] + details table').innerText")
    assert "norm=batch" in text
    assert "0.0625" in text


def test_on_a_phone_nothing_is_wider_than_the_window_and_in_the_dark_charts_are_drawn_again(shown):
    shown.size(400, 800, is_phone=True)
    shown.dark(True)
    shown.until("!document.querySelector('.chart[aria-busy=true]') || true")
    assert shown.run("document.documentElement.scrollWidth") <= 400
    shown.dark(False)
    shown.size(1400)


def test_it_prints(shown, tmp_path):
    shown.print(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").stat().st_size > 20_000


def test_tables_that_scroll_can_be_reached_by_the_keyboard(shown):
    assert shown.run("document.querySelectorAll('table.bars').length") > 0
    assert shown.run("document.querySelectorAll('.wide:not([tabindex])').length") == 0


def test_a_line_without_a_value_is_said_to_have_none(shown, tmp_path):
    series = Series("Title", "loss", [Line("a", [1, 2], [1.0, 2.0]), Line("b", [1, 2], [math.nan] * 2)], "epoch")
    part = Part("", [], {"curves": Figure("curves", "Title", series=(series,))})
    (tmp_path / "page.html").write_text(page("Check", [], [part]))
    before = shown.run("location.href")
    script = shown.call("Page.addScriptToEvaluateOnNewDocument", source=TEXTS)["identifier"]
    shown.open((tmp_path / "page.html").as_uri())
    shown.until("told.some(({text}) => text === 'a')")
    assert "b: not finite" in shown.run("told.map(({text}) => text)")
    shown.open(before)
    shown.until("told.some(({text}) => text === 'usual: -1 to 1')")  # next to validation images from 0 to 255
    shown.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def test_values_and_names_at_axes_can_be_told_apart_and_are_not_cut_off(shown, tmp_path):
    before = shown.run("location.href")
    names = [f"convolution{number}" for number in range(12)]
    near = Series("Title", "loss", [Line("a", range(12), [2.30231, 2.30258, 2.30262] * 4)], "layer", names)
    epochs = Series("Title", "loss", [Line("a", [1, 2], [0.5, 1.0])], "epoch")
    figures = {"curves": Figure("curves", "Title", series=(near, epochs))}
    (tmp_path / "page.html").write_text(page("Check", [], [Part("", [], figures)]))
    script = shown.call("Page.addScriptToEvaluateOnNewDocument", source=TEXTS)["identifier"]
    shown.open((tmp_path / "page.html").as_uri())
    shown.until("!document.querySelector('.chart[aria-busy=true]') && told.length > 9")
    found = shown.run("told")
    values = [one["text"] for one in found if one["text"].startswith("2.30")]
    assert len(values) == len(set(values)) > 2
    assert {one["text"] for one in found} >= {"1", "2"}
    assert "1.2" not in {one["text"] for one in found}
    assert all(one["right"] <= one["width"] for one in found if one["text"] in names)
    shown.open(before)
    shown.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


@pytest.mark.slow
@pytest.mark.skipif(not browser.AXE.exists(), reason=browser.NO_AXE)
def test_axe_finds_no_severe_violation(shown):
    assert shown.violations() == []
