"""The drawn palm veins: what an image depends on, and what tells people apart."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from exprun.data.palm_vein import draw
from exprun.data.pool import TRAIN

PEOPLE, EACH, SIZE = 20, 20, 24


@pytest.fixture(scope="module")
def images():
    """20 small images of each of 20 people, with 0 to 1 for black to white."""
    return draw(PEOPLE, EACH, SIZE).images.reshape(PEOPLE, EACH, SIZE, SIZE) / 255


def normalized(images):
    """Images of mean 0 and standard deviation 1, flat."""
    flat = images.reshape(*images.shape[:-2], -1)
    return (flat - flat.mean(-1, keepdims=True)) / flat.std(-1, keepdims=True)


def test_a_pool_holds_the_people_one_after_another():
    pool = draw(2, 3, 24, first_person=998)
    assert (pool.images.shape, pool.images.dtype) == ((6, 24, 24, 1), np.uint8)
    assert (pool.labels.tolist(), pool.labels.dtype) == ([0, 0, 0, 1, 1, 1], np.int32)
    assert pool.classes == ["person0998", "person0999"]
    assert (pool.parts.tolist(), pool.parts.dtype) == ([TRAIN] * 6, np.uint8)


def test_the_same_arguments_give_the_same_images():
    assert np.array_equal(draw(2, 2, 24).images, draw(2, 2, 24).images)


def test_no_two_images_are_the_same(images):
    assert len(np.unique(images.reshape(PEOPLE * EACH, -1), axis=0)) == PEOPLE * EACH


def test_an_image_depends_on_its_person_and_number_only():
    two = draw(2, 2, 24).images.reshape(2, 2, 24, 24)
    more = draw(3, 4, 24).images.reshape(3, 4, 24, 24)
    assert np.array_equal(more[:2, :2], two)
    assert np.array_equal(draw(1, 4, 24, first_person=2).images[..., 0], more[2])


@pytest.mark.parametrize("size", [1, 2, 57])
def test_any_size_can_be_drawn(size):
    images = draw(2, 2, size).images
    assert images.shape == (4, size, size, 1)
    assert images.mean() == pytest.approx(130, abs=25)


def test_size_changes_the_resolution_only():
    large = draw(3, 2, 96).images.reshape(6, 32, 3, 32, 3).mean((2, 4))
    small = draw(3, 2, 32).images[..., 0]
    for a, b in zip(normalized(large), normalized(small), strict=True):
        assert np.mean(a * b) > 0.95


def likeness(some, others):
    """The highest correlation of each of `some` images with each of `others`, over all shifts."""
    one, two = (np.fft.rfft2(normalized(x).reshape(-1, SIZE, SIZE)) for x in (some, others))
    return np.fft.irfft2(one[:, None] * two[None].conj()).max((2, 3)) / SIZE**2


def test_images_of_a_person_are_alike_but_for_their_place(images):
    found = likeness(images[:, :5], images[:, 5:10])
    same = np.kron(np.eye(PEOPLE, dtype=bool), np.ones((5, 5), dtype=bool))
    assert found[same].mean() > found[~same].mean() + 0.08


@pytest.mark.slow
def test_other_numbers_are_other_people(images):
    others = draw(PEOPLE, 5, SIZE, first_person=1000).images.reshape(PEOPLE * 5, SIZE, SIZE) / 255
    found = likeness(images[:, :5], images[:, 5:10])
    same = np.kron(np.eye(PEOPLE, dtype=bool), np.ones((5, 5), dtype=bool))
    assert likeness(images[:, :5], others).mean() < found[same].mean() - 0.08


def test_brightness_tells_nobody(images):
    """Images of a person vary in brightness as images of all do: an F statistic near 1."""
    brightness = images.mean((2, 3))
    between = EACH * brightness.mean(1).var(ddof=1)
    within = brightness.var(1, ddof=1).mean()
    assert between / within < 1.95  # the 1% point of 19 and 380 degrees of freedom
    assert within**0.5 > 0.03


@pytest.mark.slow
def test_a_linear_classifier_on_pixels_does_poorly_but_above_chance(images):
    flat = images.reshape(PEOPLE, EACH, -1)
    flat = (flat - flat[:, :15].mean((0, 1))) / flat[:, :15].std((0, 1))
    labels = np.repeat(np.arange(PEOPLE), EACH).reshape(PEOPLE, EACH)
    model = LogisticRegression(max_iter=200).fit(np.concatenate(flat[:, :15]), labels[:, :15].ravel())
    assert 0.2 < model.score(np.concatenate(flat[:, 15:]), labels[:, 15:].ravel()) < 0.7
