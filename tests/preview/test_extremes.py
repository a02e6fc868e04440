"""Images that stand out among those with several labels."""

import numpy as np

from exprun.data import Dataset, Split
from exprun.preview.extremes import of_classes, traits_of
from exprun.preview.galleries import Names

LABELS = np.array([[1, 0], [1, 1], [0, 0], [0, 1], [1, 0]], np.float32)


def test_images_with_several_labels():
    """An image is compared with the nearest mean of its labels, and is shown with each of them."""
    images = np.full((5, 8, 8, 1), np.array([10, 20, 90, 100, 60]).reshape(5, 1, 1, 1), np.uint8)
    every = Split(images, LABELS, np.arange(5))
    dataset = Dataset(every, every, None, ["cat", "dog"], None, "", [])
    traits = traits_of(dataset, 0)
    cats, dogs = 30, 60  # the mean grey levels
    wanted = [20, min(20 - cats, 20 - dogs, key=abs), 90 - 56, 100 - dogs, 60 - cats]
    np.testing.assert_allclose(traits.distance[np.argsort(traits.rows)], np.abs(wanted), atol=1e-4)
    shown = {number: {int(traits.rows[place]) for _, place in places} for number, places in of_classes(
        traits, np.zeros(5), 2, 0, random=9
    )}  # fmt: skip
    assert shown == {0: {0, 1, 4}, 1: {1, 3}}
    assert [Names(dataset, LABELS).label(row) for row in range(5)] == ["cat", "cat + dog", "no label", "dog", "cat"]
