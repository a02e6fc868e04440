"""Curves as a small image, for a terminal that draws images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

SIZE = (560, 240)  # pixels
MARGIN = (8, 8, 8, 22)  # pixels at the left, at the top, at the right, and at the bottom, which has the labels
PAPER, INK, LINE, BAND = "#ffffff", "#1b1f24", "#d8dde3", "#dcecf7"
COLOURS = ("#0072b2", "#d55e00", "#009e73")  # as in pages


def plot(
    curves: Sequence[tuple[np.ndarray, np.ndarray]],
    ends: tuple[str, str],
    names: Sequence[str] = (),
    band: tuple[float, float] | None = None,
    mark: float | None = None,
) -> "Image":
    """Curves in one frame; what is above the first quarter of their values, such as a divergence, is cut off.

    Args:
        curves: the horizontal and the vertical values of each curve; at least one has two points.
        ends: the labels of the lowest and of the highest horizontal value.
        names: the names of the curves, if they are not of the same kind.
        band: the ends of a horizontal range that is shaded.
        mark: a horizontal value that is marked by a line.
    """
    from PIL import Image, ImageDraw

    image = Image.new("RGB", SIZE, PAPER)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = MARGIN[0], MARGIN[1], SIZE[0] - MARGIN[2], SIZE[1] - MARGIN[3]
    horizontal = np.concatenate([x for x, _ in curves])
    vertical = np.concatenate([y[np.isfinite(y)] for _, y in curves])
    low, high = float(vertical.min()), 1.1 * float(np.percentile(vertical, 75))
    place_x = _scale(float(horizontal.min()), float(horizontal.max()), left, right)
    place_y = _scale(low, high, bottom, top)
    if band is not None:
        draw.rectangle((place_x(band[0]), top, place_x(band[1]), bottom), fill=BAND)
    draw.rectangle((left, top, right, bottom), outline=LINE)
    if mark is not None:
        draw.line((place_x(mark), top, place_x(mark), bottom), fill=INK, width=2)
    for number, (x, y) in enumerate(curves):
        points = [(place_x(a), place_y(min(b, high))) for a, b in zip(x, y, strict=True) if np.isfinite(b)]
        draw.line(points, fill=COLOURS[number % len(COLOURS)], width=2)
    for number, name in enumerate(names):
        draw.text((right - 8, top + 6 + 14 * number), name, fill=COLOURS[number % len(COLOURS)], anchor="rt")
    draw.text((left, bottom + 5), ends[0], fill=INK)
    draw.text((right, bottom + 5), ends[1], fill=INK, anchor="rt")
    return image


def _scale(low: float, high: float, start: int, end: int) -> Any:
    """A function from values to pixels."""
    factor = (end - start) / (high - low if high > low else 1.0)
    return lambda value: start + (float(value) - low) * factor
