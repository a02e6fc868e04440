"""From a config to the images of a run: the pool, the classes kept, the splits."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exprun.config.errors import DataError
from exprun.config.schema import Data
from exprun.data.cache import cached, file_key
from exprun.data.pool import TEST, TRAIN, VALIDATION, Allocate, Pool
from exprun.data.sources import locate

PIECE = 256  # images that are changed at a time


@dataclass(frozen=True)
class Split:
    """Some images of a pool.

    Args:
        images: uint8, (all images of the pool, height, width, channels); memory-mapped where cached.
        labels: int32, (all images of the pool,).
        rows: int64, which of them belong to this split, in ascending order.
    """

    images: np.ndarray
    labels: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def row_labels(self) -> np.ndarray:
        """The labels of this split, (len(self),)."""
        return self.labels[self.rows]


@dataclass(frozen=True)
class Dataset:
    """The splits of a run, and what describes them.

    Args:
        train: what is trained on.
        val: what chooses the weights.
        test: measured once; None where there is none.
        classes: names, in the order of the labels.
        class_weights: weight of each class in the loss, (classes,), float32, or None.
        fingerprint: of the images, labels and splits, in hex.
        skipped: files that could not be read, with the reason.
    """

    train: Split
    val: Split
    test: Split | None
    classes: list[str]
    class_weights: np.ndarray | None
    fingerprint: str
    skipped: list[str]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels


def load(data: Data) -> Dataset:
    """The data set of a config.

    Raises:
        DataError: files are missing or damaged, or the config asks for what they do not hold.
    """
    source = locate(data)
    folder = Path(data.cache)
    key = {
        "name": data.name,
        "content": file_key(source.files, folder / "listings"),
        "labelling": source.labelling,
        "size": data.size,
        "channels": data.channels,
        "corrupt": data.corrupt,
    }
    pool = cached(folder, key, lambda allocate: _shaped(source.read(allocate), data, allocate))
    return split(pool, data)


def _shaped(pool: Pool, data: Data, allocate: Allocate) -> Pool:
    """The pool with images of the size and the channels that the config asks for."""
    count, height, width, channels = pool.images.shape
    shape = (count, data.size or height, data.size or width, data.channels or channels)
    if shape == pool.images.shape:
        return pool
    if shape[3] != channels and channels not in (1, 3):
        raise DataError(f"The images have {channels} channels, which cannot be made {data.channels}.")
    images = allocate(shape)
    for start in range(0, count, PIECE):
        piece = pool.images[start : start + PIECE]
        if shape[3] != channels:
            # ITU-R 601 luma, as Pillow's mode L.
            grey = lambda x: np.rint(x @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)[..., None]  # noqa: E731
            piece = np.repeat(piece, 3, axis=3) if shape[3] == 3 else grey(piece)
        images[start : start + PIECE] = piece if piece.shape[1:3] == shape[1:3] else _resized(piece, shape[1])
    pool.images = images
    return pool


def _resized(images: np.ndarray, size: int) -> np.ndarray:
    """Each image scaled to `size` × `size` pixels, bilinear with antialiasing."""
    from PIL import Image

    channels = images.shape[3]
    out = np.empty((len(images), size, size, channels), np.uint8)
    for index, image in enumerate(images):
        picture = Image.fromarray(image[..., 0] if channels == 1 else image)
        out[index] = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR)).reshape(size, size, channels)
    return out


def split(pool: Pool, data: Data) -> Dataset:
    """The splits of a pool: stratified by class, drawn with `data.split_seed` alone.

    Raises:
        DataError: a split is left without images, or a class that is wanted is not there.
    """
    rows, labels, classes = _keep_classes(pool, data.classes)
    parts = {part: rows[pool.parts[rows] == part] for part in (TRAIN, VALIDATION, TEST)}
    rng = np.random.default_rng(data.split_seed)
    if data.limit is not None:
        parts = {part: _drawn(chosen, labels, data.limit, rng) for part, chosen in parts.items()}
    train, val, test = parts[TRAIN], parts[VALIDATION], parts[TEST]
    whole = len(train)
    if not len(test):
        test = _drawn(train, labels, round(whole * data.test_fraction), rng)
        train = np.setdiff1d(train, test)
    if data.validation == "test":
        train, val = np.union1d(train, val), test
    elif not len(val):
        val = _drawn(train, labels, round(whole * data.val_fraction), rng)
        train = np.setdiff1d(train, val)
    for name, chosen in (("training", train), ("validation", val)):
        if not len(chosen):
            raise DataError(f"No images are left for {name}; see data.limit, data.val_fraction and data.test_fraction.")
    digest = hashlib.sha256(pool.fingerprint.encode())
    for chosen in (train, val, test):
        digest.update(np.ascontiguousarray(chosen).tobytes() + b"|")
    digest.update("\0".join(classes).encode())
    make = lambda chosen: Split(pool.images, labels, chosen)  # noqa: E731
    return Dataset(
        train=make(train),
        val=make(val),
        test=make(test) if len(test) else None,
        classes=classes,
        class_weights=_class_weights(data, labels[train], len(classes)),
        fingerprint=digest.hexdigest(),
        skipped=pool.skipped,
    )


def _keep_classes(pool: Pool, wanted: list[str | int] | None) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Rows of the wanted classes, labels numbered in their order, and their names."""
    rows = np.arange(len(pool.labels))
    if wanted is None:
        return rows, np.asarray(pool.labels, np.int32), pool.classes
    numbers = []
    for name in wanted:
        if isinstance(name, str) and name in pool.classes:
            numbers.append(pool.classes.index(name))
        elif isinstance(name, int) and 0 <= name < len(pool.classes):
            numbers.append(name)
        else:
            shown = ", ".join(pool.classes[:20]) + (", …" if len(pool.classes) > 20 else "")
            raise DataError(f"data.classes names {name}, but the set has {shown}.")
    if len(set(numbers)) < len(numbers):
        raise DataError("data.classes names a class twice.")
    table = np.full(len(pool.classes), -1, np.int32)
    table[numbers] = np.arange(len(numbers))
    labels = table[pool.labels]
    return rows[labels >= 0], labels, [pool.classes[number] for number in numbers]


def _drawn(rows: np.ndarray, labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` of the rows, of each class its share, in ascending order.

    Shares are rounded by largest remainder, so that the total is exactly `count` where there are as many.
    """
    if count >= len(rows):
        return rows
    numbers, sizes = np.unique(labels[rows], return_counts=True)
    exact = sizes * (count / len(rows))
    take = np.floor(exact).astype(int)
    order = np.argsort(take - exact, kind="stable")
    take[order[: count - take.sum()]] += 1
    chosen = [rng.permutation(rows[labels[rows] == number])[:n] for number, n in zip(numbers, take, strict=True)]
    return np.sort(np.concatenate(chosen)) if chosen else rows[:0]


def _class_weights(data: Data, labels: np.ndarray, classes: int) -> np.ndarray | None:
    """Weights of the classes in the loss, scaled so that their mean over the training images is 1."""
    if data.class_weights == "none":
        return None
    counts = np.bincount(labels, minlength=classes)
    if data.class_weights == "balanced":
        weights = np.where(counts > 0, len(labels) / np.maximum(counts, 1), 0.0)
    else:
        weights = np.asarray(data.class_weights, float)
        if len(weights) != classes:
            raise DataError(f"data.class_weights has {len(weights)} weights for {classes} classes.")
    mean = (weights * counts).sum() / len(labels)
    if mean <= 0:
        raise DataError("data.class_weights gives every training image the weight 0.")
    return (weights / mean).astype(np.float32)
