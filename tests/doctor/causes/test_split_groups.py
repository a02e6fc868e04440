"""Groups of images on two sides of a split: found by names and likeness together, never by names alone."""

from dataclasses import replace

import numpy as np
import pytest

from doctor.contexts import context_of, found
from exprun.doctor.causes import split_groups
from exprun.doctor.instruments.kinship import NameGroups, find_kin
from exprun.doctor.instruments.leaks import prints_of
from exprun.doctor.subject import Images

PEOPLE, EACH = 40, 5
PERSON = np.repeat(np.arange(PEOPLE), EACH)
REMEDY = "set data.group=folder."


def images(likeness, seed=0):
    """Images of people, each a mixture of what the person looks like and of noise, uint8, (images, 16, 16, 3)."""
    rng = np.random.default_rng(seed)
    people, noise = rng.normal(size=(PEOPLE, 16, 16, 3))[PERSON], rng.normal(size=(len(PERSON), 16, 16, 3))
    return np.clip(128 + 40 * (likeness * people + (1 - likeness) * noise), 0, 255).astype(np.uint8)


def splits(pixels):
    names = [f"a/p{person}_{number}.png" for number, person in enumerate(PERSON)]
    parts = {"training": 0, "validation": 1, "test": 2}
    part = np.random.default_rng(0).choice(3, len(PERSON), p=[0.6, 0.2, 0.2])
    return [prints_of(name, pixels, np.flatnonzero(part == number), names) for name, number in parts.items()]


def groups(numbers=PERSON, classes=2):
    return NameGroups(numbers, [f"p{number}" for number in range(PEOPLE)], PERSON % classes, REMEDY)


def told(pixels, *groupings):
    images = Images(np.zeros((1, 8, 8, 1)))
    made = splits(pixels)
    return found(split_groups, context_of(images, images, looked_up=lambda: made, groupings=lambda: groupings))


def test_people_on_two_sides_are_found_with_the_remedy():
    [finding] = told(images(0.7), groups())
    assert (finding.severity, finding.where, finding.keras) == ("warning", "validation images", REMEDY)
    assert finding.numbers["nearest"] > 0.9
    assert finding.numbers["chance"] < 0.1
    assert "validation images have training images of the same group, such as a/p" in finding.evidence
    assert str(finding).endswith(f"Try: {REMEDY}")


@pytest.mark.parametrize("seed", range(5))
def test_names_alone_are_no_evidence(seed):
    assert told(images(0.0, seed), groups()) == []
    assert told(images(0.7, seed), groups(np.random.default_rng(seed).permutation(PERSON))) == []


def test_groups_that_are_classes_are_no_evidence():
    assert told(images(0.7), groups(classes=PEOPLE)) == []
    assert told(images(0.7), groups(PERSON % 2)) == []


def test_subclasses_that_are_somewhat_alike_are_no_evidence():
    rng = np.random.default_rng(0)
    kinds = np.repeat(rng.normal(size=(8, 16, 16, 3)), len(PERSON) // 8, axis=0)
    noise = rng.normal(size=(len(PERSON), 16, 16, 3))
    pixels = np.clip(128 + 40 * (0.12 * kinds + 0.88 * noise), 0, 255).astype(np.uint8)
    training, validation, _ = splits(pixels)
    numbers = np.repeat(np.arange(8), len(PERSON) // 8)
    assert find_kin(training, validation, replace(groups(numbers), labels=PERSON * 0)) is None


def test_groups_on_one_side_are_no_evidence():
    pixels = images(0.7)
    sides = [
        prints_of(name, pixels, np.flatnonzero(side == PERSON % 2)) for side, name in enumerate(["training", "val"])
    ]
    assert find_kin(*sides, groups(classes=1)) is None


def test_without_names_nothing_is_looked_up():
    images = Images(np.zeros((1, 8, 8, 1)))
    context = context_of(images, images, looked_up=lambda: pytest.fail("looked"))
    assert found(split_groups, context) == []
    context = context_of(images, images, looked_up=lambda: pytest.fail("looked"), groupings=lambda: [])
    assert found(split_groups, context) == []
