"""Targets that are too far away for the steps of a run."""

import numpy as np
import pytest

from doctor.passes import MSE, RNG, TEN, call, context_of, findings
from exprun.doctor.causes import unscaled_target
from exprun.doctor.subject import Pace

HIDDEN, OUTPUTS = np.full((16, 4), 0.5, np.float32), np.zeros((16, 1), np.float32)


def context(mean, steps=100, optimizer="adam", rate=0.001, objective=MSE, width=1.0):
    """A network of one layer that predicts numbers around `mean`; in a step, its outputs move by 3 learning rates."""
    labels = mean + width * RNG.normal(size=(64, 1))
    pace = Pace(optimizer, np.array([rate]), steps, 16)
    return context_of([call(HIDDEN, OUTPUTS)], objective=objective, labels=labels, outputs=OUTPUTS, pace=pace)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mean": 1000}, True),
        ({"mean": -1000}, True),
        ({"mean": 1000, "steps": 200_000}, False),
        ({"mean": 1000, "rate": 10.0}, False),
        ({"mean": 1000, "optimizer": "sgd"}, False),
        ({"mean": 1000, "steps": None}, False),
        ({"mean": 1000, "objective": TEN}, False),
        ({"mean": 0.1}, False),
        ({"mean": 3.0, "rate": 1e-7}, False),  # the rate is too low, and the targets are scaled
        ({"mean": 0, "width": 1e6}, True),  # too far from one another
        ({"mean": 0, "width": 1e6, "rate": 1000.0}, False),
        ({"mean": 0, "width": 10.0}, False),  # hidden units grow, too
    ],
)
def test_targets_that_no_run_of_this_length_reaches(given, said):
    found = findings(unscaled_target, context(**given))
    assert [f.severity for f in found] == ["warning"] * said
    if said:
        assert found[0].numbers["reach"] == pytest.approx(0.3)
        assert "0.003 in a step and 0.3 in all 100 steps" in found[0].evidence
