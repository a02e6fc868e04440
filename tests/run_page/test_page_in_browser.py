"""The page of a run in headless Chromium: sort confusions, hover over points, enlarge errors, on a phone, in print."""

import numpy as np
import pytest

import browser
from exprun.run_page.outcomes import Outcomes
from exprun.run_page.page import write_page
from exprun.run_page.pictures import Pictures
from run_page.fakes import HOSTILE, all_pictures, images, write_run

pytestmark = pytest.mark.skipif(browser.CHROMIUM is None, reason=browser.MISSING)
CLASSES = ["ash", "birch", HOSTILE, "dogwood", "elm"]
TIP = "document.getElementById('tip').innerText"
SHOWN = "document.querySelectorAll('#errors > li').length"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("chromium") / "profile") as page:
        yield page


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = write_run(tmp_path_factory.mktemp("runs") / "trees")
    return write_page(folder, all_pictures(*images(CLASSES, 300)))


@pytest.fixture
def page(chromium, path):
    """The page in a wide light window; a test fails if the page complains or asks for anything."""
    chromium.size(1400)
    chromium.dark(False)
    opened(chromium, path)
    yield chromium
    assert chromium.complaints == []


def opened(page, path) -> None:
    page.open(path.as_uri())
    settle(page)


def settle(page) -> None:
    """Wait until the charts in the window are drawn."""
    page.until(
        "[...document.querySelectorAll('.chart[aria-busy=true]')].every((one) => { const {top, bottom} = "
        "one.getBoundingClientRect(); return bottom < 0 || top > innerHeight; })"
    )


def names(page) -> list[str]:
    """The classes in the rows of the confusion matrix, from its table."""
    page.run("document.querySelector('#confusion + details').open = true")
    page.until("document.querySelectorAll('#confusion + details tbody th').length > 0")
    return page.run("[...document.querySelectorAll('#confusion + details tbody th')].map((one) => one.textContent)")


def test_the_verdict_comes_first_and_names_are_text(page):
    text = page.run("document.body.innerText")
    places = [text.index(part) for part in ("of 300 test images", "dead-relu", "Curves", "Settings")]
    assert places == sorted(places)
    assert page.run("document.querySelectorAll('main b:not(p > b), main script').length") == 0
    assert f"layer {HOSTILE}" in text
    assert "optim.learning_rate=0.001" in text


def test_the_confusion_matrix_can_be_sorted(page):
    assert names(page) == CLASSES
    page.box("#confusion")
    page.choose("#order", "errors")
    settle(page)
    by_errors = names(page)
    assert sorted(by_errors) == sorted(CLASSES)
    assert by_errors != CLASSES
    page.choose("#order", "together")
    settle(page)
    assert names(page)[0] == by_errors[0]
    page.choose("#cells", "images")
    settle(page)
    box = page.box("#confusion canvas")
    page.move(box["x"] + box["width"] * 0.2, box["y"] + 28)
    assert "true class" in page.run(TIP)


def find(page, selector: str, words: str, step: int = 12) -> tuple[float, float]:
    """Move the mouse over a chart until the tip has some words; returns the place."""
    page.box(selector.split()[0])
    settle(page)
    box = page.box(selector)
    for y in range(4, int(box["height"]), step):
        for x in range(4, int(box["width"]), step):
            page._mouse("mouseMoved", box["x"] + x, box["y"] + y)
            if words in page.run(f"document.getElementById('tip').hidden ? '' : {TIP}"):
                return box["x"] + x, box["y"] + y
    pytest.fail(f"no tip with {words}")


@pytest.mark.slow
def test_a_cell_reduces_the_gallery_to_its_errors(page):
    assert page.run(SHOWN) == 24
    at = find(page, "#confusion canvas", "click to see errors")
    _, true, predicted, _ = page.run(TIP).split("\n")
    page.drag(at, at)
    captions = page.run("[...document.querySelectorAll('#errors .caption')].map((one) => one.textContent)")
    begins = f"{true.removeprefix('true class ')}, predicted {predicted.removeprefix('predicted class ')} ("
    assert captions
    assert all(one.startswith(begins) for one in captions), (begins, captions)
    page.click("#all-confusions")
    assert page.run(SHOWN) == 24


def test_errors_are_sorted_enlarged_and_all_shown(page):
    first = page.run("document.querySelector('#errors .caption').textContent")
    page.choose("#error-order", "confidence")
    number = "Number(/\\((\\d+)%/.exec(one.textContent)[1])"
    shares = page.run(f"[...document.querySelectorAll('#errors .caption')].map((one) => {number})")
    assert shares == sorted(shares, reverse=True)
    page.choose("#error-order", "loss")
    page.click("#errors li:first-child .thumb")
    assert page.run("document.querySelector('dialog').open")
    text = page.run("document.querySelector('dialog').innerText")
    assert first in text
    assert "true class" in text
    assert ".png" in text
    page.press("Escape", 27)
    assert not page.run("document.querySelector('dialog').open")
    page.click("#more-errors")
    assert page.run(SHOWN) > 24
    assert page.run("document.getElementById('more-errors').hidden")


@pytest.mark.slow
def test_a_point_shows_its_image(page):
    find(page, "#embedding .u-over", "confident")
    assert "data:image/png" in page.run("document.querySelector('#tip i').getAttribute('style')")
    page.click("#point-legend button")
    settle(page)
    assert page.run("document.querySelector('#point-legend button').getAttribute('aria-pressed')") == "false"
    page.choose("#point-colours", "right")
    settle(page)
    names = page.run("[...document.querySelectorAll('#point-legend button')].map((one) => one.innerText)")
    assert names == ["right", "wrong"]


def test_curves_tell_their_values_and_layers_are_drawn(page):
    find(page, "#accuracy .u-over", "the best weights", step=5)
    assert "validation, step 80" in page.run(TIP)
    assert page.run("document.querySelectorAll('#layers canvas').length") == 2


RECORD = """
window.drawn = {};
const {fillText, arc} = CanvasRenderingContext2D.prototype;
const of = (canvas) => (drawn[canvas.closest(".chart")?.id] ??= {texts: [], dots: []});
CanvasRenderingContext2D.prototype.fillText = function (text, x, y, ...more) {
  const wide = this.textAlign === "right" ? this.measureText(text).width : 0;
  of(this.canvas).texts.push({text, left: x - wide, y, size: parseFloat(this.font)});
  fillText.call(this, text, x, y, ...more);
};
CanvasRenderingContext2D.prototype.arc = function (x, y, ...more) {
  of(this.canvas).dots.push(x);
  arc.call(this, x, y, ...more);
};
"""


@pytest.mark.parametrize("width", [1400, 400])
def test_names_of_curves_hide_neither_points_nor_each_other(chromium, path, width):
    script = chromium.call("Page.addScriptToEvaluateOnNewDocument", source=RECORD)["identifier"]
    chromium.size(width)
    opened(chromium, path)
    for chart in ("loss", "accuracy"):
        chromium.box(f"#{chart}")
        settle(chromium)
        drawn = chromium.run(f"drawn.{chart}")
        names = {one["text"]: one for one in drawn["texts"] if one["text"] in ("training", "validation")}
        assert len(names) == 2
        assert all(one["left"] > max(drawn["dots"]) for one in names.values())
        assert abs(names["training"]["y"] - names["validation"]["y"]) >= names["training"]["size"]
    chromium.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


@pytest.mark.slow
def test_a_cell_without_images_is_no_unknown_value(page):
    page.choose("#cells", "share")
    find(page, "#confusion canvas", "share of the true class: 0 %\ntrue class", step=20)
    assert page.run(TIP).endswith("\n0 images")
    page.choose("#cells", "images")
    settle(page)
    cells = page.run("[...document.querySelectorAll('#confusion + details td')].map((one) => one.textContent)")
    assert "–" not in cells


def test_the_names_of_all_classes_are_under_the_matrix(chromium, tmp_path):
    classes = [f"a class with a long name {number}" for number in range(12)]
    path = write_page(write_run(tmp_path / "run"), all_pictures(*images(classes, 48)))
    script = chromium.call("Page.addScriptToEvaluateOnNewDocument", source=RECORD)["identifier"]
    chromium.size(1400)
    opened(chromium, path)
    chromium.box("#confusion")
    settle(chromium)
    chromium.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)
    names = [text for one in chromium.run("drawn.confusion.texts") if (text := one["text"]).startswith("a class")]
    assert len(names) == 24
    assert chromium.complaints == []


def test_no_confusion_is_called_the_most_frequent_of_equals(tmp_path):
    dataset, outcomes = images(["a", "b", "c"], 6)
    told = np.array([0, 1, 2, 1, 1, 0])  # of 0, 1, 2, 0, 1, 2: one error each of two kinds
    once = Outcomes("test", outcomes.classes, outcomes.labels, np.eye(3, dtype=np.float32)[told], outcomes.rows)
    text = write_page(write_run(tmp_path / "run"), all_pictures(dataset, once)).read_text()
    assert "No confusion occurs more than once." in text
    assert "is most often taken" not in text


@pytest.mark.parametrize("is_dark", [False, True])
def test_a_phone_shows_all_without_scrolling_sideways(chromium, path, is_dark):
    chromium.size(400, 800, is_phone=True)
    chromium.dark(is_dark)
    opened(chromium, path)
    assert chromium.run("document.documentElement.scrollWidth") == 400
    chromium.dark(False)
    assert chromium.complaints == []


def test_it_prints(page, tmp_path):
    page.print(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").stat().st_size > 20_000


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        ("FAILED", "not finite: the loss at step 4 is nan", "The run failed: not finite: the loss at step 4 is nan."),
        pytest.param("KILLED", "stopped by SIGTERM", "The run was stopped by SIGTERM.", marks=pytest.mark.slow),
        pytest.param("", "", "The run has not ended: it is still running", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_did_not_finish_has_a_page(chromium, tmp_path, status, reason, words):
    folder = write_run(tmp_path / "run", status, reason)
    chromium.size(1400)
    opened(chromium, write_page(folder, Pictures()))
    text = chromium.run("document.body.innerText")
    assert words in text
    assert "Confusions" not in text
    assert chromium.complaints == []


def test_a_run_that_failed_at_once_has_a_page(chromium, tmp_path):
    folder = write_run(tmp_path / "run", "FAILED", "out of memory", epochs=0)
    for path in (folder.journal, folder.probes, folder.findings, folder.times, folder.environment):
        path.unlink()
    chromium.size(1400)
    opened(chromium, write_page(folder, Pictures()))
    assert "The run failed: out of memory." in chromium.run("document.body.innerText")
    assert chromium.complaints == []


@pytest.mark.parametrize(
    ("classes", "shape"),
    [
        (["only"], (1, 1, 1)),
        *(pytest.param(["a", "b"], shape, marks=pytest.mark.slow) for shape in ((1, 1, 4), (300, 200, 3))),
    ],
)
def test_few_classes_and_odd_images(chromium, tmp_path, classes, shape):
    folder = write_run(tmp_path / "run")
    chromium.size(1400)
    opened(chromium, write_page(folder, all_pictures(*images(classes, 30, shape))))
    assert chromium.run("document.querySelectorAll('#errors li').length") > 0
    assert chromium.complaints == []


@pytest.mark.slow
def test_a_thousand_classes(chromium, tmp_path):
    folder = write_run(tmp_path / "run")
    classes = [f"class {number}" for number in range(1000)]
    path = write_page(folder, all_pictures(*images(classes, 10_000, (32, 32, 3)), most=1000))
    assert path.stat().st_size < 10e6
    chromium.size(1400)
    opened(chromium, path)
    note = chromium.run("document.getElementById('matrix-note').textContent")
    assert note.endswith("of 1000 classes that are confused most often.")
    assert chromium.run("document.getElementById('point-colours').value") == "right"
    rows = chromium.run("document.querySelectorAll('#confusions tbody tr').length")
    assert 0 < rows <= 50
    assert chromium.complaints == []


@pytest.mark.slow
@pytest.mark.skipif(not browser.AXE.exists(), reason=browser.NO_AXE)
def test_axe_finds_no_severe_violation(page):
    assert page.violations() == []
