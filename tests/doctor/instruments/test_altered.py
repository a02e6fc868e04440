"""Images that are mirrored, rotated or shifted copies of images of another split, and what only looks so."""

import numpy as np
import pytest

from exprun.doctor.instruments import altered
from exprun.doctor.instruments.leaks import digests, find_leaks, prints_of
from exprun.doctor.subject import Images

LIMIT = 0.02
WAYS = {
    "left and right": lambda x: x[:, :, ::-1],
    "up and down": lambda x: x[:, ::-1],
    "half a turn": lambda x: x[:, ::-1, ::-1],
    "a quarter to the left": lambda x: np.rot90(x, 1, (1, 2)),
    "a quarter to the right": lambda x: np.rot90(x, -1, (1, 2)),
}


def photos(count, seed=0, size=24):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3)).astype(np.uint8)


def told(train, val):
    """What is found about validation, in the pixels of a run, and in the scaled inputs that a callback has seen."""
    both, rows = np.concatenate([train, val]), np.arange(len(train) + len(val))
    parts = rows[: len(train)], rows[len(train) :]
    splits = [prints_of(name, both, part) for name, part in zip(("training", "validation"), parts, strict=True)]
    scaled = [(part / 255).astype(np.float32) for part in (train, val)]
    seen = [Images(part, digests=digests(part, np.arange(len(part)))) for part in scaled]
    others = [images.prints(name) for name, images in zip(("training", "validation"), seen, strict=True)]
    one, other = (find_leaks(some, LIMIT).get("validation") for some in (splits, others))
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert {name: one.numbers[name] for name in ("mirrored", "shifted")} == {
            name: other.numbers[name] for name in ("mirrored", "shifted")
        }
    return one


@pytest.mark.parametrize("way", WAYS)
def test_mirrored_and_rotated_copies(way):
    train = photos(60)
    leak = told(train, np.concatenate([photos(30, 1), WAYS[way](train[:10])]))
    assert leak.numbers == {"share": 0.25, "exact": 0, "mirrored": 10, "shifted": 0, "near": 0}
    assert leak.evidence == "10 of 40 validation images (25%) are mirrored or rotated copies of training images."


def test_images_that_are_not_square_are_mirrored_but_not_turned_by_a_quarter():
    train = photos(60)[:, :16]
    leak = told(train, np.concatenate([photos(30, 1)[:, :16], train[:10, ::-1]]))
    assert leak.numbers["mirrored"] == 10


@pytest.mark.parametrize("by", [(0, 1), (-3, 0), (2, -3)])
@pytest.mark.parametrize("filled", [True, False])
def test_shifted_copies(by, filled):
    train = photos(60)
    copies = np.roll(train[:10], by, (1, 2))
    if filled:  # what has come in from the other side
        copies[:, : max(0, by[0])] = 0
        copies[:, :, : max(0, by[1])] = 0
    leak = told(train, np.concatenate([photos(30, 1), copies]))
    assert leak.numbers == {"share": 0.25, "exact": 0, "mirrored": 0, "shifted": 10, "near": 0}
    assert leak.evidence == "10 of 40 validation images (25%) are shifted copies of training images."


def test_copies_far_away_are_not_looked_for():
    train = photos(60)
    assert told(train, np.roll(train[:10], 9, 1)) is None


def test_exact_copies_are_counted_once():
    train = photos(60)
    train[:10] = np.maximum(train[:10], train[:10, :, ::-1])  # which mirroring leaves as they are
    leak = told(train, np.concatenate([photos(30, 1), train[:10]]))
    assert (leak.numbers["exact"], leak.numbers["mirrored"], leak.numbers["share"]) == (10, 0, 0.25)


def drawings(count):
    """Squares of one grey somewhere on a plain ground, of which many are mirrored and shifted copies by design."""
    images = np.full((count, 24, 24, 1), 30, np.uint8)
    for image, (y, x) in zip(images, np.random.default_rng(0).integers(0, 19, (count, 2)), strict=True):
        image[y : y + 5, x : x + 5] = 200
    return np.unique(images, axis=0)


def test_drawings_of_few_values_are_left_alone():
    images = np.random.default_rng(0).permutation(drawings(300))
    assert told(images[60:], images[:60]) is None


@pytest.mark.parametrize("shape", [(6, 6, 3), (7, 24, 3)])
def test_small_images_are_not_shifted(shape):
    images = np.random.default_rng(0).integers(0, 256, (40, *shape)).astype(np.uint8)
    assert altered.shifted(images, np.arange(40), np.roll(images, 1, 1), range(40)) == {}


def test_lines_of_few_values_tell_nothing():
    images = photos(40)
    images[:, 12] = 7  # the row of pixels by which copies are found
    images[:, 11:14, :, :] = 7
    assert told(images, np.roll(images[:10], 1, 1)) is None
