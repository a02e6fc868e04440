"""The page of batch sizes in headless Chromium."""

import pytest

import browser
from batch_size.fakes import report
from exprun.batch_size import report as reports

pytestmark = pytest.mark.skipif(browser.CHROMIUM is None, reason=browser.MISSING)
TIP = "document.getElementById('tip').innerText"


def test_the_page_shows_the_speeds(tmp_path):
    path = tmp_path / "page.html"
    found = report({8: [100.0, 110.0], 16: [190.0, 191.0], 32: [195.0, 199.0]}, configured=32)
    path.write_text(reports.page(found, "python -m exprun batch model=<b>x</b>"))
    with browser.opened(tmp_path / "profile") as page:
        page.size(1400)
        page.open(path.as_uri())
        page.until("document.querySelector('#speeds').ariaBusy === 'false'")
        assert "from 16 images in a batch" in page.run("document.querySelector('.verdict').innerText")
        assert "<b>x</b>" in page.run("document.body.innerText")
        over = page.box("#speeds .u-over")
        page.move(over["x"] + over["width"] / 2, over["y"] + over["height"] / 2)
        assert page.run(TIP).splitlines() == ["batch 16", "190.5 images/s", "190 to 191 in the measurements"]
        page.dark(True)
        page.size(400, 800, is_phone=True)
        assert page.run("document.documentElement.scrollWidth") <= 400
        assert page.complaints == []


@pytest.mark.slow
@pytest.mark.skipif(not browser.AXE.exists(), reason=browser.NO_AXE)
def test_axe_finds_no_severe_violation(tmp_path):
    path = tmp_path / "page.html"
    path.write_text(reports.page(report({8: [100.0, 110.0], 16: [190.0, 191.0]}), "python -m exprun batch"))
    with browser.opened(tmp_path / "profile") as page:
        page.size(1400)
        page.open(path.as_uri())
        assert page.violations() == []
