"""What simple methods reach on the images of a config."""

import numpy as np
import pytest

from exprun.data import Dataset, Split
from exprun.experiments import reference
from exprun.experiments.reference import Reference
from exprun.explain.references import in_words, referenced

RNG = np.random.default_rng(0)


@pytest.fixture
def dataset():
    labels = RNG.integers(0, 2, 200).astype(np.int32)
    images = np.repeat(200 * labels, 16).reshape(200, 4, 4, 1).astype(np.uint8)
    train, val = (Split(images, labels, rows) for rows in (np.arange(150), np.arange(150, 200)))
    return Dataset(train, val, None, ["dark", "bright"], None, "", [])


def test_simple_methods_learn_what_the_images_show(dataset, monkeypatch):
    monkeypatch.setattr(reference, "_network", lambda sample, seconds: None)
    found, chance = referenced(dataset, 600)
    assert [one.score for one in found] == [1.0] * 3
    assert 0.3 < chance < 0.7


def test_scores_are_accuracies_in_words():
    found = [Reference("a linear model", 0.5, 1.2), Reference("a small CNN", 1.0, 12.0)]
    assert in_words(found, 0.1) == (
        "On the same images, simple methods predict correctly: a linear model 55.0 % (1 s), a small CNN 100.0 % (12 s)."
    )
    assert in_words([], 0.1) == ""
