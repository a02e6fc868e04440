"""The documentation as a site."""

import contextlib
import http.server
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from browser import CHROMIUM, MISSING, opened

ROOT = Path(__file__).parents[1]


def build(folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_in_the_site_and_loads_nothing_from_other_hosts(site):
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} | {"contributing", "changelog"}
    assert pages == {path.parent.name for path in site.glob("*/index.html")}
    first = (site / "index.html").read_text()
    assert 'href="doctor/"' in first
    assert 'href="LICENSE.txt"' in first
    for page in site.glob("**/index.html"):
        for attribute in ('src="http', 'rel="stylesheet" href="http', 'rel="preconnect"'):
            assert attribute not in page.read_text(), page


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
def test_the_search_finds_a_key(site, tmp_path):
    with served(site) as address, opened(tmp_path / "profile") as page:
        page.open(address)
        page.size(1400)
        page.write("input.md-search__input", "optim.weight_decay")
        page.until("document.querySelectorAll('.md-search-result__item').length > 0")
        assert "Configuration" in page.run("document.querySelector('.md-search-result').innerText")


@contextlib.contextmanager
def served(folder):
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
