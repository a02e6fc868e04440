"""Images that are in two splits: bit by bit, or compressed again, scaled, brighter; and what only looks so."""

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from exprun.data.palm_vein import draw
from exprun.doctor.instruments import leaks

LIMIT = 0.02  # the default


def photos(count, seed=0, size=48):
    """Smooth random colours: as different from each other as photos, and as JPEG likes them."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (count, 9, 9, 3), np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((size, size), Image.Resampling.BICUBIC)) for one in small])


def changed(images, how):
    def one(image):
        picture = Image.fromarray(image)
        if how.startswith("jpeg"):
            file = io.BytesIO()
            picture.save(file, "JPEG", quality=int(how[4:]))
            return np.asarray(Image.open(file))
        if how == "scaled":
            return np.asarray(picture.resize((32, 32)).resize(picture.size))
        return (image * 0.8 + 12).astype(np.uint8)

    return np.stack([one(image) for image in images])


def prints(names, *parts, files=()):
    """The prints of splits that hold these images, one part after the other."""
    together, ends = np.concatenate(parts), np.cumsum([0, *map(len, parts)])
    rows = [np.arange(a, b) for a, b in pairwise(ends)]
    return [leaks.prints_of(name, together, own, files) for name, own in zip(names, rows, strict=True)]


def told(*parts, names=("training", "validation", "test")):
    return leaks.find_leaks(prints(names[: len(parts)], *parts), LIMIT)


def only(found, split):
    assert list(found) == [split]
    return found[split]


def test_exact_copies_are_found_between_all_pairs_of_splits():
    train, val, test = photos(60), photos(30, 1), photos(30, 2)
    assert told(train, val, test) == {}
    found = only(told(train, np.concatenate([val, train[:15]]), test), "validation")
    assert found.numbers["share"] == pytest.approx(1 / 3)
    assert found.evidence == "15 of 45 validation images (33%) are exact copies of training images."
    found = only(told(train, val, train), "test")
    assert found.evidence == "60 of 60 test images (100%) are exact copies of training images."
    found = only(told(train, val, np.concatenate([val[:6], test])), "test")
    assert found.evidence == "6 of 36 test images (17%) are exact copies of validation images."
    assert list(told(train, train[:9], train[9:20])) == ["validation", "test"]


def test_copies_of_two_splits_are_told_together():
    train, val, test = photos(60), photos(30, 1), photos(30, 2)
    found = only(told(train, val, np.concatenate([val[:6], train[:12], test])), "test")
    assert found.evidence == (
        "12 of 48 test images (25%) are exact copies of training images. "
        "6 of 48 test images (12%) are exact copies of validation images."
    )
    assert found.numbers == {"share": 0.25, "exact": 12, "mirrored": 0, "shifted": 0, "near": 0}


@pytest.mark.parametrize("how", ["jpeg90", "jpeg50", "scaled", "brighter"])
def test_images_that_are_nearly_the_same_are_found(how):
    train, copies = photos(100), changed(photos(30), how)
    assert not (copies == train[:30]).all(axis=(1, 2, 3)).any()
    found = only(told(train, photos(30, 1), copies), "test")
    assert found.numbers["near"] > 25
    assert "%) are nearly the same (except for" in found.evidence


def test_exact_copies_are_not_counted_as_near_ones_too():
    train = photos(60)
    found = only(told(train, np.concatenate([train[:10], changed(train[10:20], "jpeg50")])), "validation")
    assert (found.numbers["exact"], found.numbers["near"]) == (10, 10)
    assert found.numbers["share"] == 1


def test_the_example_has_the_names_of_files():
    train, copies = photos(20), changed(photos(20), "jpeg90")
    files = [f"{part}/{number}.png" for part in ("train", "test") for number in range(20)]
    found = only(leaks.find_leaks(prints(("training", "test"), train, copies, files=files), LIMIT), "test")
    pair = found.evidence.split("such as ")[1].rstrip(".").split(" and ")
    assert pair[0].replace("test", "train") == pair[1]


def digits(size=8):
    from sklearn.datasets import load_digits

    images = (load_digits().images * 15.9).astype(np.uint8)
    if size != 8:
        images = np.stack([np.asarray(Image.fromarray(one).resize((size, size))) for one in images])
    return np.random.default_rng(0).permutation(images)[..., None]


def palms():
    return np.random.default_rng(0).permutation(draw(12, 20, 32).images)


def templates(noise):
    """Ten patterns with noise: without it, images of a class would be the same."""
    rng = np.random.default_rng(0)
    pattern = rng.integers(60, 200, (10, 24, 24, 1))[rng.integers(0, 10, 600)]
    return np.clip(pattern + rng.normal(0, noise, pattern.shape), 0, 255).astype(np.uint8)


def flat():
    """Images of one colour, some with a speck."""
    rng = np.random.default_rng(0)
    images = np.repeat(rng.integers(0, 4, 600) * 40 + 20, 16 * 16).reshape(600, 16, 16, 1)
    images[np.arange(0, 600, 2), rng.integers(0, 16, 300), rng.integers(0, 16, 300), 0] += rng.integers(1, 70, 300)
    return images.astype(np.uint8)


def colours():
    """Two images of each of thirty colours, with a little noise."""
    rng = np.random.default_rng(0)
    colour = rng.permutation(np.repeat(rng.integers(0, 200, (30, 1, 1, 3)), 2, 0))
    return (colour + rng.integers(0, 5, (60, 16, 16, 3))).astype(np.uint8)


def dots():
    """A small square somewhere on a plain ground: in a coarse thumbnail all within a block look the same."""
    images = np.full((200, 64, 64, 1), 30, np.uint8)
    for image, (y, x, light) in zip(images, np.random.default_rng(0).integers(0, 61, (200, 3)), strict=True):
        image[y : y + 4, x : x + 4] = 190 + light
    return images


def moved():
    """A set of few patterns, each many times in another place, as augmentation makes it."""
    return np.stack([np.roll(one, shift, (0, 1)) for one in photos(30) for shift in np.ndindex(6, 6)])[
        np.random.default_rng(0).permutation(30 * 36)
    ]


@pytest.mark.parametrize(
    "images",
    [digits, lambda: digits(32), palms, lambda: templates(4), lambda: templates(40), flat, colours, dots],
    ids=["digits", "larger digits", "palms", "little noise", "much noise", "flat", "colours", "dots"],
)
def test_images_that_only_look_alike_are_left_alone(images):
    images = images()
    part = len(images) // 5
    assert told(images[2 * part :], images[:part], images[part : 2 * part]) == {}


def test_copies_that_augmentation_has_moved_before_the_split():
    images = moved()
    part = len(images) // 5
    found = told(images[2 * part :], images[:part], images[part : 2 * part])
    assert {name: (leak.numbers["shifted"], leak.numbers["near"]) for name, leak in found.items()} == {
        "validation": (part, 0),
        "test": (part, 0),
    }


def test_a_part_of_a_large_set_stands_for_all_of_it(monkeypatch):
    """With 300 of 20,000 images compared, one in a hundred of the copies is found, which is below the limit."""
    train = np.random.default_rng(0).integers(0, 256, (20_000, 4, 4, 1), np.uint8)
    monkeypatch.setattr(leaks, "MAX_BYTES", 300 * train[0].nbytes)
    found = only(told(train, train[:1000]), "validation")
    assert found.numbers["exact"] >= 3
    assert found.numbers["share"] <= LIMIT
    assert found.evidence.endswith(" Only 300 of 20,000 training images were compared.")
    assert told(train[:1000], train[1000:]) == {}


def test_few_images_and_small_ones_are_no_mistake():
    one = photos(1)
    assert list(told(one, one)) == ["validation"]
    assert told(one, photos(1, 1)) == {}
    tiny = np.random.default_rng(0).integers(0, 256, (40, 3, 3, 1), np.uint8)
    assert told(tiny[:20], tiny[20:]) == {}


def test_a_leak_names_the_rows_of_each_pair():
    train, val = photos(30), photos(30, seed=1)
    val[3], val[7], val[11] = train[5], train[2][:, ::-1], changed(train[9:10], "jpeg80")[0]
    leak = leaks.find_leaks(prints(["training", "validation"], train, val), LIMIT)["validation"]
    found = {(pair.row - len(train), pair.other): (pair.kind.split()[0], pair.earlier) for pair in leak.pairs}
    assert found == {
        (3, 5): ("exact", "training"),
        (7, 2): ("mirrored", "training"),
        (11, 9): ("nearly", "training"),
    }
