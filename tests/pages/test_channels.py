"""The values of channels: mean, spread and histogram, and a sentence where two splits differ."""

import numpy as np
import pytest

from exprun.pages import channels
from exprun.pages.channels import channels as measure
from exprun.pages.channels import difference

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(0, 1, (300, 6, 6, 3))


def test_mean_spread_and_histogram_are_those_of_each_channel():
    images = np.concatenate([IMAGES[..., :1] * 3 + 1, IMAGES[..., 1:2], IMAGES[..., 2:] + 10], 3)
    found = measure("training", images)
    flat = images.reshape(-1, 3)
    assert found.names == ("red", "green", "blue")
    assert np.allclose(found.mean, flat.mean(0), atol=1e-5)
    assert np.allclose(found.spread, flat.std(0), atol=1e-5)
    assert np.allclose(found.shares.sum(1), 1)
    assert measure("training", images, reverse=True).names == ("blue", "green", "red")


def test_grey_images_that_are_stored_in_colour_have_one_channel():
    grey = measure("training", np.repeat(IMAGES[..., :1], 3, 3))
    assert grey.names == ("grey",)
    assert not difference(grey, measure("validation", IMAGES))
    assert "101 times as widely" in difference(grey, measure("validation", IMAGES * 100))


def test_large_sets_are_sampled():
    images = np.broadcast_to(np.float32(2), (5000, 60, 60, 3))
    found = measure("training", images)
    assert found.images == channels.MAX_IMAGES
    assert channels.sampled(images).size <= 2 * channels.MAX_VALUES


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (IMAGES * 255, "spread 255 times as widely as those of training images"),
        (IMAGES / 127.5, "times as narrowly"),
        (IMAGES + 4, " standard deviations"),
        (np.zeros_like(IMAGES), "Validation images have mean 0 ± 0"),
        (RNG.normal(0.1, 1.1, IMAGES.shape), ""),
        (IMAGES * 2, "spread 2 times as widely"),  # the limit is 1.5, for different images a little more
        (IMAGES * 1.4, ""),
        (IMAGES[..., :1], ""),
    ],
)
def test_a_difference_is_a_sentence(other, sentence):
    found = difference(measure("training", IMAGES), measure("validation", other))
    assert sentence in found if sentence else found == ""


def test_constant_images_do_not_differ_from_themselves():
    black = measure("training", np.zeros((3, 1, 1, 1)))
    assert difference(black, black) == ""
    assert difference(black, measure("validation", np.ones((3, 1, 1, 1))))


def test_values_that_are_not_finite_are_counted_and_left_out():
    images = IMAGES[..., :1].copy()
    images[0, 0, 0] = np.nan
    found = measure("training", images)
    assert found.not_finite == 1
    assert np.isfinite([*found.mean, *found.spread]).all()
    assert measure("training", np.full((1, 2, 2, 1), np.inf)).not_finite == 4
