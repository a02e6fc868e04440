"""The report as an HTML page."""

import html.parser
import json
import re
from pathlib import Path

from exprun.diagnose.fit import Place
from exprun.diagnose.page import Placed, Section, page
from exprun.diagnose.rewriting import Edit
from exprun.doctor.cause import Finding
from exprun.doctor.causes import unscaled_input
from exprun.doctor_page.figures import figures
from exprun.doctor_page.material import Material
from exprun.experiments.evidence import Evidence
from exprun.experiments.proof import Proof
from exprun.experiments.reference import Reference
from exprun.experiments.trials import Change, Trial
from exprun.pages.depth import Depth


class Reader(html.parser.HTMLParser):
    """Collects the tags that are open, the addresses that a page refers to, and its text."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.words = [], [], []

    def handle_starttag(self, tag, attrs):
        self.open += [] if tag in ("meta", "link") else [tag]
        self.addresses += [value for name, value in attrs if name in ("href", "src")]

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def trial(names, losses, score):
    changes = tuple(Change(name, "", (), lambda setup: True) for name in names)
    return Trial(changes, (), 0, score, losses, 30, 1.0)


def test_findings_evidence_and_curves_are_on_one_page():
    source = Path("train.py")
    source.write_text("import keras\nmodel = keras.Sequential(a < b)\nmodel.fit(x)\n")
    plain, changed = trial((), (1.0, 0.9, float("nan")), -float("inf")), trial(("a <b> change",), (2.0, 0.5, 0.1), 0.9)
    proof = Proof((Reference("a linear model", 0.8, 1.0),), (plain,), (changed,), changed, None)
    finding = Finding(unscaled_input.CAUSE.id, "error", "input", "Values of <120>.")
    place = Place("train.py", 2, "train.py")
    text = page(
        "A summary.",
        ["A loop."],
        [Section(place, 7, [Placed(finding, place, [Edit(place, "Dense(3)")])], Evidence(0.1, proof))],
    )
    reader = Reader()
    reader.feed(text)
    shown = "".join(reader.words)
    assert (reader.open, reader.addresses) == ([], ["data:,"])
    for word in (
        "Values of <120>.",
        "keras.Sequential(a < b)",
        "a linear model",
        "a <b> change",
        "90%",
        "not finite",
        "write Dense(3)",
    ):
        assert word in shown
    [chart] = data_of(text)["series"].values()
    assert [line["name"] for line in chart["lines"]] == ["as it is", "a <b> change"]
    assert [line["y"] for line in chart["lines"]] == [[1, 0.9], [1, 0.25, 0.05]]
    assert "<mark>   2  model = keras.Sequential(a &lt; b)</mark>" in text


def test_a_page_without_findings():
    text = page("A summary.", [], [Section(None, 7, [], None)])
    assert "found nothing" in text
    assert data_of(text)["series"] == {}


def test_a_finding_comes_with_its_picture():
    finding = Finding("vanishing-signal", "error", "13 layers", "Evidence.")
    found = figures(Material(depths=[Depth("now", ("a", "b"), None, (1.0, 0.1, 0.0), (1.0, 1.0), (0.0, 0.0), (1, 1))]))
    text = page("A summary.", [], [Section(None, 7, [Placed(finding, None)], None, found)])
    article = text[text.index("<article") : text.index("</article>")]
    assert 'data-series="0-signal-0"' in article


def data_of(text):
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
