"""The page of a comparison in a browser: nothing on its console or asked of the network, also with many points."""

import json
import re
import shutil
import subprocess
import time

import pytest

from compare.fake_runs import write_run
from exprun.compare import report
from exprun.compare.analysis import analyse
from exprun.compare.selection import select

EPOCHS, SEEDS = 2500, 10  # of two arms, with two figures an epoch: 100,000 points
CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    for seed in range(SEEDS):
        for norm, gain in (("none", 0.0), ("batch", 0.1)):
            run = write_run(folder / f"{norm}{seed}", 0.7 + gain + 0.01 * seed, seed=seed, norm__name=norm)
            found = json.loads((run / "result.json").read_text())
            found["history"] = [
                {"epoch": e, "step": 20.0 * e, "train/loss": 2 / (e + seed), "val/accuracy": 0.7 + gain - 0.5 / e}
                for e in range(1, EPOCHS + 1)
            ]
            (run / "result.json").write_text(json.dumps(found))
    path = folder / "report.html"
    report.write_page(
        analyse(select([str(folder)]), None, metric="val/accuracy"), path, "python -m exprun compare many"
    )
    return path


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", ["390,1200", "1280,1200"])
def test_it_opens_quietly_and_soon(page, tmp_path, size, dark):
    log = tmp_path / "net.json"
    command = [
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'profile'}", "--disable-background-networking", "--no-first-run",
        f"--log-net-log={log}", f"--window-size={size}", f"--screenshot={tmp_path / 'page.png'}",
        *(["--blink-settings=preferredColorScheme=0"] if dark else []), page.as_uri(),
    ]  # fmt: skip
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    print(f"{size} {'dark' if dark else 'light'}: {time.monotonic() - began:.1f} s, {page.stat().st_size:,} bytes")
    assert (tmp_path / "page.png").stat().st_size > 10_000
    assert "CONSOLE" not in done.stderr
    # What the browser asks for of itself has no origin.
    origins = set(re.findall(r'"initiator":"([^"]+)"', log.read_text())) - {"not an origin"}
    assert not origins, origins
