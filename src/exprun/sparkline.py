"""A curve in one line of text."""

import itertools
import math
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.-=+*#"  # from low to high, for terminals whose encoding does not have the blocks


def sparkline(values: Sequence[float], width: int, encoding: str = "utf-8") -> str:
    """Values as characters whose height shows them, from the lowest value to the highest.

    Args:
        values: the values in order; those that are not finite are drawn as a cross.
        width: the largest number of characters; of more values, each character shows the mean of some.
        encoding: the encoding of the terminal.

    Returns:
        The characters; empty without values.
    """
    parts = _parts(values, width)
    finite = [value for value in parts if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    marks = _marks(encoding)
    top = len(marks) - 1
    # A curve that does not change is drawn in the middle.
    places = [0.5 if high == low else (value - low) / (high - low) for value in parts]
    return "".join(
        marks[round(place * top)] if math.isfinite(value) else "x" for value, place in zip(parts, places, strict=True)
    )


def _parts(values: Sequence[float], width: int) -> list[float]:
    """The means of at most `width` consecutive parts of the values."""
    count = min(len(values), max(1, width))
    ends = [len(values) * place // count for place in range(count + 1)] if count else [0]
    parts = [values[start:end] for start, end in itertools.pairwise(ends)]
    return [sum(part) / len(part) for part in parts]


def _marks(encoding: str) -> str:
    try:
        BLOCKS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS
