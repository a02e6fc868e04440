"""scrambled-images: images whose axes were exchanged by reshape."""

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from doctor.contexts import context_of, found
from exprun.doctor.causes import scrambled_images
from exprun.doctor.subject import Images


def photographs(side=32):
    """Cuttings of photographs, (images, side, side, 3), from 0 to 1."""
    whole = np.stack(load_sample_images().images).astype(np.float32) / 255
    rng, cuttings = np.random.default_rng(0), []
    for at, y, x in zip(
        rng.integers(0, 2, 60), rng.integers(0, 427 - side, 60), rng.integers(0, 640 - side, 60), strict=True
    ):
        cuttings.append(whole[at, y : y + side, x : x + side])
    return np.stack(cuttings)


SOUND = photographs()
PLANES = SOUND.transpose(0, 3, 1, 2).reshape(len(SOUND), -1)  # as CIFAR-10 stores images


def said(images):
    return found(scrambled_images, context_of(Images(np.ascontiguousarray(images))))


def test_planes_that_are_read_as_pixels():
    (finding,) = said(PLANES.reshape(-1, 32, 32, 3))
    assert (finding.cause, finding.severity) == ("scrambled-images", "error")
    assert "planes of one channel" in finding.evidence
    assert "x.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)" in finding.keras


def test_pixels_that_are_read_as_planes():
    (finding,) = said(SOUND.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    assert "pixels with all channels together" in finding.evidence
    assert finding.keras == "x.reshape(-1, 32, 32, 3), without transpose."


@pytest.mark.parametrize(
    "images",
    [
        SOUND,
        SOUND.transpose(0, 2, 1, 3),  # rotated
        np.repeat(SOUND[..., :1], 3, -1),  # without colour
        SOUND * [1, 0, 0],
        np.random.default_rng(0).normal(size=SOUND.shape),
        np.zeros_like(SOUND),
        SOUND[:8],
        SOUND[..., :1],
        SOUND[:, :4],
        SOUND[:, 0],
        np.round(SOUND),
    ],
)
def test_other_images(images):
    assert said(images) == []
