"""Groups of images: whole on one side of every split, or refused with a sentence."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from exprun.config.errors import DataError
from exprun.config.images import Data
from exprun.data import load
from exprun.data.dataset import split
from exprun.data.groups import Groups, groups_of_arrays, held_out_groups
from exprun.data.pool import Pool

DATA = Data(name="arrays", root="-", group="g", val_fraction=0.1, test_fraction=0.2)
FOLDER = Data(name="image_folder", root="set", channels=3, size=8, corrupt="skip", background="white")


def pool(labels, parts=None):
    """A pool of images without pixels."""
    labels = np.asarray(labels, np.int32)
    names = [f"c{number}" for number in range(labels.max() + 1)]
    parts = np.zeros(len(labels), np.uint8) if parts is None else np.asarray(parts, np.uint8)
    return Pool(np.zeros((len(labels), 1, 1, 1), np.uint8), labels, names, parts)


def sides(dataset):
    """The rows of each split."""
    return [part.rows for part in (dataset.train, dataset.val, dataset.test) if part is not None]


def divided(dataset, groups):
    """The groups with images in two splits."""
    found = [set(np.asarray(groups)[rows]) for rows in sides(dataset)]
    return set.union(*(a & b for a in found for b in found if a is not b))


def patients(count=40, images=5, classes=2):
    """The labels of the images of patients with one diagnosis each, and the patient of each image."""
    person = np.repeat(np.arange(count), images)
    return person % classes, [f"p{number}" for number in person]


@st.composite
def random_sets(draw):
    """The labels of a set, the group of each image, and settings of the splits."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, classes = draw(st.integers(6, 120)), draw(st.integers(2, 5))
    groups = rng.integers(0, draw(st.integers(2, 60)), count)
    own = draw(st.booleans())  # whether all images of a group have the same label
    labels = rng.permutation(groups.max() + 1)[groups] % classes if own else rng.integers(0, classes, count)
    parts = np.where(draw(st.booleans()), np.isin(groups, rng.integers(0, groups.max() + 1, 3)) * 2, 0)
    folds = draw(st.sampled_from([*[None] * 7, 2, 3, 5]))
    more = {"split_seed": draw(st.integers(0, 99)), "folds": folds, "fold": None if folds is None else folds - 1}
    more["limit"] = draw(st.sampled_from([None, None, 40]))
    more["test_fraction"] = draw(st.sampled_from([0.0, 0.1, 0.3]))
    return labels, [f"g{number}" for number in groups], parts, more


@pytest.mark.slow
def test_no_group_is_on_two_sides_of_1000_random_sets():
    could_be_divided = []

    @settings(max_examples=1000, deadline=None)
    @given(random_sets())
    def check(made):
        labels, groups, parts, more = made
        _, labels = np.unique(labels, return_inverse=True)
        try:
            data = split(pool(labels, parts), replace(DATA, **more), groups)
        except DataError:
            could_be_divided.append(False)
            return
        could_be_divided.append(True)
        assert divided(data, groups) == set()
        assert len(np.unique(np.concatenate(sides(data)))) == sum(map(len, sides(data)))
        assert all(len(rows) for rows in sides(data))

    check()
    assert np.mean(could_be_divided) > 0.4


def test_without_groups_the_same_sets_are_divided():
    labels, groups = patients()
    assert divided(split(pool(labels), replace(DATA, group=None)), groups)


def test_groups_are_stratified_and_as_many_images_as_asked():
    labels, groups = patients(200, 5, 4)
    for seed in range(5):
        data = split(pool(labels), replace(DATA, split_seed=seed), groups)
        counts = [np.bincount(labels[rows]).tolist() for rows in sides(data)]
        assert counts == [[175] * 4, [25] * 4, [50] * 4]
    assert "140 for training, 20 for validation, 40 for test" in data.notes[0]


def test_groups_of_unequal_sizes_add_up_to_the_fraction():
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(300), rng.geometric(0.1, 300))
    labels = rng.integers(0, 3, 300)[person]
    data = split(pool(labels), DATA, person.astype(str).tolist())
    for rows, fraction in zip(sides(data), (0.7, 0.1, 0.2), strict=True):
        assert len(rows) / len(labels) == pytest.approx(fraction, abs=0.003)
        np.testing.assert_allclose(np.bincount(labels[rows]) / len(rows), np.bincount(labels) / len(labels), atol=0.02)


def test_another_split_seed_draws_other_groups():
    labels, groups = patients()
    first, again, other = (split(pool(labels), replace(DATA, split_seed=seed), groups) for seed in (0, 0, 1))
    assert first.val.rows.tolist() == again.val.rows.tolist() != other.val.rows.tolist()


def test_the_only_group_of_a_class_stays_in_training():
    labels, groups = patients(20, 5)
    data = split(pool([*labels, *[2] * 5]), DATA, [*groups, *["rare"] * 5])
    assert set(labels[data.val.rows]) == {0, 1}
    assert (data.train.row_labels == 2).sum() == 5
    assert "no validation images of 1 of 3 classes (c2)" in data.notes[-1]


@pytest.mark.parametrize(
    ("labels", "groups", "more", "said"),
    [
        ([0, 1] * 20, ["a"] * 20 + ["b"] * 20, {}, r"smallest of 2 groups, a, has 20 images: raise data.test_fraction"),
        ([0] * 8 + [1] * 8, [*"ab"] * 8, {"test_fraction": 0, "val_fraction": 0.2}, "smallest of 2 groups, a, has 8"),
        (
            np.repeat([0, 1, 2], 10),
            np.repeat([*"abc"], 10),
            {"test_fraction": 0.3},
            "each class has one group only: ch",
        ),
        (np.repeat([0, 1], 50), np.repeat([*"ab"], 50), {}, "each class has one group only: choose groups that are no"),
        ([0] * 40 + [1] * 45, ["a"] * 45 + ["b"] * 40, {"test_fraction": 0.3}, "each class keeps images for training"),
    ],
)
def test_groups_that_cannot_be_held_out(labels, groups, more, said):
    with pytest.raises(DataError, match=said):
        split(pool(labels), replace(DATA, **more), list(groups))


def test_a_split_that_groups_make_much_larger_is_noted():
    labels, groups = patients(10, 16)
    data = split(pool(labels), replace(DATA, test_fraction=0.0), groups)
    assert len(data.val) == 16
    data = split(pool(labels), replace(DATA, test_fraction=0.0, val_fraction=0.15), groups)
    assert data.notes[0] == "data.val_fraction=0.15 of 160 images holds out 32, not 24, because groups stay whole."


def test_groups_that_the_splits_of_the_set_divide_are_refused():
    labels, groups = patients(10, 5)
    parts = np.zeros(50, np.uint8)
    parts[3:10] = 2
    with pytest.raises(DataError, match=r"1 of 10 groups \(p0\) has both training and test images"):
        split(pool(labels, parts), DATA, groups)
    parts[:] = np.where(np.arange(50) >= 45, 2, np.arange(50) % 2)  # validation images of all patients
    with pytest.raises(DataError, match=r"9 of 10 groups \(p0, …\) have both training and validation images"):
        split(pool(labels, parts), DATA, groups)
    for more in ({"validation": "test"}, {"folds": 3, "fold": 0}):  # both use the two splits as one
        assert divided(split(pool(labels, parts), replace(DATA, **more), groups), groups) <= set(groups[45:])


def test_the_test_set_leaves_groups_for_validation():
    labels = np.tile([0, 1], 34)
    groups = ["large"] * 60 + ["one"] * 4 + ["two"] * 4  # both small ones are as near to 7 images as one of them
    for seed in range(5):
        found = split(pool(labels), replace(DATA, test_fraction=0.1, split_seed=seed), groups)
        assert [len(rows) for rows in sides(found)] == [60, 4, 4]


def test_no_rows_and_no_count_draw_nothing():
    groups, rng = Groups.of(["a", "b"]), np.random.default_rng(0)
    assert len(held_out_groups(np.arange(0), np.array([0, 1]), groups, 3, rng)) == 0
    assert len(held_out_groups(np.arange(2), np.array([0, 1]), groups, 0, rng)) == 0


# Image folders


def image(path, seed=0):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)).save(path)


LAYOUTS = {  # the path of each image, and the group that finds the patient in it
    "set/{label}/{person}/{number}.png": "folder",
    "set/{label}/{person}/left/{number}.png": "folder",
    "set/{person}/{label}/{number}.png": "outer_folder",
    "set/{label}/{person}_{number}.png": r"(patient\d+)_",
    "set/{label}/x/{person}/{number}.png": r"/x/([^/]+)/",
    "set/train/{label}/{person}/{number}.png": "folder",
    "set/train/{person}/{label}/{number}.png": "outer_folder",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_patients_are_found_in_folders_and_names(layout):
    for person in range(10):
        for number in range(2):
            label = "ab"[person % 2]
            image(layout.format(label=label, person=f"patient{person}", number=number), person * 10 + number)
    data = load(replace(FOLDER, group=LAYOUTS[layout], val_fraction=0.2, test_fraction=0.2))
    assert data.classes == ["a", "b"]
    people = [next(part for part in Path(file).parts if "patient" in part).split("_")[0] for file in data.files]
    assert divided(data, people) == set()
    assert [len(part) for part in (data.train, data.val, data.test)] == [12, 4, 4]
    assert data.notes[-1].endswith("6 for training, 2 for validation, 2 for test.")


@pytest.mark.parametrize(
    ("group", "said"),
    [
        (
            "folder",
            r"data.group=folder: 3 of 4 images are in no folder below that of their class \(a/1.png, a/x.png, b/2",
        ),
        (r"(\d)\.png", r"data.group=\(\\d\)\\.png: 1 of 4 images do not match \(a/x.png\)"),
        (r"(\d)?\.png", r"1 of 4 images do not match \(a/x.png\)"),
    ],
)
def test_images_without_a_group_are_named(group, said):
    for name in ("a/1", "a/x", "b/2", "b/deep/3"):
        image(f"set/{name}.png")
    with pytest.raises(DataError, match=said):
        load(replace(FOLDER, group=group))


def test_unreadable_images_do_not_shift_the_groups():
    for person in range(6):
        for number in range(2):
            image(f"set/{'ab'[person % 2]}/p{person}_{number}.png", person * 10 + number)
    Path("set/a/p0_0.png").write_bytes(b"")
    data = load(replace(FOLDER, group=r"(p\d)_", val_fraction=0.3, test_fraction=0.0))
    assert len(data.skipped) == 1
    assert divided(data, [file[2:4] for file in data.files]) == set()


# Arrays


def arrays(**more):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (40, 4, 4), np.uint8)
    np.savez("set.npz", x_train=x, y_train=np.arange(40) % 2, **more)


ARRAYS = Data(name="arrays", root="set.npz", group="person", val_fraction=0.2, test_fraction=0.2)


@pytest.mark.parametrize(
    "names", [np.arange(10), [f"é{number}" for number in range(10)], [f"é{n}".encode("latin-1") for n in range(10)]]
)
def test_the_groups_of_arrays_are_an_array(names):
    people = np.repeat(names, 4)
    arrays(person_train=people)
    data = load(ARRAYS)
    assert divided(data, people) == set()
    assert [len(rows) for rows in sides(data)] == [24, 8, 8]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "needs an array person_train .* 40 images in x_train, but there is none"),
        ({"person_train": np.arange(39)}, r"but it is int64 of shape \(39,\)"),
        ({"person_train": np.arange(40.0)}, "but it is float64"),
    ],
)
def test_groups_that_do_not_fit_the_arrays(more, said):
    arrays(**more)
    with pytest.raises(DataError, match=said):
        load(ARRAYS)


def test_groups_in_npy_files():
    Path("set").mkdir()
    for name, values in {"p_train": [1, 1, 2], "p_test": [3]}.items():
        np.save(f"set/{name}.npy", np.array(values))
    files = sorted(Path("set").glob("*.npy"))
    assert groups_of_arrays(files, "p", pool([0, 1, 0, 1], [0, 0, 0, 2])) == ["1", "1", "2", "3"]
