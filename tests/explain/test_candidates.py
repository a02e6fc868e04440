"""Which changes are compared."""

import pytest

from exprun.config.compose import Composer
from exprun.doctor.cause import Finding
from exprun.explain.candidates import (
    AS_IT_IS,
    OTHER,
    Candidate,
    Refused,
    both,
    changed,
    differing,
    from_groups,
    from_remedies,
    learned_by,
    remedies,
    usual,
)
from tiny import config

STUCK = ["experiment=stuck_vgg16", "data=digits"]


def finding(*overrides, severity="error"):
    return Finding("dead-relu", severity, "conv1", "It is so.", overrides=overrides)


def base(composer, overrides):
    return Candidate(AS_IT_IS, composer.config(overrides))


@pytest.mark.parametrize(
    ("given", "words", "wanted"),
    [
        (["norm=none"], ["norm=batch"], ["norm=batch"]),
        (["optim=sgd", "optim.learning_rate=1"], ["optim.learning_rate=2"], ["optim=sgd", "optim.learning_rate=2"]),
        (["optim.momentum=0.8", "model=cnn"], ["optim=adam"], ["model=cnn", "optim=adam"]),
        (["++optim.momentum=0.8"], ["optim=adam"], ["optim=adam"]),
        ([], ["optim=adam", "optim.learning_rate=1"], ["optim=adam", "optim.learning_rate=1"]),
        (["init=gaussian", "init.stddev=1"], ["input=unit"], ["init=gaussian", "init.stddev=1", "input=unit"]),
    ],
)
def test_words_replace_what_they_stand_for(given, words, wanted):
    assert changed(given, words) == wanted


def test_remedies_of_findings_come_in_their_order():
    found = [finding("norm=batch", "init=he_normal"), finding("norm=batch", "optim.clip_norm=1", severity="warning")]
    assert remedies(found, config()) == ["norm=batch", "init=he_normal", "optim.clip_norm=1"]


def test_the_usual_changes_join_few_remedies():
    found = [finding("init=he_normal input=standardize"), finding("norm=layer", severity="note")]
    tried = remedies(found, config("optim=adam"))
    assert tried == ["init=he_normal input=standardize", *usual(config("optim=adam"))]
    assert tried[1:] == [
        "norm=batch",
        "init=he_normal",
        "input=standardize",
        "optim=sgd_momentum",
        "optim.learning_rate=0.0001",
        "optim.learning_rate=0.01",
    ]


def test_rates_of_each_epoch_leave_no_rate_to_change():
    settings = config("schedule=by_epoch", "schedule.rates=[0.1,0.01]")
    assert not any("learning_rate" in text for text in usual(settings))


def test_a_bug_is_not_switched_off():
    found = [finding("norm=batch fault=none", "fault=none", "norm=layer", "norm=group", "norm=instance")]
    assert remedies(found, config()) == ["norm=layer", "norm=group", "norm=instance"]


def test_changes_that_change_nothing_or_do_not_compose_are_left_out(composer):
    given = [*STUCK, "fault=wrong_loss"]
    texts = ["norm=none", "norm=batch", "norm=batch norm.momentum=0.9", "trainer.epochs=50", "optim.momentum=0.5"]
    found, refused = from_remedies(composer, base(composer, given), given, texts)
    assert [candidate.label for candidate in found] == ["norm=batch"]
    assert found[0].config.fault.name == "wrong_loss"
    assert found[0].groups == {"norm"}
    assert [r.label for r in refused] == ["norm=none", "trainer.epochs=50", "optim.momentum=0.5"]
    assert refused[0].reason == refused[1].reason == "It has no effect in a short run."
    assert refused[2].reason.startswith("optim=adam does not use optim.momentum")


def test_the_groups_of_another_config(composer):
    first, second = [*STUCK, "data.size=28"], ["experiment=matconvnet_original", "data=digits", "data.size=28"]
    ends = base(composer, first), Candidate(OTHER, composer.config(second))
    found, refused = from_groups(composer, ends[0], first, ends[1], second)
    assert refused == []
    assert [*found[0].groups, *found[1].groups] == ["model", "input"]
    for candidate in found:
        group = next(iter(candidate.groups))
        assert getattr(candidate.config, group) == getattr(ends[1].config, group)
        assert differing(ends[0].config, candidate.config) == [group]
        written = composer.config(changed(first, candidate.overrides))
        assert learned_by(written) == learned_by(candidate.config)
    assert "trainer.batch_size=256" in [candidate.label for candidate in found]


def test_a_group_that_does_not_go_alone_is_refused(composer):
    first, second = ["data.size=28"], ["model=vgg16", "data.size=32"]
    found, refused = from_groups(
        composer, base(composer, first), first, Candidate(OTHER, composer.config(second)), second
    )
    assert [candidate.label for candidate in found] == ["data=digits data.size=32"]
    assert refused[0].label == "model"
    assert refused[0].reason.startswith("model=vgg16 is too deep for images of 28×28")


def test_values_of_a_group_belong_to_its_words(composer):
    first, second = ["norm=none"], ["norm=group", "norm.groups=4", "trainer.epochs=3"]
    found, _ = from_groups(composer, base(composer, first), first, Candidate(OTHER, composer.config(second)), second)
    assert [candidate.overrides for candidate in found] == [("norm=group", "norm.groups=4")]


def test_two_changes_together(composer):
    given = ["norm=none", "optim=adam"]
    start = base(composer, given)
    texts = ["norm=batch", "init=orthogonal input=unit", "norm=layer"]
    norm, init, layer = from_remedies(composer, start, given, texts)[0]
    pair = both(start, norm, init)
    assert pair is not None
    assert pair.overrides == ("norm=batch", "init=orthogonal", "input=unit")
    assert learned_by(pair.config) == learned_by(composer.config(changed(given, pair.overrides)))
    assert both(start, norm, layer) is None


def test_a_builder_has_its_own_init_and_norm():
    builder = ["model=python", "model.builder=somewhere:build"]
    first, second = (Composer().config([*builder, optim]) for optim in ("optim=adam", "optim=sgd"))
    assert differing(first, second) == ["optim"]
    assert "norm" not in learned_by(first)


def test_a_change_that_does_not_compose_is_refused_for_a_builder(composer):
    given = ["model=python", "model.builder=somewhere:build"]
    found, refused = from_remedies(composer, base(composer, given), given, ["norm=batch", "optim=adam"])
    assert [candidate.label for candidate in found] == ["optim=adam"]
    assert refused == [
        Refused("norm=batch", "model=python does not use norm: a model from a builder has its own init and norm.")
    ]
