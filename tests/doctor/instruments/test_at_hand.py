"""What data sets hold, and which examples were drawn."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from exprun.doctor.instruments.at_hand import AtHand, Drawn, Held, at_hand
from exprun.doctor.instruments.pipelines import Taken

X, Y = np.arange(240.0).reshape(60, 4), np.arange(60)
FILES = [f"images/{number}.png" for number in range(60)]


def batches(x, y, size):
    while True:
        for at in range(0, len(x), size):
            yield x[at : at + size], y[at : at + size]


def of_globals(size):
    for at in range(0, len(X), size):
        yield X[at : at + size], Y[at : at + size]


def scaled(inner):
    for x, y in inner:
        yield x / 255, y


class Loader(keras.utils.PyDataset):
    def __init__(self, x, y=Y, chosen=()):
        super().__init__()
        self.inputs, self.labels, self.chosen = x, y, list(chosen)

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.inputs[index * 4 : index * 4 + 4], self.labels[index * 4 : index * 4 + 4]


def known(data, used=8, shape=(4,)):
    return at_hand(data).rows(shape, used, 4)


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (batches(X, Y, 4), (60, "`x` in the generator")),
        (of_globals(4), (60, "`X` in the generator")),
        (scaled(batches(X, Y, 4)), (60, "`x` in the generator")),
        (Loader(X), (60, "`inputs` in the Loader")),
        (Loader(FILES), (60, "`inputs` in the Loader")),
        (Loader(np.array(FILES)), (60, "`inputs` in the Loader")),
        (Loader(X.reshape(60, 2, 2)), (60, "`inputs` in the Loader")),
        (Loader(X[:, :3]), None),  # something else than the inputs
        (Loader(["cat", "dog"] * 30), None),
        (Loader(X, chosen=range(8)), None),  # a list of the rows that are meant
    ],
)
def test_examples_that_are_held(data, rows):
    assert known(data) == rows


def test_a_generator_is_looked_at_without_a_draw():
    data = batches(X, Y, 4)
    assert known(data) is not None
    assert next(data)[0][0, 0] == 0
    assert at_hand(data).held
    done = iter(of_globals(60))
    list(done)
    assert at_hand(done) == AtHand("the generator")


@pytest.mark.parametrize("data", [X, [X, X], {"a": X}, None, "text"])
def test_other_data_tell_nothing(data):
    assert at_hand(data) is None


def test_pipelines():

    rows = tf.data.Dataset.from_tensor_slices((X, Y))
    assert at_hand(rows.batch(4).take(3)).taken == Taken(3, 15, are_batches=True)
    assert at_hand(rows.take(8).batch(4).repeat().prefetch(1)).taken == Taken(8, 60, are_batches=False)
    assert at_hand(rows.take(30).take(8).batch(4)).taken == Taken(8, 30, are_batches=False)
    assert at_hand(rows.shuffle(60).take(8).batch(4)).taken is None  # others in each epoch
    assert at_hand(rows.take(60).batch(4)).taken is None
    assert at_hand(rows.batch(4).repeat().take(3)).taken is None
    assert at_hand(rows.take(8).batch(4), rows.skip(8).batch(4)).taken is None  # a split
    assert at_hand(rows.take(8).batch(4), (X, Y)).taken is not None
    assert at_hand(rows.batch(4).repeat()).rows((4,), 8, 4) == (60, "the pipeline")
    assert at_hand(rows.repeat().batch(4)).rows((4,), 8, 4) == (60, "the pipeline")
    assert at_hand(rows.filter(lambda x, y: y > 3)).length is None


def drawn(*epochs):
    """What was drawn in epochs, each a list of batches of row numbers."""
    result = Drawn()
    for epoch in epochs:
        for number, rows in enumerate(epoch):
            result.take(X[list(rows)], number)
    return result


def test_epochs_that_begin_alike():
    one, other = [range(4), range(4, 8)], [range(4, 8), range(4)]
    assert drawn(one, one, one).alike == 3
    assert drawn(one, other, one).alike == 1
    assert drawn(other, one, one).alike == 2
    assert drawn().alike == 0
    assert drawn([range(4)], [range(4)]).alike == 0  # so few may be all there are


def test_an_epoch_whose_first_batch_was_not_seen_is_not_mixed_up():
    result = drawn([range(4), range(4, 8)], [range(4), range(4, 8)])
    result.take(X[:4], 1)
    assert result.alike == 2


def test_examples_that_return():
    assert drawn([range(8)] * 3).returning == 8
    assert drawn([range(8)] * 2).returning is None
    assert drawn([range(8)] * 6, [range(8, 60)]).returning is None  # some come more often than others
    assert drawn([[0, 1, 2, 3]] * 9).returning is None


def test_so_many_examples_are_counted(monkeypatch):
    monkeypatch.setattr("exprun.doctor.instruments.at_hand.MAX_ROWS", 8)
    assert drawn([range(8), range(8, 16)]).rows.total() == 8


def test_large_examples_are_recognised_by_a_part():
    result = Drawn()
    image = np.random.default_rng(0).random((2, 100, 100, 3))
    result.take(image, 0)
    result.take(image[::-1], 0)
    assert sorted(result.rows.values()) == [2, 2]


def test_held_examples_have_a_name():
    assert Held("chosen", 8, ()) in at_hand(Loader(X, chosen=range(8))).held
