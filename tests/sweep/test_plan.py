"""Which runs a sweep consists of."""

import math
import re

import pytest

from exprun.config.compose import Composer
from exprun.config.errors import ConfigError
from exprun.sweep import plan

TUNED = ["sweep=tuned", "optim=sgd_momentum,rmsprop", "seed=0,1"]


@pytest.fixture(scope="module")
def composer():
    return Composer()


def jobs(composer, *overrides):
    return [" ".join(job) for job in plan.make(composer, overrides).jobs]


def test_a_grid_is_every_combination(composer):
    assert jobs(composer, "seed=0,1", "norm=none,batch") == [
        "norm=none seed=0",
        "norm=none seed=1",
        "norm=batch seed=0",
        "norm=batch seed=1",
    ]


def test_one_factor_at_a_time_keeps_the_others_at_their_first(composer):
    words = ["sweep=one_factor", "norm=batch,none", "optim=sgd_momentum,rmsprop,adam", "seed=0,1", "trainer.epochs=1"]
    found = plan.make(composer, words)
    assert found.factors == ["norm", "optim"]
    arms = [(config.norm.name, config.optim.name, config.seed) for config in found.configs]
    assert arms == [
        (norm, optim, seed)
        for norm, optim in [
            ("batch", "sgd_momentum"),
            ("none", "sgd_momentum"),
            ("batch", "rmsprop"),
            ("batch", "adam"),
        ]
        for seed in (0, 1)
    ]


def test_combinations_go_together_and_with_the_rest(composer):
    given = "sweep.combinations=[{norm: none, optim: rmsprop}, {optim.learning_rate: 0.1, trainer.deterministic: true}]"
    found = plan.make(composer, [given, "seed=0,1", "init=he_normal,glorot_uniform"])
    assert len(found.jobs) == 8
    assert found.factors == ["norm", "optim", "optim.learning_rate", "trainer.deterministic", "init"]
    arms = {(c.norm.name, c.optim.name, c.optim.learning_rate, c.trainer.deterministic) for c in found.configs}
    assert arms == {("none", "rmsprop", 0.0003, False), ("batch", "sgd_momentum", 0.1, True)}


def test_each_arm_is_tuned_around_its_own_rate_with_a_seed_of_its_own(composer):
    found = plan.make(composer, [*TUNED, "sweep.rates=[0.1,1,10]"])
    tried = [(config.optim.name, config.optim.learning_rate, config.seed) for config in found.configs]
    own = {name: Composer().config([f"optim={name}"]).optim.learning_rate for name in ("sgd_momentum", "rmsprop")}
    assert tried == [
        (name, pytest.approx(rate * factor), 1000) for name, rate in own.items() for factor in (0.1, 1, 10)
    ]
    ((first, compared),), said = found.chosen([0.2, 0.9, 0.3, 0.1, 0.2, math.nan])
    assert first == 6
    assert [job[-2:] for job in compared] == [
        [f"optim.learning_rate={rate:g}", seed] for rate in own.values() for seed in ("seed=0", "seed=1")
    ]
    assert ["optim=sgd_momentum" in job for job in compared] == [True, True, False, False]
    assert not any("may be better" in line for line in said)


def test_a_best_rate_at_the_edge_is_said_and_an_arm_without_one_left_out(composer):
    found = plan.make(composer, [*TUNED, "sweep.rates=[0.1,1,10]"])
    ((_, compared),), said = found.chosen([0.9, 0.1, 0.1, math.nan, math.nan, math.nan])
    assert ["optim=sgd_momentum" in job for job in compared] == [True, True]
    assert "the lowest that was tested; a lower one may be better (sweep.rates)" in said[0]
    assert said[1] == "optim=rmsprop: no run finished at any learning rate, so this arm is left out."


def test_the_lowest_loss_is_the_best_where_the_loss_selects(composer):
    found = plan.make(composer, [*TUNED, "trainer.select=val/loss"])
    ((_, compared),), _ = found.chosen([2.0, 1.0, 0.5, 1.0, 2.0, 3.0, 0.1, 2.0, 2.0, 2.0])
    assert {config.optim.name: config.optim.learning_rate for config in composer.jobs(TUNED, compared)} == {
        "sgd_momentum": pytest.approx(found.configs[2].optim.learning_rate),
        "rmsprop": pytest.approx(found.configs[6].optim.learning_rate),
    }


def test_an_arm_keeps_its_numbers_whatever_became_of_the_others(composer):
    found = plan.make(composer, [*TUNED, "sweep.rates=[0.1,1]"])
    nan = math.nan
    assert [(first, len(jobs)) for first, jobs in found.chosen([nan, nan, 0.1, 0.2])[0]] == [(6, 2)]
    assert [(first, len(jobs)) for first, jobs in found.chosen([0.1, 0.2, 0.1, 0.2])[0]] == [(4, 4)]


def test_a_deciding_sweep_begins_with_three_seeds(composer):
    found = plan.make(composer, ["sweep=decide", "norm=none,batch", "optim=sgd_momentum,rmsprop", "sweep.budget=2h"])
    assert len(found.jobs) == len(found.configs) == 12
    assert found.in_parts
    assert found.factors == ["norm", "optim"]
    assert [config.seed for config in found.configs[:3]] == [0, 1, 2]
    assert found.deciding.seeds == [f"seed={seed}" for seed in range(10)]
    assert found.deciding.budget.seconds == 7200
    assert found.deciding.rule.max_seeds == 10
    assert found.deciding.jobs(1, [3]) == [[*found.deciding.arms[3], "seed=3"]]


def test_the_seeds_of_a_deciding_sweep_can_be_given(composer):
    words = ["sweep=decide", "norm=none,batch"]
    listed = plan.make(composer, [*words, "seed=7,5,9,5"])
    assert listed.deciding.seeds == ["seed=5", "seed=7", "seed=9"]
    assert listed.deciding.rule.max_seeds == 3
    assert {config.sweep.max_seeds for config in listed.configs} == {3}
    first = plan.make(composer, [*words, "seed=100", "sweep.max_seeds=4"])
    assert first.deciding.seeds == ["seed=100", "seed=101", "seed=102", "seed=103"]
    combined = plan.make(composer, ["sweep=decide", "sweep.combinations=[{norm: none}, {norm: batch}]"])
    assert len(combined.jobs) == 6


def test_a_plan_does_not_compose_a_config_for_each_seed(composer, monkeypatch):
    composed, jobs = [], composer.jobs
    monkeypatch.setattr(composer, "jobs", lambda given, some: composed.extend(some) or jobs(given, some))
    plan.make(composer, ["sweep=decide", "norm=none,batch", "seed=range(0,40)"])
    assert len(composed) < 20
    composed.clear()
    with pytest.raises(ConfigError, match="run_dir=out would be shared by several runs"):
        plan.make(composer, ["sweep=decide", "norm=none,batch", "run_dir=out"])
    with pytest.raises(ConfigError, match="seed= lists 51"):
        plan.make(composer, ["sweep=decide", "norm=none,batch", "seed=range(0,51)"])
    assert len(composed) < 10


@pytest.mark.parametrize("kind", ["tuned", "decide"])
@pytest.mark.parametrize(("seed", "sentence"), [("-5", "seed is -5"), ("x", "seed=x|seed is")])
def test_a_wrong_seed_among_others_is_refused_before_any_run(composer, kind, seed, sentence):
    with pytest.raises(ConfigError, match=sentence):
        plan.make(composer, [f"sweep={kind}", "norm=none,batch", f"seed=0,{seed},1,2,3,4"])


def test_a_search_has_no_plan(composer, monkeypatch):
    monkeypatch.setattr(composer, "dimensions", lambda _: None)
    assert plan.make(composer, ["seed=0,1"]) is None


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ("seed=range(0,20000)", "This sweep has 20,000 runs, but at most 10,000 are allowed;"),
        ("sweep.rerun=failed,never", "sweep.rerun applies to the whole sweep: give it one value."),
        ("sweep=grid,tuned", "sweep applies to the whole sweep: give it one value."),
        ("sweep.combinations=[]", "sweep.combinations is empty."),
        ("sweep.combinations=[{norm:none},{norm:none}]", "sweep.combinations holds the same mapping twice."),
        ("sweep.combinations=[{norm:nine}]", "norm=nine is not known"),
        ("sweep.combinations=[{nor:none}]", "Unknown key nor"),
        (
            "sweep.combinations=[{norm:none}] norm=batch",
            "norm is a key in sweep.combinations, but it is an override too: leave it out there.",
        ),
        (
            "sweep.combinations=[{seed:1}]",
            "seed is a key in sweep.combinations, but it must be a separate override: leave it out there.",
        ),
        ("sweep.combinations=[{norm:[none]}]", "sweep.combinations[0].norm is"),
        ("sweep=one_factor sweep.combinations=[{norm:none}]", "sweep=one_factor makes its own combinations"),
        ("sweep=tuned optim.learning_rate=0.1", "sweep=tuned chooses optim.learning_rate itself"),
        ("sweep=tuned sweep.prune=asha", "sweep=tuned compares runs of the same length: leave out sweep.prune."),
        (
            "sweep=tuned seed=0,1000",
            "seed=1000 is the seed of the runs that choose the learning rates (sweep.tuning_seed)",
        ),
        ("sweep=tuned sweep.rates=[1]", "sweep.rates is"),
        ("sweep=tuned sweep.rates=[0,1]", "sweep.rates must be above 0."),
        ("sweep.rates=[1,2]", "sweep=grid does not use sweep.rates; it belongs to sweep=tuned."),
        ("sweep=decide seed=0,1,2", "sweep=decide needs at least two settings to decide between"),
        ("sweep=decide norm=none,batch seed=0,1,x", "seed is"),
        (
            "sweep=decide norm=none,batch data.folds=5 data.fold=0,1,2,3,4",
            "sweep=decide adds seeds, but with data.folds",
        ),
        ("sweep=decide norm=none,batch seed=0,1", "sweep=decide takes 3 to 50 seeds, but seed= lists 2"),
        ("sweep=decide norm=none,batch seed=range(0,51)", "sweep=decide takes 3 to 50 seeds, but seed= lists 51"),
        (
            "sweep=decide norm=none,batch seed=0,1,2 sweep.max_seeds=5",
            "sweep.max_seeds=5, but seed= lists 3 seeds: leave out one of the two.",
        ),
        ("sweep=decide norm=none,batch sweep.max_seeds=2", "sweep.max_seeds is 2, but must be at least 3"),
        (
            "sweep=decide norm=none,batch sweep.budget=5",
            "sweep.budget=5 is not enough for the first look, which takes 3 seeds of 2 arms: set it to 6 or more.",
        ),
        (
            "sweep=decide norm=none,batch sweep.budget=2x",
            "sweep.budget=2x, but it must be a number of runs, such as 40, or a time with its unit, such as 90s, 30m, ",
        ),
        ("sweep=decide norm=none,batch sweep.budget=0", "sweep.budget=0, but it must be a number of runs"),
        ("sweep=decide norm=none,batch sweep.budget=0h", "sweep.budget=0h, but it must be a number of runs"),
        ("sweep=decide norm=none,batch sweep.margin=0", "sweep.margin is 0"),
        ("sweep=decide norm=none,batch sweep.goal=worst", "sweep.goal is"),
        ("sweep=decide norm=none,batch sweep.prune=asha", "sweep=decide compares runs of the same length"),
        ("norm=none,batch sweep.budget=40", "sweep=grid does not use sweep.budget; it belongs to sweep=decide."),
        ("norm=none,batch sweep.margin=1", "sweep=grid does not use sweep.margin; it belongs to sweep=decide."),
        ("norm=none,batch sweep.goal=best", "sweep=grid does not use sweep.goal; it belongs to sweep=decide."),
        ("optim.learning_rate=interval(0.1,1)", "is an interval, and only a search can choose values in it"),
    ],
)
def test_what_is_no_plan_is_said_in_a_sentence(composer, overrides, sentence):
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        plan.make(composer, overrides.split())


FOLDS = ["data.folds=3", "data.fold=0,1,2"]


def test_folds_are_repeats_like_seeds(composer):
    found = plan.make(composer, [*FOLDS, "norm=none,batch", "seed=0,1", "data.split_seed=0,1"])
    assert found.factors == ["norm"]
    assert [(c.norm.name, c.data.split_seed, c.data.fold, c.seed) for c in found.configs] == [
        (norm, split_seed, fold, seed)
        for norm in ("none", "batch")
        for split_seed in (0, 1)
        for fold in range(3)
        for seed in (0, 1)
    ]


def test_one_factor_at_a_time_has_all_folds(composer):
    found = plan.make(composer, ["sweep=one_factor", *FOLDS, "norm=none,batch", "optim=adam,rmsprop"])
    assert (found.factors, len(found.jobs)) == (["norm", "optim"], 9)


def test_without_folds_the_split_seed_is_a_factor(composer):
    assert plan.make(composer, ["data.split_seed=0,1", "seed=0,1"]).factors == ["data.split_seed"]


def test_learning_rates_are_tuned_on_one_fold(composer):
    assert plan.make(composer, [*TUNED, "data.folds=3", "data.fold=1"]).configs[0].data.fold == 1
    with pytest.raises(ConfigError, match=r"give data\.fold one value"):
        plan.make(composer, [*TUNED, *FOLDS])
