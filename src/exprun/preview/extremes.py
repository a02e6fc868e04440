"""Images that stand out: the darkest, brightest, smallest and largest ones, and those unlike others of their class."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from exprun.config.images import Data
from exprun.config.paths import user_path
from exprun.data import Dataset
from exprun.data.decode import UnreadableImage, upright_size
from exprun.data.stream import at_most
from exprun.doctor.instruments.leaks import block_means

MAX_BYTES = 300 * 2**20  # bytes of images that are looked at
MIN_PIXELS = 64  # pixels a side of large images that make up their thumbnails, at least
PIECE = 512  # images that are looked at at once
SIDE = 8  # pixels a side of the thumbnails by which images are compared
MAX_FILES = 4000  # files whose size is read


@dataclass(frozen=True)
class Traits:
    """The measurements of a sample of all images.

    Args:
        rows: the rows of the images in the pool, in random order, (images,).
        labels: the class number of each image, (images,), or several labels, 0 or 1, (images, classes).
        brightness: the mean of the pixels of each image, from 0 to 255, (images,).
        distance: the distance of each image from the mean of its class in the sample, (images,): the root mean square
            of the differences of thumbnails of 8 × 8 pixels, in grey levels. With several labels, that from the nearest
            mean of them, and without a label that from the mean of all images.
        total: the number of images in all splits.
    """

    rows: np.ndarray
    labels: np.ndarray
    brightness: np.ndarray
    distance: np.ndarray
    total: int


@dataclass(frozen=True)
class FileSizes:
    """The sizes of image files before they are resized.

    Args:
        rows: the rows of the images in the pool, (images,).
        sizes: the width and height of each file in pixels, (images, 2).
        total: the number of files of the data set.
    """

    rows: np.ndarray
    sizes: np.ndarray
    total: int

    @property
    def areas(self) -> np.ndarray:
        """The number of pixels of each file, (images,)."""
        return np.asarray(self.sizes.prod(1))

    def of(self, rows: np.ndarray) -> np.ndarray:
        """The width and height of the files of some images, 0 if they are unknown, (rows, 2)."""
        known = dict(zip(self.rows.tolist(), self.sizes, strict=True))
        return np.array([known.get(row, (0, 0)) for row in rows.tolist()], np.int64).reshape(-1, 2)


def all_rows(dataset: Dataset) -> np.ndarray:
    """The rows of all splits in the pool, each once."""
    splits = [dataset.train, dataset.val, *([dataset.test] if dataset.test is not None else [])]
    return np.unique(np.concatenate([split.rows for split in splits]))


def traits_of(dataset: Dataset, seed: int) -> Traits:
    """Measure a sample of the images of all splits.

    Args:
        dataset: the images.
        seed: the seed of the sample.
    """
    images, every = dataset.train.images, all_rows(dataset)
    step = max(1, min(images.shape[1:3]) // MIN_PIXELS)
    most = at_most(images, max(1, MAX_BYTES // images[0].nbytes))
    chosen = np.random.default_rng(seed).permutation(every)[:most]
    in_order = np.sort(chosen)  # memory-mapped images are read faster in this order
    pieces = [in_order[at : at + PIECE] for at in range(0, len(in_order), PIECE)]
    means = [block_means(images[piece, ::step, ::step], SIDE) for piece in pieces]
    thumbnails = np.concatenate(means)[np.searchsorted(in_order, chosen)]
    labels = labels_of(dataset)[chosen]
    if labels.ndim > 1:
        distance = _from_nearest(thumbnails, labels)
    else:
        counts = np.maximum(np.bincount(labels, minlength=len(dataset.classes)), 1)
        sums = np.zeros((len(counts), thumbnails.shape[1]))
        np.add.at(sums, labels, thumbnails)
        distance = _rms(thumbnails - (sums / counts[:, None])[labels])
    return Traits(chosen, labels, thumbnails.mean(1), distance, len(every))


def _from_nearest(thumbnails: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The distance of each image from the nearest mean of its labels, (images,)."""
    found = np.where(labels.any(axis=1), np.inf, _rms(thumbnails - thumbnails.mean(0)))
    for column in labels.T > 0:
        if column.any():
            away = _rms(thumbnails[column] - thumbnails[column].mean(0))
            found[column] = np.minimum(found[column], away)
    return found


def _rms(differences: np.ndarray) -> np.ndarray:
    """The root mean square of each row, (rows,)."""
    return np.asarray(np.sqrt((differences**2).mean(1)))


def labels_of(dataset: Dataset) -> np.ndarray:
    """The labels of all images of the pool as training and evaluation use them, (all images,) or (…, classes)."""
    labels = dataset.val.labels.copy()
    labels[dataset.train.rows] = dataset.train.row_labels  # which an injected fault may have changed
    return labels


def sizes_of(dataset: Dataset, data: Data, seed: int) -> FileSizes | None:
    """The sizes of a sample of the files; None if the images have no files of their own.

    Args:
        dataset: the images.
        data: the settings of the data set.
        seed: the seed of the sample.
    """
    if not dataset.files or data.root is None:
        return None
    root = user_path(data.root)
    folder = root if root.is_dir() else Path(os.path.normpath(root.parent))
    every = all_rows(dataset)
    rows = np.random.default_rng(seed).permutation(every)[:MAX_FILES]
    with ThreadPoolExecutor() as threads:
        found = list(threads.map(lambda row: _size(folder / dataset.files[row]), rows))
    known = np.array([size is not None for size in found], bool)
    if not known.any():
        return None
    return FileSizes(rows[known], np.array([size for size in found if size is not None], np.int64), len(every))


def _size(file: Path) -> tuple[int, int] | None:
    """The width and height of an image; None if its file cannot be opened any more."""
    try:
        return upright_size(str(file))
    except UnreadableImage:
        return None


def of_classes(
    traits: Traits, areas: np.ndarray, classes: int, seed: int, random: int = 3
) -> Iterator[tuple[int, list[tuple[str, int]]]]:
    """Typical and extreme images of each class, each image once; yields the class and the places in `traits`.

    Args:
        traits: what was measured of the images.
        areas: the number of pixels of the file of each of these images, 0 if it is unknown, (images,).
        classes: the number of classes.
        seed: the seed of the images that are drawn.
        random: the number of images that are drawn.
    """
    rng = np.random.default_rng(seed)
    for number, places in enumerate(_places(traits.labels, classes)):
        if not len(places):
            continue
        near = places[np.argsort(traits.distance[places], kind="stable")]
        light = places[np.argsort(traits.brightness[places], kind="stable")]
        wanted = [("typical", near[0]), *(("random", place) for place in rng.permutation(places)[:random])]
        wanted += [("most unlike", place) for place in near[:-3:-1]]
        wanted += [("darkest", light[0]), ("brightest", light[-1])]
        large = places[np.argsort(areas[places], kind="stable")]
        large = large[areas[large] > 0]
        if len(large) and areas[large[0]] < areas[large[-1]]:
            wanted += [("smallest file", large[0]), ("largest file", large[-1])]
        once: dict[int, str] = {}
        for role, place in wanted:
            once.setdefault(int(place), role)
        yield number, [(role, place) for place, role in once.items()]


def _places(labels: np.ndarray, classes: int) -> Iterator[np.ndarray]:
    """The places of the images of each class."""
    if labels.ndim > 1:
        yield from (np.flatnonzero(column) for column in labels.T)
        return
    by_class = np.argsort(labels, kind="stable")
    bounds = np.searchsorted(labels[by_class], np.arange(classes + 1))
    yield from (by_class[start:end] for start, end in pairwise(bounds))


def ends(values: np.ndarray, count: int) -> tuple[Sequence[int], Sequence[int]]:
    """The places of the lowest values and of the highest ones, which are not among the lowest; most extreme first.

    Args:
        values: the values, (any number,).
        count: the largest number of each.
    """
    order = np.argsort(values, kind="stable")
    low = min(count, -(-len(values) // 2))
    high = min(count, len(values) - low)
    return order[:low].tolist(), order[::-1][:high].tolist()
