"""Which groups the names of files suggest."""

from dataclasses import replace

import numpy as np
import pytest

from exprun.config.images import Data
from exprun.data.dataset import Dataset, Split
from exprun.data.group_names import are_splits_given, suggested
from exprun.data.groups import group_finder

FOLDER = Data(name="image_folder", root="set")


def dataset(pattern, people=10, each=4):
    """A data set of images of two classes, whose files are named by a pattern."""
    files, labels = [], []
    for number in range(people * each):
        person, label = number // each, number // each % 2
        files.append(pattern.format(label="ab"[label], person=person, number=number % each, count=number))
        labels.append(label)
    split = Split(np.zeros((len(files), 1, 1, 1), np.uint8), np.array(labels, np.int32), np.arange(len(files)))
    return Dataset(split, split, None, ["a", "b"], None, "", [], files=files)


FOUND = {
    "{label}/patient{person}/{number}.png": "folder",
    "train/{label}/patient{person}/x/{number}.png": "folder",
    "{label}/patient{person}_{number}.png": r"(patient\d+)_",
    "{label}/patient{person}-frame{number}.png": r"(patient\d+)\-",
    "{label}/{person}_left_{count:05}.jpeg": r"(\d+)_",
    "{label}/IM-{person:04}-{count:04}.jpeg": r"(IM\-\d+)\-",
    "{label}/{label}_{person}_{number}.png": r"([^/]+?)[-_. ]+[a-zA-Z]*\d+\.\w+$",
}


@pytest.mark.parametrize("pattern", FOUND)
def test_people_are_found_and_the_pattern_finds_the_same_groups(pattern):
    made = dataset(pattern)
    found = dict(suggested(made, FOLDER))
    assert FOUND[pattern] in found
    groups = found[FOUND[pattern]]
    assert len(groups.names) == 10
    assert [len(set(groups.numbers[start : start + 4])) for start in range(0, 40, 4)] == [1] * 10
    if FOUND[pattern] != "folder":
        find = group_finder(FOUND[pattern])
        assert [find(file, "") for file in made.files] == [groups.names[number] for number in groups.numbers]


@pytest.mark.parametrize(
    "pattern",
    ["{label}/img_{count:04}.png", "{label}/{label}.{count}.jpg", "{label}/{count:04}.jpg", "{label}/x/{count}.png"],
)
def test_names_with_a_number_alone_suggest_nothing(pattern):
    assert list(suggested(dataset(pattern), FOLDER)) == []


def test_data_without_files_suggests_nothing():
    assert list(suggested(replace(dataset("{label}/{count}"), files=[]), Data(name="digits"))) == []


def test_splits_that_are_given_cannot_be_drawn_by_group():
    made = dataset("Valid/{label}/p{person}_{number}.png")
    assert are_splits_given(made, FOLDER)
    assert not are_splits_given(made, replace(FOLDER, folds=5, fold=0))
    table = replace(FOLDER, name="csv")
    assert not are_splits_given(made, table)  # without a column, the folders in a CSV file are no splits
    assert are_splits_given(made, replace(table, split="subset"))
    assert not are_splits_given(dataset("{label}/p{person}_{number}.png"), FOLDER)


def test_validation_images_are_drawn_if_only_test_images_are_given():
    made = dataset("train/{label}/p{person}_{number}.png")
    made = replace(made, files=[*made.files, "test/a/p1_1.png"])
    assert not are_splits_given(made, FOLDER)
    assert are_splits_given(made, replace(FOLDER, validation="test"))
