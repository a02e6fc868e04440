"""Loss and accuracy of always predicting the class frequencies."""

import numpy as np
import pytest

from exprun.doctor.instruments.chance import ChanceLevel, chance_level


def test_the_loss_at_chance_level_is_the_entropy_of_the_classes():
    assert chance_level(np.array([10, 10])) == ChanceLevel(pytest.approx(np.log(2)), 0.5, 2)
    assert chance_level(np.array([90, 10])).loss == pytest.approx(0.3251, abs=1e-4)
    assert chance_level(np.array([90, 10]), smoothing=1.0).loss == pytest.approx(np.log(2))
