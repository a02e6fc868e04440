"""The report as an HTML page."""

import html.parser
from pathlib import Path

from exprun.diagnose.fit import Place
from exprun.diagnose.page import Placed, Section, page
from exprun.diagnose.rewriting import Edit
from exprun.doctor.cause import Finding
from exprun.doctor.causes import unscaled_input
from exprun.experiments.evidence import Evidence
from exprun.experiments.proof import Proof
from exprun.experiments.reference import Reference
from exprun.experiments.trials import Change, Trial


class Reader(html.parser.HTMLParser):
    """Collects the tags that are open, the addresses that a page refers to, and its text."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.words = [], [], []

    def handle_starttag(self, tag, attrs):
        self.open += [] if tag == "meta" else [tag]
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
    assert (reader.open, reader.addresses) == ([], [])
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
    assert text.count("<polyline") == 2


def test_a_page_without_findings():
    text = page("A summary.", [], [Section(None, 7, [], None)])
    assert "found nothing" in text
    assert "<svg" not in text
