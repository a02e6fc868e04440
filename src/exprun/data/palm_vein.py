"""Synthetic images of palm veins, like the near-infrared images on which palm-vein recognition is tested.

A person is a fixed pattern of veins, and each image shows the pattern in another pose, light and sharpness. All
patterns are drawn from one distribution, and the brightness of an image does not depend on the person. So people can
be told apart only by the course of their veins.

Lengths are fractions of the image's side, and 0 is the centre of the image. So the size in pixels changes only the
resolution.
"""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from exprun.config.datasets import person_names
from exprun.data.pool import TRAIN, Allocate, Pool, in_memory

SPAN = 1.66  # side of a pattern, in sides of an image: even the most rotated and shifted image stays inside it
CANVAS = 512  # side of the canvas on which a pattern is drawn, in pixels
PATTERN, IMAGE = 0x7EED, 0x1417  # first numbers of the seeds of patterns and of images

# How much the images of one person differ. If they differed less, a linear classifier on the pixels could tell people
# apart.
ROTATION, SCALE, SHIFT = 0.18, 0.06, 0.16  # the largest rotation (radians), change of scale and shift
BEND = 0.006  # standard deviation of the deformation at 4 × 4 points
SKIN = 0.06  # standard deviation of the logarithm of the light, for a coarse and for a fine texture of the skin
BLUR = 1.2 / 96  # the largest standard deviation of the blur
NOISE = 3.0  # standard deviation of the noise, in grey levels
# How broad and dark veins are. Published data sets are contrast-stretched in the same way, and a plain AlexNet learns
# faint veins slowly.
WIDTH = (0.032, 0.052)  # range of the width of a main vein where it begins
ABSORPTION = (2.6, 4.0)  # range of the absorption of a vein
BLACK = 0.4  # share of the light on plain skin below which a pixel is black


def draw(people: int, images_per_person: int, size: int, first_person: int = 0, allocate: Allocate = in_memory) -> Pool:
    """Draw the images of `people` people, numbered from `first_person`; all of them are training images.

    An image depends only on the number of its person, its own number and `size`.

    Returns:
        A pool of uint8 images, (people · images_per_person, size, size, 1), sorted by person.
    """
    images = allocate((people * images_per_person, size, size, 1))
    numbers = range(first_person, first_person + people)
    for number, of_person in zip(numbers, images.reshape(people, images_per_person, size, size), strict=True):
        veins = _pattern(np.random.default_rng([PATTERN, number]), math.ceil(SPAN * size * 1.5))
        for index in range(images_per_person):
            of_person[index] = _image(veins, np.random.default_rng([IMAGE, number, index]), size)
    labels = np.repeat(np.arange(people, dtype=np.int32), images_per_person)
    classes = list(person_names(first_person, people))
    return Pool(images, labels, classes, np.full(len(labels), TRAIN, np.uint8))


def _pattern(rng: np.random.Generator, side: int) -> np.ndarray:
    """The pattern of a person's veins, from 0 (no vein) to 1; float32, (side, side), `SPAN` times an image's side."""
    layers = []
    # Tissue scatters light, so deep veins look soft and faint.
    for veins, softness, faintness in zip(_veins(rng), (0.008, 0.014), (1, 0.7), strict=True):
        layer = Image.new("L", (CANVAS, CANVAS))
        pen = ImageDraw.Draw(layer)
        for points, width in veins:
            radii = np.linspace(width, 0.6 * width, len(points)) / 2
            for (x, y), r in zip((points / SPAN + 0.5) * CANVAS, radii / SPAN * CANVAS, strict=True):
                pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
        soft = layer.filter(ImageFilter.GaussianBlur(softness / SPAN * CANVAS))
        layers.append(np.asarray(soft, np.float32) / 255 * faintness)
    both = Image.fromarray(np.maximum(*layers))
    return np.asarray(both.resize((side, side), Image.Resampling.BICUBIC))


def _veins(rng: np.random.Generator) -> tuple[list[tuple[np.ndarray, float]], list[tuple[np.ndarray, float]]]:
    """The superficial and the deep veins: the course of each, (points, 2) as x and y, and its width."""
    veins = []
    for across in (-0.45, -0.15, 0.15, 0.45):  # main veins run from the wrist, at the bottom, to the fingers
        start, end = (np.array((across + rng.uniform(-0.2, 0.2), y)) for y in (0.8, -0.8))
        veins.append((_curve(rng, start, end), rng.uniform(*WIDTH)))
    for _ in range(rng.integers(3, 6)):
        parent, width = veins[rng.integers(len(veins))]
        at = int(len(parent) * rng.uniform(0.2, 0.75))
        along = parent[at + 1] - parent[at - 1]
        angle = math.atan2(along[1], along[0]) + rng.choice((-1, 1)) * rng.uniform(0.45, 1.1)
        end = parent[at] + rng.uniform(0.4, 0.8) * np.array((math.cos(angle), math.sin(angle)))
        veins.append((_curve(rng, parent[at], end), width * rng.uniform(0.55, 0.85)))
    return veins[::2], veins[1::2]


def _curve(rng: np.random.Generator, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """A smooth winding curve, (points, 2) as x and y: a straight line with waves added across it."""
    t = np.linspace(0, 1, 240)[:, None]
    line = end - start
    waves = sum(rng.normal(0, 0.09) / k * np.sin(k * math.pi * t) for k in (1, 2, 3, 4))
    return start + line * t + np.array((-line[1], line[0])) * waves


def _image(veins: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """One image of a pattern, uint8, (size, size)."""
    from scipy.ndimage import gaussian_filter, map_coordinates  # type: ignore[import-untyped]

    angle, scale = rng.uniform(-ROTATION, ROTATION), 1 + rng.uniform(-SCALE, SCALE)
    right, down = rng.uniform(-SHIFT, SHIFT, 2)
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    x, y = np.meshgrid(axis, axis)
    u = (math.cos(angle) * x + math.sin(angle) * y) / scale + right + BEND * _smooth(rng, 4, size)
    v = (math.cos(angle) * y - math.sin(angle) * x) / scale + down + BEND * _smooth(rng, 4, size)
    places = np.stack((v, u)) * (len(veins) / SPAN) + (len(veins) - 1) / 2
    absorbed = rng.uniform(*ABSORPTION) * map_coordinates(veins, places, order=1, mode="nearest")

    skin = SKIN * (_smooth(rng, 5, size) + _smooth(rng, 12, size))
    towards, slope, vignette = rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.7), rng.uniform(0.1, 0.6)
    light = slope * (math.cos(towards) * x + math.sin(towards) * y) - vignette * (x * x + y * y)
    # The Beer-Lambert law: light decreases exponentially with the absorption.
    seen = np.maximum(np.exp(light + skin - absorbed) - BLACK, 0) ** rng.uniform(0.8, 1.2)
    seen = gaussian_filter(seen, rng.uniform(0, BLUR) * size)
    grey = seen * (255 * rng.uniform(0.42, 0.6) / seen.mean()) + rng.normal(0, NOISE, seen.shape)
    return grey.round().clip(0, 255).astype(np.uint8)


def _smooth(rng: np.random.Generator, knots: int, size: int) -> np.ndarray:
    """Smooth noise, float32, (size, size): standard normal at `knots` × `knots` points, interpolated between them."""
    noise = Image.fromarray(rng.standard_normal((knots, knots), np.float32))
    return np.asarray(noise.resize((size, size), Image.Resampling.BICUBIC))
