"""The weights of the classes in the loss."""

from dataclasses import replace

import numpy as np
import pytest

from exprun.loss import class_weights
from tiny import TINY, config


def weights(beta, counts):
    made = config(*TINY)
    return class_weights(replace(made, loss=replace(made.loss, class_balance=beta)), np.array(counts), None)


def test_class_balanced_weights_are_those_of_the_paper():
    """Equation 5: the effective number is 1 + β + β² + … + β^(n − 1)."""
    found = weights(0.9, [1, 2, 30])
    effective = np.array([sum(0.9**power for power in range(n)) for n in (1, 2, 30)])
    np.testing.assert_allclose(found / found[0], 1 / effective, rtol=1e-5)
    assert (found * [1, 2, 30]).sum() / 33 == pytest.approx(1)


def test_the_ends_of_class_balance():
    np.testing.assert_allclose(weights(0.0, [10, 90]), 1.0)
    np.testing.assert_allclose(weights(1 - 1e-9, [10, 90]), [5.0, 100 / 180], rtol=1e-4)


def test_a_class_without_training_images_has_no_weight():
    assert weights(0.99, [4, 0, 4]).tolist() == [1.0, 0.0, 1.0]
