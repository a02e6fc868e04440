"""Find images that are mirrored, rotated or shifted copies of others, pixel by pixel; uses only NumPy."""

import hashlib
from collections.abc import Callable, Collection, Mapping

import numpy as np

SIDE = 8  # pixels a side of an image, at least
RICH = 10  # different values of an image, at least: drawings of few values may be equal by luck or by design
VALUES = 2000  # values of an image that are looked at for this, at most
RICH_ROW = 5  # different values of a row of pixels, at least, by which shifted copies are looked for
LINE = 24  # values of such a row that are looked at for this, about
MAX_SHIFT = 4  # pixels by which a copy may be shifted in either direction
GRID = 4  # rows and columns of pixels in each half of an image by which mirrored copies are looked for, at most
SHARE = 8  # a copy may be shifted by at most one part in so many of the shorter side
# The ways to lay a square on itself, without leaving it as it is; those that exchange the axes come last.
UPRIGHT: tuple[Callable[[np.ndarray], np.ndarray], ...] = (np.fliplr, np.flipud, lambda image: np.rot90(image, 2))
TURNED: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    np.rot90,
    lambda image: np.rot90(image, 3),
    lambda image: image.swapaxes(0, 1),
    lambda image: np.rot90(image, 2).swapaxes(0, 1),
)


def digest(image: np.ndarray) -> bytes:
    """The digest by which images are compared bit for bit."""
    is_plain = image.flags.c_contiguous and image.dtype.kind in "uif"  # so that it need not be copied
    return hashlib.blake2b(image.data if is_plain else image.tobytes(), digest_size=12).digest()


def mirrored(
    digests: Mapping[bytes, int], known: np.ndarray, places: np.ndarray, images: np.ndarray, rows: Collection[int]
) -> dict[int, int]:
    """The images that become one of the known images if they are mirrored, or rotated by quarter turns.

    Args:
        digests: the place of each known image, by its digest.
        known: an array that holds the known images, (all images, height, width, channels).
        places: the rows of the known images in this array, (images,).
        images: the other images, (other images, height, width, channels).
        rows: the rows of `images` that are looked up.

    Returns:
        The rows that were found, each with the place of the known image.
    """
    found: dict[int, int] = {}
    ways = (*UPRIGHT, *(TURNED if images.shape[1] == images.shape[2] else ()))
    rows = np.asarray(list(rows), int)  # of which few are worth their seven digests
    likely = np.isin(_invariants(images, rows), _invariants(known, places))
    for row in rows[likely].tolist():
        if is_rich(images[row]):
            found_places = (digests.get(digest(way(images[row]))) for way in ways)
            place = next((place for place in found_places if place is not None), None)
            found |= {} if place is None else {row: place}
    return found


def shifted(known: np.ndarray, places: np.ndarray, images: np.ndarray, rows: Collection[int]) -> dict[int, int]:
    """The images that show the same as one of the known images, a few whole pixels away.

    What a shift moves out of the image, and what fills its other side, is not compared.

    Args:
        known: an array that holds the known images, (all images, height, width, channels).
        places: the rows of the known images in this array, (images,).
        images: the other images, (other images, height, width, channels).
        rows: the rows of `images` that are looked up.

    Returns:
        The rows that were found, each with the position of the known image in `places`.
    """
    height, width = images.shape[1:3]
    most, rows = largest_shift(images), np.asarray(list(rows), int)
    if (
        most == 0
        or not len(rows)
        or not len(places)
        or known.shape[1:] != images.shape[1:]
        or known.dtype != images.dtype
    ):
        return {}
    inner, across, middle = slice(most, height - most), slice(most, width - most), height // 2
    sums = _sums(known[places, middle, across], 0)
    order = np.argsort(sums)
    found: dict[int, int] = {}
    for down, right in np.ndindex(2 * most + 1, 2 * most + 1):
        if (down, right) == (most, most):
            continue
        columns = slice(right, right + width - 2 * most)
        wanted = _sums(images[rows, middle - most + down, columns], 1)
        nearest = order[np.minimum(np.searchsorted(sums, wanted, sorter=order), len(order) - 1)]
        for row, place in zip(rows[sums[nearest] == wanted], nearest[sums[nearest] == wanted], strict=True):
            part = images[row, down : down + height - 2 * most, columns]
            if is_rich(part) and np.array_equal(part, known[places[place], inner, across]):
                found.setdefault(int(row), int(place))
    return found


def largest_shift(images: np.ndarray) -> int:
    """The number of pixels by which copies of these images may be shifted; 0 if the images are too small."""
    side = min(images.shape[1:3])
    return min(MAX_SHIFT, side // SHARE) if side >= SIDE else 0


def is_rich(image: np.ndarray) -> bool:
    """Whether an image has so many different values that it is like no other by luck."""
    flat = image.reshape(-1)
    return min(image.shape[:2]) >= SIDE // 2 and len(np.unique(flat[:: max(1, flat.size // VALUES)])) >= RICH


def _invariants(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Numbers that are the same for an image and for its mirrored and rotated copies, (rows,).

    They are sums over a few pixels at places that these copies exchange with one another.

    Args:
        images: (images, height, width, channels).
        rows: the rows of `images` that are wanted.
    """
    steps = [np.linspace(0, (side - 1) / 2, GRID).astype(int) for side in images.shape[1:3]]
    grid = [np.union1d(step, side - 1 - step) for step, side in zip(steps, images.shape[1:3], strict=True)]
    pixels = np.ascontiguousarray(images[np.ix_(rows, *grid)])
    numbers = pixels.view(f"u{pixels.dtype.itemsize}").astype(np.uint64)
    return np.asarray((numbers**3).sum((1, 2, 3), dtype=np.uint64))


def _sums(lines: np.ndarray, plain: int) -> np.ndarray:
    """Numbers that are the same for equal rows of pixels, (images,).

    Args:
        lines: a row of pixels of each image, (images, width, channels).
        plain: the number of a row of few different values, which many images have.
    """
    flat = np.ascontiguousarray(lines).reshape(len(lines), -1)
    numbers = flat.view(f"u{flat.dtype.itemsize}").astype(np.uint64)
    factors = np.random.default_rng(0).integers(1, 2**63, numbers.shape[1], np.uint64)
    some = np.sort(flat[:, :: max(1, flat.shape[1] // LINE)], 1)
    is_plain = (np.diff(some, axis=1) != 0).sum(1) < RICH_ROW - 1
    return np.where(is_plain, np.uint64(plain), (numbers * factors).sum(1, dtype=np.uint64))
