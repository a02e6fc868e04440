"""Whether two fits get the same data."""

import numpy as np
import pytest

from exprun.doctor.instruments.sameness import mark_of

X, Y = np.arange(600.0).reshape(200, 3), np.arange(200)


class Rows:
    """A data set of a person's own."""

    def __eq__(self, other):
        raise ValueError


@pytest.mark.parametrize(
    "make", [lambda: (X / 255, Y.copy()), lambda: ([X * 1, X * 2], Y), lambda: ({"a": X * 1}, Y), lambda: ([1, 2], [3])]
)
def test_arrays_with_the_same_rows_are_the_same(make):
    assert mark_of(*make()) == mark_of(*make())
    assert mark_of(*make()) is not None


def test_other_rows_labels_or_sizes_are_other_data():
    mark = mark_of(X, Y)
    assert mark != mark_of(X + 1, Y)
    assert mark != mark_of(X, Y + 1)
    assert mark != mark_of(X[:100], Y[:100])


def test_data_sets_are_the_same_only_as_objects():
    one, other = Rows(), Rows()
    assert mark_of(one, None) == mark_of(one, None)
    assert mark_of(one, None) != mark_of(other, None)
    mark = mark_of(other, None)
    del other
    assert mark != mark_of(Rows(), None)


@pytest.mark.parametrize("data", [(), (None, None), (object(), None), (np.array(["a", None], object), Y)])
def test_data_that_cannot_be_recognised(data):
    assert mark_of(*data) is None


def batches(x, size=4):
    yield from (x[at : at + size] for at in range(0, len(x), size))


def test_generators_are_the_same_if_they_are_made_in_the_same_way():
    one = batches(X)
    mark = mark_of(one, None)
    assert mark == mark_of(batches(X.copy()), None)
    assert mark != mark_of(batches(X + 1), None)
    assert mark != mark_of(batches(X, 8), None)
    assert mark != mark_of((row for row in X), None)
    next(one)
    assert mark == mark_of(one, None)
    begun = batches(X)
    next(begun)
    assert mark != mark_of(begun, None)
