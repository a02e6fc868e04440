"""Descriptions of runs and experiments in MLflow."""

from types import SimpleNamespace

import pytest

from exprun.run_folder import RunFolder
from exprun.tracking.descriptions import LIMIT, NOTE, cut, describe, of_run, plain

METRICS = {
    "val/best_loss": 0.25,
    "val/best_accuracy": 0.95,
    "val/best_epoch": 4.0,
    "test/loss": 0.5,
    "test/accuracy": 1,
}
FINDINGS = [
    {"cause": "dead-relu", "severity": "warning", "text": "[dead-relu] warning: dense_1 is dead. Try norm=batch."},
    {"cause": "slow-input", "severity": "note", "text": "[slow-input] note: waiting."},
]


def test_a_run_is_described_by_its_status_metrics_findings_and_command():
    text = of_run("FINISHED", "", METRICS, FINDINGS, "python -m exprun seed=1")
    first, _, rest = text.partition("\n")
    assert first == (
        "**Finished**: validation accuracy 95.00% (loss 0.2500) at epoch 4, test accuracy 100.00% (loss 0.5000)."
    )
    assert r"dense\_1 is dead. Try norm=batch." in rest
    assert "waiting" not in rest
    assert "```sh\npython -m exprun seed=1\n```" in rest


def test_a_run_that_failed_is_described_by_its_reason():
    assert of_run("FAILED", "not finite: the loss.", {}, [], "") == "**Failed**: not finite: the loss.\n"


def test_names_are_not_formatted():
    assert plain("sgd_momentum *x*\n<b> a|b") == r"sgd\_momentum \*x\* \<b\> a\|b"
    assert plain("&lt; ~~x~~") == r"\&lt; \~\~x\~\~"


def test_a_long_description_is_cut_between_lines():
    text = "\n".join(["x" * 99] * 100)
    assert len(cut(text)) <= LIMIT
    assert cut(text).endswith("x\n…")
    assert len(cut("x" * 9000)) <= LIMIT
    assert cut("short") == "short"


def test_a_description_that_a_person_has_written_stays(tmp_path):
    notes = {}
    client = SimpleNamespace(set_tag=lambda run_id, key, value: notes.update({key: value}))

    def described(text):
        run = SimpleNamespace(data=SimpleNamespace(tags=dict(notes)), info=SimpleNamespace(run_id="1"))
        describe(client, run, RunFolder(tmp_path), text)
        return notes[NOTE]

    assert described("first") == "first"
    assert described("second") == "second"
    notes[NOTE] = "second, and my own words"
    assert described("third") == "second, and my own words"
    notes[NOTE] = "  "
    assert described("fourth") == "fourth"
    client.set_tag = lambda *_: {}["missing"]
    with pytest.raises(KeyError):  # a store that fails once
        described("fifth")
    client.set_tag = lambda run_id, key, value: notes.update({key: value})
    assert described("fifth") == "fifth"
