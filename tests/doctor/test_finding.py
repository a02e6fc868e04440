"""What is said, in which order, and what is a mere symptom."""

import re
from dataclasses import replace

import pytest

from exprun.config.schema import GROUPS
from exprun.doctor.finding import CAUSES, SYMPTOMS, Diagnosis, Finding, explained_by, ordered
from exprun.doctor.remedies import REMEDIES, overrides_for
from exprun.doctor.table import PAGE, with_causes


def finding(cause, severity="error", **more):
    return Finding(cause, severity, "somewhere", "A number is 1.", **more)


def test_all_causes_say_what_a_person_needs():
    for name, cause in CAUSES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert cause.why.endswith(".")
        assert cause.source
        assert cause.keras.endswith(".")
        assert set(cause.explains) <= {*CAUSES, "*"}


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
    assert CAUSES["wrong-loss"].keras not in text


def test_symptoms_are_no_second_finding():
    found = ordered(
        [finding("loss-at-chance"), finding("dead-relu"), finding("bypassed-layers"), finding("wrong-loss")]
    )
    assert [f.cause for f in found] == ["bypassed-layers", "wrong-loss"]


def test_a_note_explains_nothing_and_comes_last():
    found = ordered([finding("shuffled-labels", "note"), finding("loss-at-chance")])
    assert [f.cause for f in found] == ["loss-at-chance", "shuffled-labels"]


def test_page_has_all_causes():
    page = PAGE.read_text(encoding="utf-8")
    assert with_causes(page) == page


def test_nothing_explains_itself():
    assert all(cause not in explained_by(cause) for cause in CAUSES)
    assert set(SYMPTOMS) <= set(CAUSES)


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


@pytest.mark.parametrize("cause", REMEDIES)
def test_every_remedy_composes(cause, composer):
    start = ["norm=none", "init=glorot_uniform", "input=unit", "optim=adam", "model.freeze=[conv1]"]
    config = composer.config(start)
    for remedy in overrides_for(finding(cause), config):
        assert "fault" not in remedy
        changed = composer.config([*start, *remedy.split()])
        assert any(getattr(changed, group) != getattr(config, group) for group in GROUPS), remedy


def test_what_the_config_has_already_is_not_proposed(composer):
    assert overrides_for(finding("vanishing-signal"), composer.config(["norm=none"])) == (
        "norm=batch",
        "optim.learning_rate=0.001",
    )
    assert overrides_for(finding("lagging-batch-norm"), composer.config(["norm=none"])) == ("norm=group",)
    words = ["trainer.precision=float32", "optim.clip_global_norm=1.0", "optim.learning_rate=0.01"]
    assert overrides_for(finding("not-finite"), composer.config(words)) == ("optim.learning_rate=0.001",)
    assert overrides_for(finding("class-imbalance"), composer.config(["data.class_weights=balanced"])) == ()


@pytest.mark.parametrize(
    ("cause", "words", "said"),
    [
        ("learning-rate-low", ["optim=adam", "optim.learning_rate=1e-9"], ("optim.learning_rate=0.001",)),
        ("learning-rate-high", ["optim=adam", "optim.learning_rate=5"], ("optim.learning_rate=0.001",)),
        (
            "learning-rate-low",
            ["optim=sgd_momentum", "schedule=matconvnet"],
            ("schedule=constant optim.learning_rate=0.1", "schedule=constant optim.learning_rate=0.5"),
        ),
        (
            "strong-regularization",
            ["optim=adamw", "optim.weight_decay=0.9"],
            ("optim.weight_decay=1e-4", "optim.weight_decay=0"),
        ),
        ("strong-regularization", ["optim=adam"], ()),
        ("missing-nonlinearity", ["model=python", "model.builder=package:network"], ()),
        (
            "frozen-layers",
            ["model=python", "model.builder=package:network", "model.freeze=[conv1]"],
            ("model.freeze=[]",),
        ),
        (
            "learning-rate-high",
            ["optim=adam", "optim.learning_rate=1e-7"],
            ("optim.learning_rate=1e-08", "optim.learning_rate=1e-09"),
        ),
        ("vanishing-signal", ["norm=none", "optim=adam", "optim.learning_rate=1e-7"], ("norm=batch",)),
        ("input-independent", ["norm=none", "input=unit"], ("norm=batch", "input=standardize")),
        ("lagging-batch-norm", ["norm=batch", "norm.momentum=0.99"], ("norm.momentum=0.9", "norm=group")),
        ("lagging-batch-norm", ["norm=batch", "norm.momentum=0.5"], ("norm=group",)),
    ],
)
def test_overrides_have_an_effect_in_the_config_they_are_for(cause, words, said, composer):
    assert overrides_for(finding(cause), composer.config(words)) == said


def test_overrides_are_left_out_where_they_do_not_fit_the_evidence(composer):
    assert overrides_for(finding("not-finite", remedies=()), composer.config([])) == ()
    never = finding("not-finite", remedies=("trainer.precision=float32",))
    assert overrides_for(never, composer.config(["trainer.precision=mixed_float16"])) == ("trainer.precision=float32",)
    assert "optim.learning_rate=0.001" in overrides_for(finding("dead-relu", step=9), composer.config([]))
