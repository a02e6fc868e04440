"""Images in a page: any form becomes pixels, a sheet shows each image in its place, and tensors keep their range."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from exprun.pages.pictures import SMALL, Picture, as_pixels, data_uri, displayed, gallery, sheet


def decoded(uri: str) -> np.ndarray:
    kind, _, text = uri.partition(";base64,")
    assert kind in ("data:image/png", "data:image/webp")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (64, 64)])
def test_a_small_image_keeps_each_pixel(size, channels):
    image = np.random.default_rng(0).integers(0, 256, (*size, channels), np.uint8)
    assert np.array_equal(decoded(data_uri(image)).reshape(image.shape), image)


def test_a_large_image_is_shrunk_and_keeps_its_aspect():
    assert decoded(data_uri(np.full((3000, 4000, 3), 200, np.uint8), 128)).shape[:2] == (96, 128)


def test_floats_are_clipped_and_nan_is_black():
    found = as_pixels(np.array([[-5.0, 127.6], [300.0, np.nan]])[..., None])
    assert found.tolist() == [[0, 128], [255, 0]]


@pytest.mark.parametrize(("channels", "shape"), [(2, (4, 4)), (5, (4, 4, 3))])
def test_other_numbers_of_channels_can_be_shown(channels, shape):
    assert as_pixels(np.zeros((4, 4, channels), np.uint8)).shape == shape


def test_a_sheet_holds_each_image_at_the_position_that_it_tells():
    images = [np.full((4, 6, 3), value, np.uint8) for value in range(0, 200, 10)]
    found = sheet(images)
    pixels = decoded(found.uri)
    height, width = found.cell
    for place, image in enumerate(images):
        left, top = (float(text.rstrip("%")) / 100 for text in found.position(place).split())
        x, y = round(left * (pixels.shape[1] - width)), round(top * (pixels.shape[0] - height))
        assert np.array_equal(pixels[y : y + height, x : x + width], image)
    assert found.is_small


def test_images_of_different_sizes_are_in_the_middle_of_equal_cells():
    found = sheet([np.zeros((2, 2), np.uint8), np.full((6, 4, 3), 255, np.uint8)])
    pixels = decoded(found.uri)
    assert found.cell == (6, 4)
    first = pixels[:6, :4]
    assert first[..., 3].sum() == 4 * 255  # the rest of the cell is transparent
    assert (first[2:4, 1:3, 3] == 255).all()


def test_many_large_images_fit_into_one_sheet():
    found = sheet([np.zeros((SMALL + 40, SMALL + 40, 3), np.uint8)] * 400, 96)
    assert found.columns * found.rows >= 400
    assert not found.is_small


def test_a_gallery_needs_a_caption_for_each_image():
    with pytest.raises(AssertionError):
        gallery([np.zeros((2, 2), np.uint8)], [Picture("a"), Picture("b")])


def test_tensors_are_shown_on_one_linear_scale_with_their_range():
    batch = np.linspace(-2, 2, 2 * 3 * 3 * 1).reshape(2, 3, 3, 1)
    found = displayed(batch)
    assert (found.low, found.high) == (-2, 2)
    assert found.images.min() == 0
    assert found.images.max() == 255
    assert "black is -2, white is 2" in found.range
    clipped = displayed(batch, (0, 1)).images
    assert (clipped[0] == 0).mean() > 0.9
    assert (clipped[batch >= 1] == 255).all()


def test_constant_and_broken_tensors_can_be_shown():
    assert displayed(np.full((1, 2, 2, 3), 7.0)).images.max() == 0
    broken = displayed(np.array([[[[np.nan], [1.0], [3.0], [np.inf]]]]))
    assert (broken.low, broken.high, broken.not_finite) == (1.0, 3.0, 2)
    assert displayed(np.full((1, 1, 1, 1), np.nan)).images.tolist() == [[[[0]]]]


def test_large_tensors_are_thinned_and_keep_their_range():
    batch = np.zeros((2, 1601, 40, 1), np.float32)
    batch[1, 1, 1] = 9  # between the rows and columns that are taken
    found = displayed(batch)
    assert found.images.shape == (2, 401, 10, 1)
    assert (found.low, found.high) == (0, 9)
    batch[0, 3, 3] = np.nan
    assert displayed(batch).not_finite == 1
    assert displayed(batch[0]).images.shape == (401, 10, 1)
