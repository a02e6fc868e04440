"""Palm veins, drawn: a set in the form of the near-infrared ones that palm-vein recognition is tried on.

A person is a fixed pattern of veins, an image that pattern in another pose, light and sharpness. All
patterns come from one distribution, and the camera exposes for a brightness that has nothing to do with
the person: what tells people apart is the course of the veins.

Lengths are in sides of the image, with its centre at 0, so the size in pixels sets the resolution only.
"""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from exprun.config.datasets import person_names
from exprun.data.pool import TRAIN, Allocate, Pool, in_memory

SPAN = 1.66  # sides that a pattern covers: an image turned, shrunk and shifted to its limits stays inside
CANVAS = 512  # pixels of a pattern as drawn
PATTERN, IMAGE = 0x7EED, 0x1417  # first words of the seeds

# How much images of one person differ. Less, and a linear classifier on the pixels tells people apart.
ROTATION, SCALE, SHIFT = 0.18, 0.06, 0.16  # largest; the first in radians
BEND = 0.006  # standard deviation, at 4 × 4 points
SKIN = 0.06  # standard deviation of the logarithm of the light, each of a coarse and a fine texture
BLUR = 1.2 / 96  # largest standard deviation
NOISE = 3.0  # standard deviation, in grey levels
# How broad and dark veins are. Sets are stretched so for recognition, and a plain AlexNet learns faint ones slowly.
WIDTH = (0.032, 0.052)  # of a main vein where it begins
ABSORPTION = (2.6, 4.0)
BLACK = 0.4  # of the light on plain skin: what is darker is black


def draw(people: int, images_per_person: int, size: int, first_person: int = 0, allocate: Allocate = in_memory) -> Pool:
    """The images of `people` people, numbered from `first_person`; all of them training images.

    An image depends on the numbers of its person and of itself and on `size`, on nothing else.

    Returns:
        uint8 images (people · images_per_person, size, size, 1), person by person.
    """
    images = allocate((people * images_per_person, size, size, 1))
    numbers = range(first_person, first_person + people)
    for number, own in zip(numbers, images.reshape(people, images_per_person, size, size), strict=True):
        veins = _pattern(np.random.default_rng([PATTERN, number]), math.ceil(SPAN * size * 1.5))
        for index in range(images_per_person):
            own[index] = _image(veins, np.random.default_rng([IMAGE, number, index]), size)
    labels = np.repeat(np.arange(people, dtype=np.int32), images_per_person)
    classes = list(person_names(first_person, people))
    return Pool(images, labels, classes, np.full(len(labels), TRAIN, np.uint8))


def _pattern(rng: np.random.Generator, side: int) -> np.ndarray:
    """A person's veins, from 0 for none to 1; float32 (side, side), over `SPAN` sides of an image."""
    layers = []
    # Tissue scatters: what lies deep is soft and faint.
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
    """The superficial and the deep veins: for each its course, (points, 2) as x and y, and its width."""
    veins = []
    for across in (-0.45, -0.15, 0.15, 0.45):  # from the wrist, below, to the fingers
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
    """A smooth winding way, (points, 2) as x and y: a straight line plus waves across it."""
    t = np.linspace(0, 1, 240)[:, None]
    line = end - start
    waves = sum(rng.normal(0, 0.09) / k * np.sin(k * math.pi * t) for k in (1, 2, 3, 4))
    return start + line * t + np.array((-line[1], line[0])) * waves


def _image(veins: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """A picture of a pattern, uint8 (size, size)."""
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
    # Beer and Lambert: light falls off exponentially with what absorbs it.
    seen = np.maximum(np.exp(light + skin - absorbed) - BLACK, 0) ** rng.uniform(0.8, 1.2)
    seen = gaussian_filter(seen, rng.uniform(0, BLUR) * size)
    grey = seen * (255 * rng.uniform(0.42, 0.6) / seen.mean()) + rng.normal(0, NOISE, seen.shape)
    return grey.round().clip(0, 255).astype(np.uint8)


def _smooth(rng: np.random.Generator, knots: int, size: int) -> np.ndarray:
    """Noise of so many knots a side, standard deviation 1 at them; float32 (size, size)."""
    noise = Image.fromarray(rng.standard_normal((knots, knots), np.float32))
    return np.asarray(noise.resize((size, size), Image.Resampling.BICUBIC))
