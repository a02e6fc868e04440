"""Folds: disjoint, together all images, stratified, and drawn with the split seed only."""

from dataclasses import replace

import numpy as np
import pytest

from exprun.config.errors import DataError
from exprun.config.images import Data
from exprun.data.dataset import split
from exprun.data.pool import Pool

DATA = Data(name="arrays", root="-", val_fraction=0.1, test_fraction=0.2, folds=5)
LABELS = np.repeat([0, 1, 2, 3], [80, 60, 40, 21])


def pool(labels, parts=None):
    images = np.random.default_rng(1).integers(0, 256, (len(labels), 4, 4, 1), np.uint8)
    parts = np.zeros(len(labels), np.uint8) if parts is None else np.asarray(parts, np.uint8)
    return Pool(images, np.asarray(labels, np.int32), list("abcd"), parts, fingerprint="f")


def folds(made, data=DATA, groups=None):
    return [split(made, replace(data, fold=fold), groups) for fold in range(data.folds)]


def test_folds_are_disjoint_stratified_and_together_all_images():
    made = folds(pool(LABELS))
    every = np.concatenate([data.val.rows for data in made])
    assert sorted([*every, *made[0].test.rows]) == list(range(201))
    assert {len(data.val) for data in made} == {32, 33}
    for data in made:
        assert data.test.rows.tolist() == made[0].test.rows.tolist()
        assert sorted([*data.train.rows, *data.val.rows]) == sorted(every)
        counts = np.bincount(data.val.row_labels)
        assert np.abs(counts - np.bincount(LABELS[every]) / 5).max() < 1
        assert (np.diff(data.train.rows) > 0).all()
        assert (np.diff(data.val.rows) > 0).all()


def test_the_test_set_is_that_of_a_run_without_folds():
    single = split(pool(LABELS), replace(DATA, folds=None))
    assert single.test.rows.tolist() == folds(pool(LABELS))[0].test.rows.tolist()


def test_an_official_test_set_stays_and_validation_images_are_divided():
    parts = np.zeros(201, np.uint8)
    parts[::7], parts[::5] = 1, 2
    made = folds(pool(LABELS, parts))
    assert all(data.test.rows.tolist() == np.flatnonzero(parts == 2).tolist() for data in made)
    assert sorted(np.concatenate([data.val.rows for data in made])) == np.flatnonzero(parts != 2).tolist()


def test_another_split_seed_is_another_repetition():
    first, again = (split(pool(LABELS), replace(DATA, fold=2)) for _ in range(2))
    other = split(pool(LABELS), replace(DATA, fold=2, split_seed=1))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert len({data.fingerprint for data in folds(pool(LABELS))}) == 5


def test_folds_of_groups_keep_them_whole_and_the_classes_even():
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(120), rng.integers(1, 6, 120))
    labels = (person % 4).astype(np.int32)
    made = folds(pool(labels), replace(DATA, test_fraction=0.0), person.astype(str).tolist())
    assert sorted(np.concatenate([data.val.rows for data in made])) == list(range(len(labels)))
    for data in made:
        assert not set(person[data.val.rows]) & set(person[data.train.rows])
        assert abs(len(data.val) - len(labels) / 5) < 0.1 * len(labels) / 5 + 5
        assert set(data.val.row_labels) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("labels", "groups", "said"),
    [
        (
            [0] * 20 + [1] * 3,
            None,
            "class b has 3 images, so it would be missing in a fold: choose at most data.folds=3",
        ),
        ([0] * 20 + [1], None, "class b has 1 image, so it would be missing in a fold: leave such"),
        ([0] * 3 + [1] * 3 + [2] * 9, None, r"class a has 3 images, .* fold \(and 1 more of 3 classes\)"),
        ([0, 1] * 20, list("abcd") * 10, "class a has 2 groups, so it would be missing in a fold"),
        ([0] * 60 + [1] * 60, [*["p"] * 55, *map(str, range(65))], "group p has 55 of 120 images, more than two folds"),
    ],
)
def test_folds_that_cannot_be_made(labels, groups, said):
    with pytest.raises(DataError, match=said):
        split(pool(labels), replace(DATA, fold=0, test_fraction=0.0), groups)


@pytest.mark.parametrize(
    ("more", "given", "drawn"),
    [
        ({}, "44ba6769e5127694", "71fd54a10775a037"),
        ({"limit": 90}, "4793efeac82f2462", "998aaac89b85123f"),
        ({"validation": "test"}, "c686d1bb76dc5d7b", "ebe073032d7e3658"),
        ({"validation": "test", "limit": 50}, "e9671ab6b9bb337c", "8067bc692fb7bea9"),
        ({"classes": ["b", "d"]}, "d0bab2246bfd7273", "357784c3a2b0d663"),
    ],
)
def test_fingerprints_without_folds_and_groups_are_those_of_version_0_1(more, given, drawn):
    """Runs are found again, resumed and compared by them."""
    labels, parts = np.repeat([0, 1, 2, 3], [80, 60, 40, 20]), np.zeros(200, np.uint8)
    parts[::7], parts[::5] = 1, 2
    data = replace(DATA, folds=None, **more)
    assert [split(pool(labels, some), data).fingerprint[:16] for some in (parts, None)] == [given, drawn]
