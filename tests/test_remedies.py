"""The overrides that are proposed against a cause."""

import pytest

from exprun.config.schema import GROUPS
from exprun.doctor.cause import Finding
from exprun.doctor.causes import CHAIN
from exprun.remedies import overrides_for


def finding(cause, severity="error", **more):
    return Finding(cause, severity, "somewhere", "A number is 1.", **more)


APPLICATION = ["model=application", "model.application=MobileNetV2"]


@pytest.mark.parametrize("cause", [module.CAUSE.id for module in CHAIN if module.CAUSE.overrides])
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
        ("lagging-batch-norm", APPLICATION, ("model.norm_momentum=0.9",)),
        ("lagging-batch-norm", [*APPLICATION, "model.norm_momentum=0.9"], ()),
    ],
)
def test_overrides_have_an_effect_in_the_config_they_are_for(cause, words, said, composer):
    assert overrides_for(finding(cause), composer.config(words)) == said


def test_overrides_are_left_out_where_they_do_not_fit_the_evidence(composer):
    assert overrides_for(finding("not-finite", remedies=()), composer.config([])) == ()
    never = finding("not-finite", remedies=("trainer.precision=float32",))
    assert overrides_for(never, composer.config(["trainer.precision=mixed_float16"])) == ("trainer.precision=float32",)
    assert "optim.learning_rate=0.001" in overrides_for(finding("dead-relu", step=9), composer.config([]))
