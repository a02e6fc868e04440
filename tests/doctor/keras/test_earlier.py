"""Which rows earlier fits of a model have trained on, if a fit goes on with their weights."""

import numpy as np
import pytest

from exprun.doctor.keras import earlier

RNG = np.random.default_rng(0)
FIRST = RNG.normal(size=500).astype(np.float32)
MOVED = FIRST + 0.1 * RNG.normal(size=500).astype(np.float32)


class Model:
    """A model of which only the weights are known."""

    weights = MOVED


@pytest.fixture(autouse=True)
def _weights(monkeypatch):
    monkeypatch.setattr(earlier, "values_of", lambda model: model.weights)


def test_the_weights_of_the_end_of_a_fit_or_of_an_epoch_in_between():
    model = Model()
    earlier.remember(model, [b"a", b"b"], FIRST)
    assert earlier.trained_rows(model, MOVED) == {b"a", b"b"}
    assert earlier.trained_rows(model, FIRST + 0.3 * (MOVED - FIRST)) == {b"a", b"b"}


@pytest.mark.parametrize(
    "now", [FIRST, RNG.normal(size=500).astype(np.float32), MOVED[:-1], np.zeros(0, np.float32), MOVED * np.nan]
)
def test_first_weights_that_are_restored_drawn_again_or_unknown(now):
    model = Model()
    earlier.remember(model, [b"a"], FIRST)
    assert earlier.trained_rows(model, now) == set()
    assert earlier.trained_rows(Model(), MOVED) == set()


def test_several_fits():
    model = Model()
    earlier.remember(model, [b"a"], FIRST)
    earlier.remember(model, [b"b"], MOVED)
    assert earlier.trained_rows(model, MOVED) == {b"a", b"b"}
    earlier.remember(model, [b"c"], FIRST)  # it began with the first weights again
    assert earlier.trained_rows(model, MOVED) == {b"c"}


def test_rows_that_are_too_many(monkeypatch):
    monkeypatch.setattr(earlier, "MAX_ROWS", 3)
    model = Model()
    earlier.remember(model, [b"a", b"b"], FIRST)
    earlier.remember(model, [b"c", b"d"], MOVED)
    assert earlier.trained_rows(model, MOVED) == {b"a", b"b", b"c"}
