"""The page of `check`: written whatever is found, with the networks that findings propose."""

import json
import re
from pathlib import Path

import pytest

import tiny
from exprun import cli
from exprun.check_page import alternatives
from exprun.doctor.cause import Finding

SMALL = [tiny.LAYERS, "data.limit=400", "trainer.epochs=2", "trainer.precision=float32", "tracking=none"]


def checked(capsys, *overrides):
    """The exit code, the page, its data, and what was printed."""
    code = cli.main(["check", *SMALL, *overrides, "--html", "pages/check.html"])
    text = Path("pages/check.html").read_text()
    return code, text, json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1]), capsys.readouterr().out


def test_a_finding_comes_with_the_picture_that_proves_it(capsys):
    code, text, data, said = checked(capsys, "fault=unscaled_eval", "init=glorot_uniform")
    assert code == 1
    assert said.splitlines()[-1] == "page: pages/check.html"
    article = text[text.index("<article") : text.index("</article>")]
    assert "unscaled-evaluation" in article
    assert 'data-histograms="0-histograms"' in article
    names = [line["name"] for line in data["series"]["0-signal-0"]["lines"]]
    assert names[0] == "this network"
    assert names[1] == "after its first step"
    assert names[2] in ("init=he_normal", "norm=batch")
    assert {f"0-{kind}-0" for kind in ("signal", "gradient", "dead", "update", "statistics")} == set(data["series"])


@pytest.mark.slow
def test_a_network_without_problems_has_a_page_too(capsys):
    code, text, _, _ = checked(capsys, "norm=batch", "init=he_normal")
    assert code == 0
    assert "found nothing" in text
    assert "Images as the network gets them" in text


@pytest.mark.parametrize(
    ("remedies", "expected"),
    [
        ((), ["init=he_normal", "norm=batch"]),
        (("norm=batch", "init=he_normal optim.learning_rate=0.0001"), ["norm=batch", "init=he_normal"]),
        (("init=he_normal input=standardize", "norm=batch", "model.activation=leaky_relu"),
         ["init=he_normal input=standardize", "norm=batch"]),
        (("optim.learning_rate=0.1",), ["init=he_normal", "norm=batch"]),
    ],
)  # fmt: skip
def test_the_networks_to_compare_with_are_those_that_findings_propose(remedies, expected):
    config = tiny.config("norm=none", "init=glorot_uniform")
    found = [Finding("dead-relu", "error", "layer a", "Evidence.", overrides=remedies)]
    assert alternatives(found, config) == expected
