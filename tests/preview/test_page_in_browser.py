"""The page of `show` in headless Chromium: images enlarge, classes are searched, nothing is loaded from elsewhere."""

import pytest

import browser
from exprun import Session
from exprun.config.compose import Composer
from exprun.preview.page import look, render_page
from preview.pictures import HOSTILE, write_arrays, write_folder

pytestmark = pytest.mark.skipif(browser.CHROMIUM is None, reason=browser.MISSING)
DIALOG = "document.querySelector('dialog.enlarged')"


def write_page(path, *overrides):
    path.write_text(render_page(look(Composer().config(list(overrides)), Session()), "python -m exprun show"))
    return path


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("chromium") / "profile") as page:
        yield page


@pytest.fixture(scope="module")
def of_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("show")
    data = ["data=image_folder", f"data.root={write_folder(root / 'images')}", "data.size=32", "augment=flip_crop"]
    return write_page(root / "page.html", *data)


@pytest.fixture(scope="module")
def of_many_classes(tmp_path_factory):
    root = tmp_path_factory.mktemp("show")
    return write_page(
        root / "page.html", "data=arrays", f"data.root={write_arrays(root / 'a.npz', 300, 120, (8, 8, 3))}"
    )


@pytest.fixture
def opened(chromium, request):
    """Opens a page in a wide window; a test fails if the page complains or asks for anything."""

    def open_page(path):
        chromium.size(1400)
        chromium.dark(False)
        chromium.open(path.as_uri())
        chromium.frame()
        return chromium

    yield open_page
    assert chromium.complaints == []


def test_a_click_enlarges_an_image_and_escape_closes(opened, of_folder):
    page = opened(of_folder)
    page.click("#seen-training li:nth-child(2) .thumb")
    assert page.run(f"{DIALOG}.open")
    text = page.run(f"{DIALOG}.innerText")
    assert "values from" in text
    assert ".png" in text
    box = page.box("dialog .picture")
    assert box["width"] == box["height"] > 300
    caption = "document.querySelector('#seen-training li:nth-child({}) .caption').textContent"
    assert page.run(f"{DIALOG}.querySelector('b').textContent") == page.run(caption.format(2))
    page.press("ArrowRight", 39)
    third = page.run("document.querySelector('#seen-training li:nth-child(3) .more-lines span').textContent")
    assert third in page.run(f"{DIALOG}.innerText")
    page.press("Escape", 27)
    assert not page.run(f"{DIALOG}.open")
    assert page.run("document.activeElement === document.querySelector('#seen-training li:nth-child(3) .thumb')")
    page.press("Enter", 13, "\r")
    assert page.run(f"{DIALOG}.open")
    page.click("dialog button")
    assert not page.run(f"{DIALOG}.open")


def test_a_button_copies_or_selects_the_command(opened, of_folder):
    page = opened(of_folder)
    page.click(".copy")
    page.until("document.querySelector('.copy').textContent !== 'Copy'")
    assert page.run("document.querySelector('.copy').textContent") in ("Copied", "Selected")
    assert page.run("getSelection().toString()") == "python -m exprun show"


def test_findings_lead_to_what_they_are_about(opened, of_folder):
    page = opened(of_folder)
    assert page.run("document.querySelectorAll('article.finding.warning').length") >= 3
    assert page.run("[...document.querySelectorAll('.finding a')].every((a) => document.querySelector(a.hash))")


def test_names_are_text(opened, of_folder):
    page = opened(of_folder)
    assert (
        page.run("document.querySelectorAll('main script, main .caption i, main .caption b, td i:not(.level)').length")
        == 0
    )
    assert HOSTILE in page.run("document.querySelector('#classes').innerText")


def test_thumbnails_show_different_parts_of_one_picture(opened, of_folder):
    page = opened(of_folder)
    style = "getComputedStyle(document.querySelector('#seen-training li:nth-child({}) i')).{}"
    pictures = {page.run(style.format(n, "backgroundImage"))[:60] for n in (1, 2)}
    assert len(pictures) == 1
    assert page.run(style.format(1, "backgroundPosition")) != page.run(style.format(2, "backgroundPosition"))
    assert page.run(style.format(1, "imageRendering")) == "pixelated"


def test_histograms_tell_their_values(opened, of_folder):
    page = opened(of_folder)
    page.until("document.querySelectorAll('#histograms canvas').length > 0")
    box = page.box("#histograms .u-over")
    page.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    text = page.run("document.getElementById('tip').innerText")
    assert "training: " in text
    assert "validation: " in text


@pytest.mark.slow
def test_classes_are_searched_and_sorted(opened, of_many_classes):
    page = opened(of_many_classes)
    page.click("#all-classes summary")
    page.write("#search", "class 117")
    rows = "[...document.querySelectorAll('#all-classes tbody tr')].map((row) => row.cells[0].textContent)"
    assert page.run(rows) == ["class 117 <i>"]
    page.choose("#search", "")
    page.click("#all-classes th button")
    assert page.run(rows)[:3] == ["class 0 <i>", "class 1 <i>", "class 2 <i>"]


@pytest.mark.parametrize("is_dark", [False, True])
def test_on_a_phone_nothing_is_wider_than_the_window(opened, of_folder, is_dark):
    page = opened(of_folder)
    page.size(400, is_phone=True)
    page.dark(is_dark)
    assert page.run("document.documentElement.scrollWidth") == 400
    paper = "getComputedStyle(document.body).backgroundColor"
    parts = "[...document.querySelectorAll('main *')]"
    assert page.run(f"{parts}.every((one) => getComputedStyle(one).color !== {paper})")


@pytest.mark.slow
def test_a_print_has_all_images(opened, of_folder, tmp_path):
    page = opened(of_folder)
    page.print(tmp_path / "page.pdf")
    pdf = (tmp_path / "page.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Subtype /Image") > 3


@pytest.mark.slow
@pytest.mark.skipif(not browser.AXE.exists(), reason=browser.NO_AXE)
def test_axe_finds_no_severe_violation(opened, of_folder):
    assert opened(of_folder).violations() == []
