"""Checks of the learning rates that a run is going to have."""

import numpy as np
import pytest

from exprun.doctor.callback import limits_of
from exprun.doctor.pace import Pace, check_low, check_pace

LIMITS = limits_of({})


def causes(findings):
    return [finding.cause for finding in findings]


@pytest.mark.parametrize(("decay", "said"), [(0.9, ["strong-regularization"]), (0.05, [])])
def test_a_decay_that_takes_the_weights_away_is_found(decay, said):
    assert causes(check_pace(Pace("sgd", np.full(5, 0.05), 100, 32, decay), LIMITS)) == said
    assert causes(check_pace(Pace("muon_nesterov", np.full(5, 0.24), 100, 32, decay), LIMITS)) == []


@pytest.mark.parametrize(("rate", "said"), [(2e-5, ["learning-rate-low"]), (1e-3, [])])
def test_a_rate_for_fine_tuning_is_named_at_chance(rate, said):
    assert causes(check_low(Pace("adam", np.full(5, rate), 100, 32), LIMITS, 50, 1.39, 1.386)) == said
