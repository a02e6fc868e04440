"""The page of a command: its path, its last line, and opening it only where there is a display."""

import argparse
import webbrowser

import pytest

from exprun.commands import Parser, page_file
from exprun.config.errors import ConfigError, RunError


@pytest.fixture
def opened(monkeypatch):
    found: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: found.append(address) is None)
    return found


def test_each_page_has_a_file_of_its_own():
    first = page_file.page_path("show")
    page_file.write_page("a", first)
    second = page_file.page_path("show")
    assert first != second
    assert first.parent == second.parent == page_file.PAGES
    assert first.name.startswith("show-2")


@pytest.mark.parametrize("given", ["", "."])
def test_the_path_of_a_page_is_a_file(given):
    with pytest.raises(ConfigError, match="must be a file"):
        page_file.page_path("show", given)


def test_a_page_that_nobody_can_write_is_refused_at_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file must be a folder, but is a file"):
        page_file.page_path("show", str(tmp_path / "file" / "new" / "page.html"))
    assert page_file.page_path("show", str(tmp_path / "new" / "page.html")) == tmp_path / "new" / "page.html"
    monkeypatch.setattr(page_file.os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(ConfigError, match="cannot be written"):
        page_file.page_path("show", str(tmp_path / "new" / "page.html"))


def test_a_page_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        page_file.write_page("a", tmp_path / "file" / "page.html")


def test_the_options_of_a_page():
    parser = Parser()
    page_file.add_page_options(parser)
    assert parser.parse_args(["seed=1", "--html", "a.html", "--open"]) == argparse.Namespace(
        overrides=["seed=1"], config_dir=None, html="a.html", open=True
    )


def test_a_page_is_opened_on_a_display(opened, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("DISPLAY", ":0")
    page_file.announce(tmp_path / "a.html", True)
    assert opened == [(tmp_path / "a.html").as_uri()]
    assert capsys.readouterr().out == f"page: {tmp_path / 'a.html'}\n"


def test_without_a_display_one_line_says_so(opened, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    page_file.announce(tmp_path / "a.html", True)
    assert opened == []
    assert capsys.readouterr().out == f"{page_file.NOT_OPENED}\npage: {tmp_path / 'a.html'}\n"


def test_nothing_is_opened_without_being_asked(opened, capsys, tmp_path):
    page_file.announce(tmp_path / "a.html", False)
    assert opened == []
    assert capsys.readouterr().out == f"page: {tmp_path / 'a.html'}\n"
