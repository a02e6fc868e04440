"""From the encoded images of a data set to a pool, for which all of them are decoded."""

import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from PIL import Image

from exprun.config.errors import DataError, say
from exprun.config.images import STREAM, STREAMED, Data
from exprun.data.decode import Content, UnreadableImage, decode_image, upright_size
from exprun.data.pool import TRAIN, Allocate, Listing, Pool, below, plain
from exprun.data.remote import fetched, is_remote

AHEAD = 256  # images that are read before they are decoded
PROBE_SECONDS = 5.0  # decoding after which its end is estimated
LONG_SECONDS = 120.0  # decoding from which on a person is told how long it will take


def read_images(listing: Listing, data: Data, allocate: Allocate) -> Pool:
    """Decode images into a pool.

    Only a few images are in memory at a time, besides those in the array that is allocated.

    Args:
        listing: the encoded images.
        data: the settings of the data set.
        allocate: function that allocates the array of images.

    Raises:
        DataError: an image cannot be read and `data.corrupt=refuse`, no training image of a class can be read, or the
            images differ in size and `data.size` is not set.
    """
    with warnings.catch_warnings(action="ignore"):  # Pillow warns about files that it can read nevertheless
        images, skipped = _decoded(listing, data, allocate)
    check_skipped(listing, data, skipped)
    kept = rows_kept(listing, skipped)
    for position, index in enumerate(kept):
        if position != index:  # moved in place, because a second array might not fit onto the disk
            images[position] = images[index]
    return pool_of(listing, images[: len(kept)], skipped)


def _decoded(listing: Listing, data: Data, allocate: Allocate) -> tuple[np.ndarray, dict[int, str]]:
    """All images, and the reasons why some of them could not be decoded."""
    Image.init()  # not thread-safe, so it is called before the threads start
    found = listing.found
    size = (data.size, data.size) if data.size else _first_size([file for file, _, _ in found], listing.contents())
    mode = "L" if data.channels == 1 else "RGB"
    images = allocate((len(found), size[1], size[0], 1 if mode == "L" else 3))
    skipped: dict[int, str] = {}

    def decode(index: int, content: Content) -> None:
        try:
            content = fetched(content)
            pixels = decode_image(content, size, mode, data.background, scale=data.size is not None)
        except UnreadableImage as reason:
            skipped[index] = f"{found[index][0]}: {reason}"
            return
        if pixels.shape[1::-1] != size:
            a, b = sorted((size, upright_size(content)))
            raise DataError(
                f"The images differ in size ({a[0]}×{a[1]}, {b[0]}×{b[1]}); choose one, for example data.size=64."
            )
        images[index] = pixels

    began, told = time.monotonic(), not _could_stream(data)
    for done, _ in enumerate(in_threads(decode, listing.contents()), 1):
        seconds = time.monotonic() - began
        if not told and seconds > PROBE_SECONDS:
            told, left = True, (len(found) - done) * seconds / done
            if left > LONG_SECONDS:
                say(
                    f"All {len(found):,} images are decoded before the first step, which takes about "
                    f"{left / 60:,.0f} more minutes; with data.decode={STREAM}, they are decoded while it trains."
                )
    return images, skipped


def _could_stream(data: Data) -> bool:
    return data.name in STREAMED and data.size is not None and not is_remote(str(data.root))


def in_threads(work: Callable[[int, Content], Any], contents: Iterable[Content]) -> Iterator[Any]:
    """What a function returns for the number and the content of each image, in order, computed by several threads."""
    with ThreadPoolExecutor() as threads:
        pending: deque[Future[Any]] = deque()
        for number, content in enumerate(contents):
            pending.append(threads.submit(work, number, content))
            if len(pending) > AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def check_skipped(listing: Listing, data: Data, skipped: dict[int, str]) -> None:
    """Refuse images that cannot be read, if the config asks for it or if none of them can.

    Args:
        listing: the encoded images.
        data: the settings of the data set.
        skipped: the reason why an image cannot be read, with its name, by its number.

    Raises:
        DataError: `data.corrupt=refuse` and an image cannot be read, or no image can.
    """
    count = len(listing.found)
    if skipped and data.corrupt == "refuse":
        raise DataError(
            f"{len(skipped)} of {count} images cannot be read, the first is {skipped[min(skipped)]}; "
            "data.corrupt=skip leaves them out."
        )
    if len(skipped) == count:
        raise DataError(f"None of the {count} images can be read, the first is {skipped[0]}.")


def rows_kept(listing: Listing, skipped: dict[int, str]) -> np.ndarray:
    """The numbers of the images that can be read, int64, (images,)."""
    return np.array([index for index in range(len(listing.found)) if index not in skipped], np.int64)


def pool_of(listing: Listing, images: np.ndarray, skipped: dict[int, str]) -> Pool:
    """The pool of the images that can be read.

    Args:
        listing: the encoded images.
        images: the images that can be read, (images, height, width, channels).
        skipped: the reason why an image cannot be read, with its name, by its number.

    Raises:
        DataError: no training image of a class can be read.
    """
    found, classes, labels = listing.found, listing.classes, listing.labels
    keep = rows_kept(listing, skipped)
    parts = np.array([part for _, _, part in found], np.uint8)[keep]
    if labels is None:
        numbers = {name: number for number, name in enumerate(classes)}
        labels = np.array([numbers[name] for _, name, _ in found], np.int32)
        has_training = np.isin(np.arange(len(classes)), labels[keep][parts == TRAIN])
    else:
        has_training = (labels[keep][parts == TRAIN] > 0).any(axis=0)
    if len(empty := np.flatnonzero(~has_training)):
        number = int(empty[0])
        of_class = labels == number if labels.ndim == 1 else labels[:, number] > 0
        first = next(text for index, text in sorted(skipped.items()) if of_class[index])
        raise DataError(f"None of the training images of class {classes[number]} can be read, the first is {first}.")
    return Pool(
        images,
        labels[keep],
        [plain(name) for name in classes],
        parts,
        [*listing.skipped, *(skipped[index] for index in sorted(skipped))],
        files=[below(found[index][0], listing.root) for index in keep],
        groups=[listing.groups[index] for index in keep] if listing.groups else [],
    )


def _first_size(files: list[str], contents: Iterable[Content]) -> tuple[int, int]:
    """The width and height of the first image that can be read."""
    first = ""
    for file, content in zip(files, contents, strict=True):
        try:
            return upright_size(fetched(content))
        except UnreadableImage as reason:  # decoding will report the file
            first = first or f"{file}: {reason}"
    raise DataError(f"None of the {len(files)} images can be read, the first is {first}.")
