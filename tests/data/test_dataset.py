"""The splits of a run, what decides them, and the cache of decoded images."""

import errno
import hashlib
import multiprocessing
import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from exprun.config.errors import DataError
from exprun.config.images import Data
from exprun.data import cache as cache_module
from exprun.data import load
from exprun.data.cache import cached
from exprun.data.dataset import split
from exprun.data.pool import Pool, in_memory

TRAIN, VALIDATION, TEST = 0, 1, 2


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The config of digits as shipped, with a cache that the tests of this file share."""
    return Data(name="digits", size=32, channels=3, cache=str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module")
def pool():
    """200 small images of 4 classes with 80, 60, 40 and 20 images, all training."""
    labels = np.repeat([0, 1, 2, 3], [80, 60, 40, 20]).astype(np.int32)
    images = np.random.default_rng(1).integers(0, 256, (200, 4, 4, 1), np.uint8)
    return Pool(images, labels, ["a", "b", "c", "d"], np.zeros(200, np.uint8), fingerprint="f")


DATA = Data(name="arrays", root="-", val_fraction=0.1, test_fraction=0.2)


def counts(part, classes=4):
    return np.bincount(part.row_labels, minlength=classes).tolist()


def rows(dataset):
    return [part.rows.tolist() for part in (dataset.train, dataset.val, dataset.test) if part is not None]


# Digits


def test_digits_are_1797_images_of_10_classes(digits):
    data = load(digits)
    assert data.image_shape == (32, 32, 3)
    assert data.classes == list("0123456789")
    assert (len(data.train), len(data.val), len(data.test)) == (1437, 180, 180)
    assert sorted(row for part in rows(data) for row in part) == list(range(1797))
    assert (data.train.images.dtype, data.train.labels.dtype) == (np.uint8, np.int32)
    assert (data.train.images.min(), data.train.images.max()) == (0, 255)
    assert (data.class_weights, data.skipped) == (None, [])


def test_digits_agree_with_scikit_learn(digits):
    datasets = pytest.importorskip("sklearn.datasets")
    published = datasets.load_digits()
    data = load(replace(digits, size=None, channels=None))
    assert data.image_shape == (8, 8, 1)
    np.testing.assert_array_equal(data.train.labels, published.target)
    np.testing.assert_array_equal(data.train.images[..., 0], np.rint(published.images * 255 / 16))


def test_size_and_channels(digits):
    assert load(replace(digits, size=16, channels=1)).image_shape == (16, 16, 1)


# Splits


def test_splits_are_stratified(pool):
    data = split(pool, DATA)
    assert (counts(data.train), counts(data.val), counts(data.test)) == ([56, 42, 28, 14], [8, 6, 4, 2], [16, 12, 8, 4])


def test_digits_are_stratified(digits):
    shares = [np.bincount(part.row_labels) / len(part) for part in (load(digits).val, load(digits).test)]
    assert np.abs(np.array(shares) - 0.1).max() < 0.01


def test_the_split_seed_draws_the_splits_and_the_runs_seed_does_not(pool, composer):
    assert rows(split(pool, DATA)) == rows(split(pool, DATA))
    assert rows(split(pool, DATA)) != rows(split(pool, replace(DATA, split_seed=1)))
    assert composer.config(["seed=0"]).data == composer.config(["seed=1"]).data


def test_limit_draws_evenly_by_class(pool):
    data = split(pool, replace(DATA, limit=100))
    assert len(data.train) + len(data.val) + len(data.test) == 100
    assert (np.array(counts(data.train)) + counts(data.val) + counts(data.test)).tolist() == [40, 30, 20, 10]


def many(*sizes):
    """A pool of so many images of each class, all training."""
    labels = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    names = [f"c{number:02d}" for number in range(len(sizes))]
    return Pool(np.zeros((len(labels), 1, 1, 1), np.uint8), labels, names, np.zeros(len(labels), np.uint8))


def over_seeds(pool, data, seeds=200):
    """How many images of each class each split has, (seeds, training/validation/test, classes)."""
    drawn = [split(pool, replace(data, split_seed=seed)) for seed in range(seeds)]
    return np.array([[counts(part, len(pool.classes)) for part in (d.train, d.val, d.test)] for d in drawn])


TENTHS = Data(name="arrays", root="-")  # a tenth for validation, a tenth for the test


@pytest.mark.parametrize("sizes", [[5] * 10, [15] * 10, [5] * 4 + [4] * 4, [2] * 20, [4] * 10 + [60]])
def test_few_images_of_a_class_are_drawn_so_that_each_class_gets_its_share_over_the_seeds(sizes):
    found = over_seeds(many(*sizes), TENTHS)
    wanted = np.minimum(np.array(sizes) * 0.1, np.array(sizes) - 1)
    assert len(np.unique(found.sum(2), axis=0)) == 1  # the splits have the same sizes for every seed
    np.testing.assert_allclose(found[:, 2].mean(0), wanted, atol=0.2)
    np.testing.assert_allclose(found[:, 1].mean(0), wanted, atol=0.2)
    assert (found[:, 2].max(0) <= np.ceil(wanted)).all()
    assert len(np.unique(found[:, 2], axis=0)) > 10


@pytest.mark.parametrize(
    ("sizes", "more"),
    [
        ([1] * 30 + [170], {}),
        ([1] * 100 + [20], {}),
        ([2] * 10, {}),
        ([1, 2, 3, 4, 90], {}),
        ([3] * 5, {"val_fraction": 0.4, "test_fraction": 0.55}),
        ([300, 3], {"limit": 20}),
        ([1, 1, 1000], {"limit": 30}),
    ],
)
def test_each_class_keeps_a_training_image(sizes, more):
    assert over_seeds(many(*sizes), replace(TENTHS, **more), 50)[:, 0].min() >= 1


def test_a_class_that_cannot_give_its_share_takes_no_images_from_the_others():
    data = split(many(*[1] * 100, 20), TENTHS)
    assert (len(data.train), len(data.val), len(data.test)) == (116, 2, 2)


def test_limit_keeps_a_rare_class_and_the_shares_of_the_others():
    data = split(many(300, 150, 3), replace(TENTHS, limit=31))
    assert (np.array(counts(data.train, 3)) + counts(data.val, 3) + counts(data.test, 3)).tolist() == [20, 10, 1]


def test_a_limit_below_the_number_of_classes_is_refused():
    with pytest.raises(DataError, match=r"data\.limit=9 is less than one image for each of the 10 classes"):
        split(many(*[5] * 10), replace(TENTHS, limit=9))


def test_what_the_splits_lack_is_said_with_its_counts():
    assert split(many(*[20] * 4), TENTHS).notes == ()
    test, val, note = split(many(*[1] * 30, 170), TENTHS).notes
    held_out = "of 200 images holds out 17, not 20, because each class keeps an image for training."
    assert (test, val) == (f"data.test_fraction=0.1 {held_out}", f"data.val_fraction=0.1 {held_out}")
    assert note == (
        "Not every class is in every split: there are no validation images of 30 of 31 classes (c00, c01, c02, …) and "
        "no test images of 30 of 31 classes (c00, c01, c02, …); the smallest class, c00, has 1 image in all and 1 for "
        "training."
    )
    note, _ = split(many(300, 3), replace(TENTHS, limit=20)).notes
    assert note == (
        "data.limit=20 keeps one image of 1 of 2 classes (c01), more than the share of this class in 303 images."
    )
    note, *_ = split(many(2, 2), replace(TENTHS, val_fraction=0.3)).notes
    assert note == "data.test_fraction=0.1 of 4 images holds out 0, not 1, because there are too few images."


def test_official_parts_that_lack_a_class_are_said_too():
    parts = np.repeat([TRAIN, VALIDATION, TEST], 20).astype(np.uint8)
    pool = replace(many(30, 30), labels=np.repeat([0, 1, 1, 0, 1], [10, 10, 20, 10, 10]).astype(np.int32), parts=parts)
    [note] = split(pool, TENTHS).notes
    assert note.startswith("Not every class is in every split: there are no validation images of 1 of 2 classes (c00);")


@pytest.mark.parametrize(
    ("sizes", "more", "digest"),
    [
        ([178, 182, 177, 183, 181, 182, 181, 179, 174, 180], {}, "ae8415acd1f6ac8c"),
        ([178, 182, 177, 183, 181, 182, 181, 179, 174, 180], {"limit": 400}, "d9be03275210f995"),
        ([5000] * 10, {"test_fraction": 0.0}, "4916931aeb60a3ca"),
        ([40] * 160, {"val_fraction": 0.2, "test_fraction": 0.16}, "6bced733f854dc02"),
    ],
)
def test_splits_of_many_images_of_each_class_stay_what_they_were(sizes, more, digest):
    """Measured figures rest on these splits: the digits, 400 of them, CIFAR-10, the palm veins."""
    digests = hashlib.sha256(str(rows(split(many(*sizes), replace(TENTHS, **more)))).encode())
    assert digests.hexdigest()[:16] == digest


def test_limit_holds_for_an_official_test_set_too(pool):
    parts = np.zeros(200, np.uint8)
    parts[::2] = TEST
    data = split(replace(pool, parts=parts), replace(DATA, limit=40))
    assert (len(data.train) + len(data.val), len(data.test)) == (40, 40)


def test_a_limit_above_the_images_changes_nothing(pool):
    assert rows(split(pool, replace(DATA, limit=10_000))) == rows(split(pool, DATA))


def test_official_parts_are_kept(pool):
    parts = np.random.default_rng(0).integers(0, 3, 200).astype(np.uint8)
    data = split(replace(pool, parts=parts), DATA)
    assert rows(data) == [np.flatnonzero(parts == part).tolist() for part in (TRAIN, VALIDATION, TEST)]


def test_validating_on_the_test_set_trains_on_all_the_rest(pool):
    parts = np.repeat([TRAIN, TEST], 100).astype(np.uint8)
    data = split(replace(pool, parts=parts), replace(DATA, validation="test"))
    assert data.val.rows.tolist() == data.test.rows.tolist() == list(range(100, 200))
    assert data.train.rows.tolist() == list(range(100))


def test_without_a_test_fraction_there_is_no_test_set(pool):
    data = split(pool, replace(DATA, test_fraction=0.0))
    assert data.test is None
    assert (len(data.train), len(data.val)) == (180, 20)


def test_classes_are_kept_and_numbered_in_the_order_given(pool):
    data = split(pool, replace(DATA, classes=["d", "b"]))
    assert data.classes == ["d", "b"]
    assert counts(data.train, 2) == [14, 42]
    kept = np.concatenate([data.train.rows, data.val.rows, data.test.rows])
    assert set(pool.labels[kept]) == {1, 3}
    assert (data.train.row_labels == np.where(pool.labels[data.train.rows] == 3, 0, 1)).all()


@pytest.mark.parametrize("classes", [["a", "e"], [0, 4], [1, -1], ["a", "a"]])
def test_classes_that_are_not_there_or_twice_are_refused(pool, classes):
    with pytest.raises(DataError, match=r"data\.classes names"):
        split(pool, replace(DATA, classes=classes))


NUMBERED = ["1", "10", "11", "12", "2", "3"]  # folders in their order


@pytest.mark.parametrize(
    ("names", "wanted", "kept"),
    [
        (NUMBERED, [1, 2], ["1", "2"]),
        (NUMBERED, ["1", "2"], ["1", "2"]),
        (NUMBERED, [1, "2"], ["1", "2"]),
        (NUMBERED, [12, 3, 10], ["12", "3", "10"]),
        (["cat", "3", "dog"], ["cat", 3], ["cat", "3"]),
        (["5", "6", "7"], [6, 7], ["6", "7"]),
        (["5", "6", "7"], [1, 2], ["6", "7"]),
        (["cat", "cow", "dog"], [2, 0], ["dog", "cat"]),
        (["01", "02", "03"], [1, 2], ["02", "03"]),
        (["-1", "0", "1"], [-1, 1], ["-1", "1"]),
    ],
)
def test_a_number_that_is_the_name_of_a_class_means_that_class(names, wanted, kept):
    pool = replace(many(*[20] * len(names)), classes=names)
    data = split(pool, replace(TENTHS, classes=wanted))
    assert data.classes == kept
    taken = np.concatenate([part.rows for part in (data.train, data.val, data.test)])
    assert {names[number] for number in pool.labels[taken]} == set(kept)


@pytest.mark.parametrize(
    ("names", "wanted", "said"),
    [
        (NUMBERED, [1, 0], "mixes names and numbers: 1 is the name of a class, 0 is not"),
        (["cat", "cow", "dog"], ["cat", 2], "mixes names and numbers: cat is the name of a class, 2 is not"),
        (["5", "6", "7"], [1, 6], "mixes names and numbers: 6 is the name of a class, 1 is not"),
        (NUMBERED, [1, 99], "names 99, but the set has 1, 10, 11, 12, 2, 3"),
        (["cat", "cow", "dog"], ["1", "2"], "names 1, but the set has cat, cow, dog"),
        (NUMBERED, [1, "1"], "names a class twice"),
    ],
)
def test_classes_that_are_named_in_two_ways_or_are_not_there_are_refused(names, wanted, said):
    with pytest.raises(DataError, match=said):
        split(replace(many(*[20] * len(names)), classes=names), replace(TENTHS, classes=wanted))


def test_a_split_without_images_is_refused(pool):
    with pytest.raises(DataError, match="No images are left for validation"):
        split(pool, replace(DATA, val_fraction=0.001))


# Weights of classes


def test_balanced_weights_give_each_class_the_same_sum(pool):
    data = split(pool, replace(DATA, class_weights="balanced"))
    sums = data.class_weights * counts(data.train)
    np.testing.assert_allclose(sums, sums[0], rtol=1e-6)
    assert data.class_weights[data.train.row_labels].mean() == pytest.approx(1)
    assert data.class_weights.dtype == np.float32


def test_weights_from_a_list_keep_their_ratios_and_get_the_mean_1(pool):
    data = split(pool, replace(DATA, class_weights=[1.0, 2.0, 4.0, 0.0]))
    np.testing.assert_allclose(data.class_weights / data.class_weights[0], [1, 2, 4, 0])
    assert data.class_weights[data.train.row_labels].mean() == pytest.approx(1)


def test_weights_that_do_not_fit_are_refused(pool):
    with pytest.raises(DataError, match="3 weights for 4 classes"):
        split(pool, replace(DATA, class_weights=[1.0, 2.0, 3.0]))


# Fingerprints


def test_fingerprints_repeat_and_differ_with_the_split_the_classes_and_the_pixels(pool, digits):
    first = split(pool, DATA).fingerprint
    assert first == split(pool, DATA).fingerprint
    others = [replace(DATA, split_seed=1), replace(DATA, limit=100), replace(DATA, classes=["a", "b"])]
    assert len({first, *(split(pool, other).fingerprint for other in others)}) == 4
    assert load(digits).fingerprint == load(replace(digits, cache="another")).fingerprint
    assert load(digits).fingerprint != load(replace(digits, channels=1)).fingerprint


def test_moving_rows_between_splits_changes_the_fingerprint(pool):
    parts = np.random.default_rng(0).integers(0, 3, 200).astype(np.uint8)
    swapped = np.where(parts == 0, 0, 3 - parts).astype(np.uint8)
    assert split(replace(pool, parts=parts), DATA).fingerprint != split(replace(pool, parts=swapped), DATA).fingerprint


# The cache


@pytest.fixture
def reads():
    """Counts how often a pool is made."""

    def read(_):
        read.count += 1
        return Pool(
            np.full((6, 2, 2, 1), 7, np.uint8), np.arange(6, dtype=np.int32) % 2, ["a", "b"], np.zeros(6, np.uint8)
        )

    read.count = 0
    return read


KEY = {"name": "arrays", "content": "c"}


def test_an_entry_is_read_once_and_memory_mapped(tmp_path, reads):
    first, second = cached(tmp_path, KEY, reads), cached(tmp_path, KEY, reads)
    assert reads.count == 1
    assert isinstance(second.images, np.memmap)
    assert first.fingerprint == second.fingerprint != ""
    np.testing.assert_array_equal(second.labels, [0, 1, 0, 1, 0, 1])
    cached(tmp_path, {**KEY, "size": 3}, reads)
    assert reads.count == 2


@pytest.mark.parametrize("file", ["images.npy", "labels.npy", "parts.npy", "meta.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "empty", "nonsense", "flipped"])
def test_a_damaged_entry_is_built_again(tmp_path, reads, file, damage):
    cached(tmp_path, KEY, reads)
    (path,) = tmp_path.glob(f"*/{file}")
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        flipped = content[:-2] + bytes([content[-2] ^ 1]) + content[-1:]
        path.write_bytes({"cut": content[:-3], "empty": b"", "nonsense": b"[1, 2]", "flipped": flipped}[damage])
    pool = cached(tmp_path, KEY, reads)
    assert reads.count == 2
    assert pool.images.shape == (6, 2, 2, 1)
    cached(tmp_path, KEY, reads)
    assert reads.count == 2


def test_another_process_may_finish_first(tmp_path, reads):
    def slow(allocate):
        cached(tmp_path, KEY, reads)
        return reads(allocate)

    assert cached(tmp_path, KEY, slow).images.shape == (6, 2, 2, 1)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_killed_build_leaves_nothing_in_use(tmp_path, reads, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cache_module.os, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        cached(tmp_path, KEY, reads)
    assert list(tmp_path.iterdir()) == []


def test_what_killed_builds_left_goes_after_a_day(tmp_path, reads):
    cached(tmp_path, KEY, reads)
    (entry,) = tmp_path.iterdir()
    old, new = tmp_path / f".{entry.name}-old", tmp_path / f".{entry.name}-new"
    old.mkdir()
    new.mkdir()
    os.utime(old, (1, 1))
    cached(tmp_path, {**KEY, "size": 3}, reads)
    assert not old.exists()
    assert new.exists()


def filled(allocate):
    images = allocate((6, 2, 2, 1))
    images[:] = np.arange(6, dtype=np.uint8)[:, None, None, None]
    filled.room = images
    return Pool(images, np.arange(6, dtype=np.int32) % 2, ["a", "b"], np.zeros(6, np.uint8))


def test_images_are_written_where_the_cache_keeps_them(tmp_path):
    pool = cached(tmp_path, KEY, filled)
    assert isinstance(filled.room, np.memmap)
    assert [pool.images[i, 0, 0, 0] for i in range(6)] == list(range(6))
    (entry,) = tmp_path.iterdir()
    assert sorted(path.name for path in entry.iterdir()) == ["images.npy", "labels.npy", "meta.json", "parts.npy"]
    assert cached(tmp_path, KEY, None).fingerprint == pool.fingerprint


def test_images_for_which_the_disk_has_no_room_are_read_into_memory(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache_module.os, "posix_fallocate", full)
    pool = cached(tmp_path, KEY, filled)
    assert not isinstance(filled.room, np.memmap)
    np.testing.assert_array_equal(pool.images, filled.room)


def test_images_that_fit_nowhere_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    usage = cache_module.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(cache_module.shutil, "disk_usage", lambda _: usage._replace(free=12 * 10**9))
    imagenet = lambda allocate: allocate((1_281_167, 224, 224, 3))  # noqa: E731
    with pytest.raises(DataError) as caught:
        cached(tmp_path, KEY, imagenet)
    start = "1,281,167 images of 224×224×3 take 192.9 GB when they are decoded, but data.cache="
    assert str(caught.value).startswith(f"{start}{tmp_path} has 12.0 GB left, and the memory ")
    assert list(tmp_path.iterdir()) == []


def test_the_size_of_a_large_entry_is_printed(tmp_path, monkeypatch, capfd):
    cached(tmp_path, KEY, filled)
    assert capfd.readouterr().err == ""
    monkeypatch.setattr(cache_module, "LARGE", 24)
    cached(tmp_path, {**KEY, "size": 3}, filled)
    assert f"6 images of 2×2×1 take 0.0 GB when they are decoded, in data.cache={tmp_path}" in capfd.readouterr().err


def test_only_the_images_that_are_kept_are_stored(tmp_path):
    def fewer(allocate):
        pool = filled(allocate)
        return Pool(pool.images[:4], pool.labels[:4], pool.classes, pool.parts[:4])

    cached(tmp_path, KEY, fewer)
    pool = cached(tmp_path, KEY, None)
    assert pool.images.shape == (4, 2, 2, 1)
    assert os.path.getsize(pool.images.filename) == pool.images.offset + 16
    assert pool.fingerprint == cached(tmp_path / "other", KEY, lambda _: fewer(in_memory)).fingerprint


def test_some_pieces_of_a_large_entry_are_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "PIECE", 4)
    monkeypatch.setattr(cache_module, "MAX_CHECKED", 3)
    cached(tmp_path, KEY, filled)
    for _ in range(5):
        cached(tmp_path, KEY, None)
    (path,) = tmp_path.glob("*/images.npy")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # in one of six pieces
    path.write_bytes(content)
    reads = []
    for _ in range(40):
        cached(tmp_path, KEY, lambda allocate: reads.append(1) or filled(allocate))
    assert len(reads) == 1


def test_a_cache_that_cannot_be_written_does_not_stop_the_run(tmp_path, reads):
    (tmp_path / "file").write_text("in the way")
    assert cached(tmp_path / "file", KEY, reads).fingerprint


def fingerprint(data):
    return load(data).fingerprint


@pytest.mark.slow
def test_two_processes_may_build_an_entry_at_once(tmp_path, digits):
    data = replace(digits, size=8, cache=str(tmp_path / "cache"))
    with multiprocessing.get_context("spawn").Pool(2) as workers:
        first, second = workers.map(fingerprint, [data, data], chunksize=1)
    assert first == second == fingerprint(data)
    assert len(list((tmp_path / "cache").glob("digits-*"))) == 1
    assert not [path for path in (tmp_path / "cache").iterdir() if path.name.startswith(".")]


@pytest.fixture
def folder(tmp_path):
    """A folder of 12 pictures of two classes."""
    for name in ("cat", "dog"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for index in range(6):
            Image.new("RGB", (8, 8), (index, 40, 50 if name == "cat" else 90)).save(
                tmp_path / "pictures" / name / f"{index}.png"
            )
    return Data(name="image_folder", root="pictures", channels=3, corrupt="skip", val_fraction=0.2, test_fraction=0.2)


def entries(data):
    return sorted(path.name for path in cache_module.Path(data.cache).glob("image_folder-*"))


def test_files_that_were_only_touched_reuse_the_entry(folder):
    before = load(folder)
    for file in cache_module.Path("pictures").rglob("*.png"):
        os.utime(file, (1, 1))
    assert load(folder).fingerprint == before.fingerprint
    assert len(entries(folder)) == 1


def test_content_that_changed_does_not(folder):
    before = load(folder)
    Image.new("RGB", (8, 8), "white").save("pictures/cat/0.png")
    assert load(folder).fingerprint != before.fingerprint
    assert len(entries(folder)) == 2


def test_a_picture_that_moved_to_another_class_changes_the_set(folder):
    before = load(folder)
    os.rename("pictures/cat/0.png", "pictures/dog/9.png")
    assert load(folder).fingerprint != before.fingerprint


def test_the_parts_of_classes_with_folders_in_them_belong_to_the_content(folder):
    """`cat/a/b/0.png` and `dog/a/b/0.png` differ in nothing but the class, which stands far to the left."""
    os.makedirs("pictures/cat/a/b")
    Image.new("RGB", (8, 8), "white").save("pictures/cat/a/b/0.png")
    before = load(folder)
    os.makedirs("pictures/dog/a/b")
    os.rename("pictures/cat/a/b/0.png", "pictures/dog/a/b/0.png")
    assert load(folder).fingerprint != before.fingerprint
