"""Labels at regular intervals of an epoch."""

import numpy as np
import pytest

from exprun.doctor.instruments.spread import Spread

RNG = np.random.default_rng(0)


def taken(labels, size=7, most=100):
    spread = Spread(most)
    for start in range(0, len(labels), size):
        spread.take(labels[start : start + size])
    return spread


@pytest.mark.parametrize(("count", "every"), [(90, 1), (150, 2), (1000, 16)])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_labels_are_kept_at_regular_intervals(count, every, size):
    assert np.array_equal(taken(np.arange(count), size).labels, np.arange(0, count, every))


def test_labels_of_other_shapes_or_none_are_left_out():
    spread = taken(np.arange(20.0).reshape(10, 2))
    spread.take(None)
    spread.take(np.zeros((3, 4)))
    assert spread.labels.shape == (10, 2)


@pytest.mark.parametrize(
    ("labels", "is_steady"),
    [
        (RNG.normal(50, 9, 90), True),
        (RNG.normal(50, 9, (90, 300)), True),
        (np.linspace(0, 1, 90) + 0.1 * RNG.normal(size=90), False),
        (np.linspace(0.1, 1, 90) * RNG.normal(size=90), False),
        (RNG.normal(size=30), False),
        (np.full(90, np.nan), False),
        (np.zeros(90), True),
    ],
)
def test_halves_of_shuffled_labels_agree(labels, is_steady):
    assert taken(labels).is_steady == is_steady


def test_few_labels_are_kept_if_they_are_large():
    assert taken(np.zeros((1000, 30_000), np.uint8), 100, most=4000).labels.shape == (125, 30_000)
