"""The direction in which a sweep optimises, from the metric that `trainer.select` names."""

import pytest

from exprun.config.errors import ConfigError
from exprun.sweep.launch import search_direction
from exprun.sweep.plan import Plan
from tiny import config


@pytest.mark.parametrize(
    ("select", "direction"), [("val/loss", "minimize"), ("val/accuracy", "maximize"), ("val/auroc", "maximize")]
)
def test_a_search_optimises_in_the_direction_of_its_metric(select, direction):
    settings, key = config(f"trainer.select={select}"), "hydra.sweeper.direction"
    assert search_direction(settings, ["hydra/sweeper=optuna"]) == [f"{key}={direction}"]
    assert search_direction(settings, [f"{key}={direction}"]) == []
    other = {"minimize": "maximize", "maximize": "minimize"}[direction]
    with pytest.raises(
        ConfigError, match=rf"{key}={other} does not fit trainer\.select={select}, .*{key}={direction}\."
    ):
        search_direction(settings, [f"+{key}={other}"])


@pytest.mark.parametrize(("select", "rate"), [("val/loss", "0.01"), ("val/macro_f1", "0.1")])
def test_the_learning_rate_of_an_arm_is_the_best_by_its_metric(select, rate):
    plan = Plan([["seed=9"]] * 2, [], [config(f"trainer.select={select}")], [([], [0.01, 0.1])], ["seed=0"])
    ((_, jobs),), _ = plan.chosen([0.2, 0.8])
    assert jobs == [[f"optim.learning_rate={rate}", "seed=0"]]
