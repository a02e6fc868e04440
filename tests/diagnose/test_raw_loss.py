"""Which loss of Keras has given a number, for the labels and outputs of a batch."""

import keras
import numpy as np
import pytest

from exprun.diagnose.raw_loss import loss_that_gives

RNG = np.random.default_rng(0)
OUTPUTS, ONE = RNG.normal(size=(16, 5)).astype(np.float32), RNG.normal(size=(16, 1)).astype(np.float32)
CLASSES = RNG.integers(0, 5, 16)


@pytest.mark.parametrize(
    ("loss", "labels", "outputs"),
    [
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), CLASSES, OUTPUTS),
        (keras.losses.CategoricalCrossentropy(from_logits=True), np.eye(5)[CLASSES], OUTPUTS),
        (keras.losses.BinaryCrossentropy(from_logits=True), (CLASSES % 2)[:, None], ONE),
        (keras.losses.BinaryCrossentropy(from_logits=True), CLASSES[:, None], ONE),  # class numbers, which are too many
        (keras.losses.SparseCategoricalCrossentropy(), CLASSES, np.abs(OUTPUTS) / np.abs(OUTPUTS).sum(1)[:, None]),
        (keras.losses.MeanSquaredError(), CLASSES[:, None], ONE),
    ],
)
def test_the_loss_is_recognised_by_its_value(loss, labels, outputs):
    number = float(loss(labels, outputs))
    found = loss_that_gives(number, labels[:, 0] if labels.shape[1:] == (1,) else labels, outputs)
    assert (type(found), getattr(found, "from_logits", None)) == (type(loss), getattr(loss, "from_logits", None))
    assert loss_that_gives(number + 0.1, labels, outputs) is None
