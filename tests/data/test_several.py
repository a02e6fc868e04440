"""Splits of images with several labels: exact, the same for a seed, and with each label in each part."""

from dataclasses import replace

import numpy as np
import pytest

from exprun.config.errors import DataError
from exprun.config.images import Data
from exprun.data import load
from exprun.data.dataset import split
from exprun.data.groups import Groups
from exprun.data.pool import Pool
from exprun.data.several import divided

RATES = np.array([0.5, 0.3, 0.1, 0.03, 0.01])
IMAGES = 1000
DATA = Data(name="arrays", labels="several", root="x.npz", val_fraction=0.1, test_fraction=0.2)


def labels_of(seed=0, images=IMAGES):
    return (np.random.default_rng(seed).random((images, len(RATES))) < RATES).astype(np.float32)


def pool():
    labels = labels_of()
    return Pool(np.zeros((IMAGES, 2, 2, 1), np.uint8), labels, list("abcde"), np.zeros(IMAGES, np.uint8))


def test_each_part_has_its_share_of_each_label():
    labels, rows = labels_of(), np.arange(IMAGES)
    parts = divided(rows, labels, [100, 200, 700], np.random.default_rng(0))
    assert [len(part) for part in parts] == [100, 200, 700]
    assert np.array_equal(np.sort(np.concatenate(parts)), rows)
    shares = np.array([labels[part].sum(axis=0) / labels.sum(axis=0) for part in parts]).T
    wanted, step = np.array([0.1, 0.2, 0.7]), 1.01 / labels.sum(axis=0)[:, None]
    assert (np.abs(shares - wanted) <= np.maximum(step, 0.01)).all()  # to an image
    empty = [(labels[part].sum(axis=1) == 0).mean() for part in parts]
    assert np.ptp(empty) < 0.1
    by_luck = np.random.default_rng(0).permutation(IMAGES)[:100]
    assert np.abs(labels[by_luck].sum(axis=0) - 0.1 * labels.sum(axis=0)).max() > 2


def test_the_seed_decides():
    found = [divided(np.arange(IMAGES), labels_of(), [100, 900], np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(found[0][0], found[1][0])
    assert not np.array_equal(found[0][0], found[2][0])


def test_groups_stay_whole():
    labels, names = labels_of(), np.repeat(np.arange(125), 8)
    groups = Groups.of([str(name) for name in names])
    parts = divided(np.arange(IMAGES), labels, [200, 800], np.random.default_rng(0), groups)
    assert not set(names[parts[0]]) & set(names[parts[1]])
    assert 180 <= len(parts[0]) <= 220
    assert np.abs(labels[parts[0]].mean(axis=0) - labels.mean(axis=0)).max() < 0.05


def test_splits_limits_folds_and_classes():
    found = split(pool(), DATA)
    assert [len(found.train), len(found.val), len(found.test)] == [700, 100, 200]
    assert found.has_several
    assert found.train.per_class(5).tolist() == found.train.row_labels.sum(axis=0).tolist()
    limited = split(pool(), replace(DATA, limit=500))
    assert len(limited.train) + len(limited.val) + len(limited.test) == 500
    folds = [split(pool(), replace(DATA, folds=4, fold=fold)) for fold in range(4)]
    rows = np.concatenate([one.val.rows for one in folds])
    assert np.array_equal(np.sort(rows), np.sort(np.concatenate([folds[0].train.rows, folds[0].val.rows])))
    assert len(set(map(tuple, (one.test.rows for one in folds)))) == 1
    two = split(pool(), replace(DATA, classes=["c", "a"]))
    assert two.classes == ["c", "a"]
    assert np.array_equal(two.train.labels, labels_of()[:, [2, 0]])
    held_out = split(pool(), DATA, [str(number // 10) for number in range(IMAGES)])
    assert any("keeps groups on one side" in note for note in held_out.notes)
    with pytest.raises(DataError, match="no group can be held out"):
        split(pool(), DATA, [str(number // 500) for number in range(IMAGES)])


def test_weights_of_labels_are_those_of_the_images_that_have_not():
    found = split(pool(), replace(DATA, class_weights="balanced"))
    counts = found.train.row_labels.sum(axis=0)
    np.testing.assert_allclose(found.class_weights, (700 - counts) / counts, rtol=1e-6)
    assert split(pool(), replace(DATA, class_weights=[1.0, 2, 3, 4, 5])).class_weights.tolist() == [1, 2, 3, 4, 5]


def arrays(y, **more):
    np.savez("x.npz", x_train=np.zeros((len(y), 4, 4), np.uint8), y_train=y, **more)
    return load(replace(DATA, **{"labels": "several"}))


def test_arrays_of_several_labels():
    found = arrays(labels_of(images=200).astype(np.int8), classes=np.array(list("vwxyz")))
    assert found.classes == list("vwxyz")
    assert np.array_equal(found.train.labels, labels_of(images=200))
    assert found.train.labels.dtype == np.float32
    WRONG = {
        "is 0.5, 0": np.array([[0.5, 0], [0, 1]]),
        "numbers, images × classes": np.arange(5),
        "class 1 has no training image": np.array([[1, 0], [0, 0]]),
    }
    for said, y in WRONG.items():
        with pytest.raises(DataError, match=said):
            arrays(y)


def test_arrays_of_soft_labels():
    y = np.random.default_rng(0).dirichlet(np.ones(4), 100)
    np.savez("x.npz", x_train=np.zeros((100, 4, 4), np.uint8), y_train=y)
    found = load(replace(DATA, labels="soft"))
    assert np.array_equal(found.train.labels, y.argmax(axis=1))
    np.testing.assert_allclose(found.train.shares, y, atol=1e-6)
    np.testing.assert_allclose(found.val.targets, y[found.val.rows], atol=1e-6)
    np.savez("x.npz", x_train=np.zeros((2, 4, 4), np.uint8), y_train=[[0.5, 0.5], [0.5, 0.4]])
    with pytest.raises(DataError, match=r"row 1: the label is 0.5, 0.4, but data.labels=soft needs a probability"):
        load(replace(DATA, labels="soft"))
