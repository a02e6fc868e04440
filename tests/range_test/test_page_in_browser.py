"""The page of a range test in headless Chromium: hover, zoom, dark, on a phone, in print, with hostile text."""

import pytest

import browser
from exprun.range_test import report as reports
from exprun.range_test.suggestion import Trial
from range_test.curves import CHANCE, curve, report

pytestmark = pytest.mark.skipif(browser.CHROMIUM is None, reason=browser.MISSING)
HOSTILE = "model=<b>x</b></script>"
TIP = "document.getElementById('tip').innerText"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("chromium") / "profile") as page:
        yield page


@pytest.fixture
def shown(chromium, tmp_path):
    """A function that shows the page of a report; the test fails if the page complains or asks for anything."""

    def show(found):
        path = tmp_path / "page.html"
        path.write_text(reports.page(found, f"python -m exprun rate {HOSTILE}"))
        chromium.size(1400)
        chromium.dark(False)
        chromium.open(path.as_uri())
        chromium.until("document.querySelector('#curves').ariaBusy === 'false'")
        return chromium

    yield show
    assert chromium.complaints == []


@pytest.mark.slow
def test_the_result_is_at_the_top_and_text_is_text(shown):
    found = report(curve(0), curve(1), curve(2))
    page = shown(found)
    assert found.word in page.run("document.querySelector('.verdict').innerText")
    assert HOSTILE in page.run("document.body.innerText")
    assert page.run("document.querySelectorAll('main b').length") == 0
    rows = page.run("[...document.querySelectorAll('table')][0].innerText")
    assert "take" in rows
    assert "configured" in rows


def test_the_short_trainings_have_a_table(shown):
    page = shown(report(curve(0), trials=[Trial(0.04, (float("inf"),), 60), Trial(0.01, (0.5,), 60)]))
    text = page.run("document.querySelector('[aria-label=\"Short trainings\"]').innerText").split()
    assert text[-6:] == ["0.04", "failed", "failed", "0.01", "0.5", "0.5"]


def test_a_curve_tells_its_values_under_the_pointer_and_zooms(shown):
    page = shown(report(curve(0, noise=0.0)))
    over = page.box("#curves .u-over")
    for share in range(5, 95):  # along the left edge, where the loss is that of the start
        page.move(over["x"] + 0.1 * over["width"], over["y"] + over["height"] * share / 100)
        if not page.run("document.getElementById('tip').hidden"):
            break
    text = page.run(TIP)
    assert text.startswith("learning rate ")
    assert "seed 0: loss 2.5" in text
    x, y = over["x"], over["y"] + over["height"] / 2
    page.drag((x + 0.4 * over["width"], y - 50), (x + 0.8 * over["width"], y + 50))
    page.until("document.querySelector('#curves').ariaBusy === 'false'")
    low = "Math.min(...[...document.querySelectorAll('#curves .u-over')].map((one) => one.clientWidth))"
    assert page.run(low) > 100


def test_where_nothing_learns_the_page_says_what_to_type(shown):
    stays = curve(start=CHANCE.loss, lowest=CHANCE.loss)
    page = shown(report(stays, stays, overrides="model=vgg16"))
    text = page.run("document.body.innerText")
    assert "The network learns at no learning rate within" in text
    assert "python -m exprun check model=vgg16" in text


def test_nothing_overflows_on_a_phone_and_it_prints(shown, tmp_path):
    page = shown(report(curve(0), curve(1), curve(2)))
    page.dark(True)
    page.size(400, 800, is_phone=True)
    assert page.run("document.documentElement.scrollWidth") <= 400
    page.print(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.skipif(not browser.AXE.exists(), reason=browser.NO_AXE)
def test_axe_finds_no_severe_violation(shown):
    assert shown(report(curve(0), curve(1))).violations() == []
