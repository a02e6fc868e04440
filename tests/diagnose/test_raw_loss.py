"""What a loop has minimised, known by its value."""

import keras
import numpy as np
import pytest

from exprun.diagnose.raw_loss import loss_that_gives

RNG = np.random.default_rng(0)
NUMBERS, WANTED = RNG.normal(size=(16, 3)), RNG.normal(size=(16, 3))
SHARES = RNG.dirichlet(np.ones(4), 16)
CLASSES = RNG.integers(0, 4, 16)
ROWS, YES = np.eye(4)[CLASSES], RNG.integers(0, 2, (16, 4))


def entropy(yes, shares):
    return -(yes * np.log(shares) + (1 - yes) * np.log(1 - shares)).mean()


@pytest.mark.parametrize(
    ("number", "labels", "outputs", "name", "reduction"),
    [
        (np.square(NUMBERS - WANTED).mean(), WANTED, NUMBERS, "MeanSquaredError", "sum_over_batch_size"),
        (np.abs(NUMBERS - WANTED).sum() / 3, WANTED, NUMBERS, "MeanAbsoluteError", "sum"),
        (entropy(YES, SHARES), YES, SHARES, "BinaryCrossentropy", "sum_over_batch_size"),
        (-np.log(SHARES[ROWS == 1]).mean(), ROWS, SHARES, "CategoricalCrossentropy", "sum_over_batch_size"),
        (-np.log(SHARES[ROWS == 1]).mean(), CLASSES, SHARES, "SparseCategoricalCrossentropy", "sum_over_batch_size"),
    ],
)
def test_a_loss_of_keras_is_known_by_its_value(number, labels, outputs, name, reduction):
    found = loss_that_gives(float(number), labels, outputs)
    assert (type(found).__name__, found.reduction) == (name, reduction)
    assert float(found(labels, outputs)) == pytest.approx(float(number), rel=1e-4)
    assert loss_that_gives(1.1 * float(number), labels, outputs) is None


def test_a_loss_of_all_pairs():
    labels, outputs = RNG.normal(size=16), RNG.normal(size=(16, 1))
    found = loss_that_gives(float(np.square(labels - outputs).mean()), labels, outputs)
    assert found.__name__ == "mean_of_all_pairs"


def test_large_images_are_not_compared_in_pairs():
    images, wanted = RNG.normal(size=(4, 300, 300, 1)), RNG.normal(size=(4, 300, 300, 1))
    found = loss_that_gives(float(np.square(images - wanted).mean()), wanted, images)
    assert isinstance(found, keras.losses.MeanSquaredError)
