"""Which findings are reported, in which order, and which are only consequences of others."""

import logging
from dataclasses import replace

import pytest

from doctor.contexts import context_of
from exprun.doctor.cause import Finding, Phase, cause_of
from exprun.doctor.causes import dead_relu, exploding_signal, large_first_loss
from exprun.doctor.diagnosis import Diagnosis, examine, ordered
from exprun.doctor.history import History


def finding(cause, severity="error", **more):
    return Finding(cause, severity, "somewhere", "A number is 1.", **more)


def test_text_has_cause_number_reason_and_remedy():
    text = str(finding("vanishing-signal", step=7, overrides=("norm=batch", "init=he_normal")))
    assert text.startswith("[vanishing-signal] error at step 7, somewhere: A number is 1.")
    assert text.endswith("Try one of: norm=batch; init=he_normal.")
    assert "BatchNormalization" in str(finding("vanishing-signal"))
    text = str(finding("bypassed-layers", overrides=("norm=batch", "init=he_normal")))
    assert text.endswith("If you cannot change the code, try one of: norm=batch; init=he_normal.")
    text = str(finding("bypassed-layers", overrides=("norm=batch",)))
    assert text.index("x = layer(x)") < text.index("If you cannot change the code, try norm=batch.")


def test_a_remedy_that_fits_the_evidence_stands_in_place_of_that_of_the_cause():
    text = str(replace(finding("wrong-loss"), keras="loss='mse'."))
    assert text.endswith("Try: loss='mse'.")
    assert cause_of("wrong-loss").keras not in text


def test_symptoms_are_no_second_finding():
    found = ordered(
        [finding("loss-at-chance"), finding("dead-relu"), finding("bypassed-layers"), finding("wrong-loss")]
    )
    assert [f.cause for f in found] == ["bypassed-layers", "wrong-loss"]


def test_a_note_explains_nothing_and_comes_last():
    found = ordered([finding("shuffled-labels", "note"), finding("loss-at-chance")])
    assert [f.cause for f in found] == ["loss-at-chance", "shuffled-labels"]


def test_each_cause_is_news_once_and_again_when_graver():
    diagnosis = Diagnosis(silence=["overfitting"])
    assert diagnosis.add([finding("shuffled-labels", "note"), finding("overfitting")])
    assert diagnosis.add([finding("shuffled-labels", "note")]) == []
    assert [f.severity for f in diagnosis.add([finding("shuffled-labels", "warning")])] == ["warning"]
    assert [f.cause for f in diagnosis.findings] == ["shuffled-labels"]


def test_what_is_withdrawn_is_no_finding_and_news_only_where_it_was_told():
    doubt, back = finding("shuffled-labels"), finding("shuffled-labels", "note", withdrawn=True, step=8)
    diagnosis = Diagnosis()
    assert diagnosis.add([doubt, back]) == []
    assert diagnosis.add([doubt]) == [doubt]
    assert diagnosis.add([back]) == [back]
    assert diagnosis.findings == []
    assert diagnosis.add([back]) == []
    assert str(back) == "[shuffled-labels] withdrawn at step 8, somewhere: A number is 1."


def test_weights_that_an_exploding_gradient_has_killed_do_not_have_too_low_a_rate():
    found = ordered([finding("learning-rate-low", "warning"), finding("exploding-gradient")])
    assert [one.cause for one in found] == ["exploding-gradient"]


def test_a_symptom_found_after_its_cause_is_no_news():
    diagnosis = Diagnosis()
    diagnosis.add([finding("vanishing-signal")])
    assert diagnosis.add([finding("loss-at-chance")]) == []


@pytest.fixture
def checks(monkeypatch):
    """Replaces the checks of causes by functions that are given; all other checks find nothing."""
    from exprun.doctor.causes import CHAIN

    def replaced(by_module):
        for module in CHAIN:
            monkeypatch.setattr(module, "check", by_module.get(module, lambda context: ()))

    return replaced


def says(severity):
    return lambda context: [context.finding(severity, "somewhere", "A number is 1.")]


def test_findings_that_mean_nothing_beside_another_one_of_the_same_phase_are_left_out(checks):
    checks({dead_relu: says("error"), exploding_signal: says("error"), large_first_loss: says("warning")})
    found = examine(context_of(), Phase.FIRST_BATCH)
    assert [f.cause for f in found] == ["large-first-loss", "dead-relu"]


def test_a_check_that_fails_is_logged_but_not_printed_and_the_others_are_made(checks, failures, caplog):
    checks({exploding_signal: lambda context: 1 / 0, large_first_loss: says("warning")})
    assert [f.cause for f in examine(context_of(), Phase.FIRST_BATCH)] == ["large-first-loss"]
    assert len(failures) == 1
    assert [record.levelno < logging.WARNING for record in caplog.records] == [True]  # Python prints the others
    failures.clear()


def test_what_has_to_be_confirmed_is_reported_when_it_is_found_several_times_in_a_row(checks):
    checks({dead_relu: says("error")})
    context = replace(context_of(), history=History(None), phase=Phase.PROBE)
    assert examine(context) == []
    assert [f.cause for f in examine(context)] == ["dead-relu"]
    checks({})
    assert examine(context) == []
    checks({dead_relu: says("error")})
    assert examine(context) == []
