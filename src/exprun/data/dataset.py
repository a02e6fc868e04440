"""From a config to the images of a run: read the pool, keep the wanted classes, split."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from exprun.config.datasets import class_numbers
from exprun.config.errors import ConfigError, DataError
from exprun.config.images import STREAM, Data
from exprun.config.paths import user_path
from exprun.data.cache import cached, file_key
from exprun.data.folder import summary
from exprun.data.folds import fold_of
from exprun.data.groups import Groups, check_given_splits, held_out_groups, nothing_held_out
from exprun.data.groups import summary as groups_summary
from exprun.data.label_values import sizes_of_classes
from exprun.data.pool import TEST, TRAIN, VALIDATION, Allocate, LeftOut, Pool, Source
from exprun.data.several import divided
from exprun.data.sources import locate
from exprun.data.split_notes import held_out_notes, limit_notes, sample_notes, split_notes
from exprun.data.stream import streamed

PIECE = 256  # images converted at a time
PLENTY = 3  # images per class from which on rounding a class's share up or down changes little
SKIPPED = 5  # unreadable files that are listed, one per line


@dataclass(frozen=True)
class Split:
    """A split: all images of the pool, and the rows that belong to this split.

    Args:
        images: all images of the pool, uint8, (images, height, width, channels); memory-mapped if they are cached.
        labels: the class numbers of all images of the pool, int32, (images,), with soft labels those of the most
            probable classes; or several labels, 0 or 1, float32, (images, classes).
        rows: the positions of this split's images in the pool, int64, in ascending order.
        shares: the soft labels of all images of the pool, float32, (images, classes); None if they have none.
    """

    images: np.ndarray
    labels: np.ndarray
    rows: np.ndarray
    shares: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def row_labels(self) -> np.ndarray:
        """The labels of this split, (len(self),) or (len(self), classes)."""
        return self.labels[self.rows]

    @property
    def targets(self) -> np.ndarray:
        """The labels of this split as the loss takes them: soft labels, or else the same as `row_labels`."""
        return self.row_labels if self.shares is None else self.shares[self.rows]

    def per_class(self, classes: int) -> np.ndarray:
        """The number of images of each class in this split, int64, (classes,); an image may have several."""
        return sizes_of_classes(self.row_labels, classes)


@dataclass(frozen=True)
class Dataset:
    """The splits of a run and their classes, fingerprint and notes.

    Args:
        train: the training split.
        val: the validation split, by which the weights are selected.
        test: the test split, measured once; None if the data set has no test images.
        classes: the names of the classes, in the order of the labels.
        class_weights: the weight of each class in the loss, float32, (classes,), or None.
        fingerprint: the SHA-256 of the images, labels and splits, in hex.
        skipped: the files that could not be read, each with the reason.
        left_out: files and folders of the data set that are not read.
        notes: sentences on where the splits differ from what the config asks for, and on how an ambiguous folder was
            read.
        files: the file of each image of the pool; empty if the images were not read from files of their own.
    """

    train: Split
    val: Split
    test: Split | None
    classes: list[str]
    class_weights: np.ndarray | None
    fingerprint: str
    skipped: list[str]
    left_out: Sequence[LeftOut] = ()
    notes: tuple[str, ...] = ()
    files: Sequence[str] = ()

    @property
    def has_several(self) -> bool:
        """Whether an image may have several labels."""
        return self.train.labels.ndim > 1

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels

    def remarks(self) -> list[str]:
        """The notes, and which files were left out or skipped and why, in a few lines for any number of files."""
        lines = [*self.notes, *([summary(self.left_out)] if self.left_out else [])]
        lines += [f"skipped {line}" for line in self.skipped[:SKIPPED]]
        if len(self.skipped) > SKIPPED:
            lines.append(f"skipped {len(self.skipped) - SKIPPED} more files, all listed in the run.log of a run")
        return lines


def load(data: Data) -> Dataset:
    """The data set of a config.

    Raises:
        DataError: files are missing or damaged, or do not contain what the config asks for.
    """
    source, pool = read_pool(data)
    dataset = split(pool, data, source.groups(pool) if source.groups is not None else None)
    notes = (source.note, *dataset.notes) if source.note else dataset.notes
    return replace(dataset, left_out=source.left_out, notes=notes)


def read_pool(data: Data) -> tuple[Source, Pool]:
    """The files of a data set, and all of its images before they are split, from the cache if they are there.

    Raises:
        DataError: files are missing or damaged, or do not contain what the config asks for.
    """
    source = locate(data)
    folder = user_path(data.cache, f"data.cache={data.cache}")
    if data.decode == STREAM:
        return source, streamed(source, data, folder)
    key = {
        "name": data.name,
        "content": file_key(source.files, folder / "listings"),
        "labelling": source.labelling,
        "size": data.size,
        "channels": data.channels,
        "corrupt": data.corrupt,
        "background": data.background,
        **({} if data.labels == "one" else {"labels": data.labels}),
    }
    return source, cached(folder, key, lambda allocate: _shaped(source.read(allocate), data, allocate))


def _shaped(pool: Pool, data: Data, allocate: Allocate) -> Pool:
    """The pool with images of the size and the channels that the config asks for."""
    count, height, width, channels = pool.images.shape
    shape = (count, data.size or height, data.size or width, data.channels or channels)
    if shape == pool.images.shape:
        return pool
    if shape[3] != channels and channels not in (1, 3):
        raise DataError(f"The images have {channels} channels, which cannot be converted to {data.channels}.")
    images = allocate(shape)
    for start in range(0, count, PIECE):
        piece = pool.images[start : start + PIECE]
        if shape[3] != channels:
            # The luma of ITU-R 601, as in Pillow's conversion to mode L.
            grey = lambda x: np.rint(x @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)[..., None]  # noqa: E731
            piece = np.repeat(piece, 3, axis=3) if shape[3] == 3 else grey(piece)
        images[start : start + PIECE] = piece if piece.shape[1:3] == shape[1:3] else _resized(piece, shape[1])
    pool.images = images
    return pool


def _resized(images: np.ndarray, size: int) -> np.ndarray:
    """The images scaled to `size` × `size` pixels, bilinear with antialiasing."""
    from PIL import Image

    channels = images.shape[3]
    out = np.empty((len(images), size, size, channels), np.uint8)
    for index, image in enumerate(images):
        original = Image.fromarray(image[..., 0] if channels == 1 else image)
        out[index] = np.asarray(original.resize((size, size), Image.Resampling.BILINEAR)).reshape(size, size, channels)
    return out


def split(pool: Pool, data: Data, group_names: Sequence[str] | None = None) -> Dataset:
    """Split a pool: stratified by class, or by each of several labels, and drawn with `data.split_seed` only.

    Args:
        pool: all images of the data set.
        data: the settings of the data set.
        group_names: the group of each image of the pool; None without groups.

    Raises:
        DataError: no images are left for a split, a wanted class does not exist, or groups or folds cannot be made.
    """
    shares = pool.labels if data.labels == "soft" else None
    if shares is not None:
        pool = replace(pool, labels=shares.argmax(axis=1).astype(np.int32))
    rows, labels, classes = _keep_classes(pool, data.classes)
    parts = {part: rows[pool.parts[rows] == part] for part in (TRAIN, VALIDATION, TEST)}
    groups = None if group_names is None else Groups.of(group_names)
    joined = {TRAIN: np.union1d(parts[TRAIN], parts[VALIDATION]), VALIDATION: rows[:0], TEST: parts[TEST]}
    if data.folds is not None:
        parts = joined  # the folds divide the validation images of the data set, too
    if groups is not None:
        check_given_splits(groups, joined if data.validation == "test" else parts, data)
    rng = np.random.default_rng(data.split_seed)
    notes: list[str] = []
    if data.limit is not None:
        notes += limit_notes(labels[parts[TRAIN]], data.limit, classes)
        parts = {part: _limited(chosen, labels, data.limit, rng) for part, chosen in parts.items()}
    splits = _divided(parts, labels, groups, data, classes, rng, notes)
    train, val, test = splits.values()
    for name, chosen in (("training", train), ("validation", val)):
        if not len(chosen):
            raise DataError(
                f"No images are left for {name}, of {len(train) + len(val) + len(test)} in all; see data.limit, "
                "data.val_fraction and data.test_fraction. Each class keeps an image for training."
            )
    digest = hashlib.sha256(pool.fingerprint.encode())
    for chosen in (train, val, test):
        digest.update(np.ascontiguousarray(chosen).tobytes() + b"|")
    digest.update("\0".join(classes).encode())
    make = lambda chosen: Split(pool.images, labels, chosen, shares)  # noqa: E731
    if groups is not None:
        notes.append(groups_summary(groups, splits, str(data.group)))
    return Dataset(
        train=make(train),
        val=make(val),
        test=make(test) if len(test) else None,
        classes=classes,
        class_weights=_class_weights(data, (labels if shares is None else shares)[train], len(classes)),
        fingerprint=digest.hexdigest(),
        skipped=pool.skipped,
        notes=(*notes, *split_notes(splits, labels, classes), *sample_notes(pool.images, train)),
        files=pool.files,
    )


def _divided(
    parts: dict[int, np.ndarray],
    labels: np.ndarray,
    groups: Groups | None,
    data: Data,
    classes: list[str],
    rng: np.random.Generator,
    notes: list[str],
) -> dict[str, np.ndarray]:
    """The rows of training, validation and test, in this order, by the names of the splits.

    Args:
        parts: the rows of each split of the data set itself.
        labels: the class numbers of all images of the pool.
        groups: the groups of all images of the pool; None without groups.
        data: the settings of the data set.
        classes: the names of the classes.
        rng: the random number generator.
        notes: list to which notes on the splits are appended.
    """
    train, val, test = parts[TRAIN], parts[VALIDATION], parts[TEST]
    whole = len(train)

    def held_out(key: str, fraction: float, keep: int = 1) -> np.ndarray:
        count = round(whole * fraction)
        if labels.ndim > 1:
            drawn = divided(train, labels, [count, len(train) - count], rng, groups)[0]
        elif groups is None:
            drawn = _held_out(train, labels, count, rng)
        else:
            drawn = held_out_groups(train, labels, groups, count, rng, keep)
        if groups is not None and count and not len(drawn):
            raise nothing_held_out(key, count, train, labels, groups, data)
        notes.extend(held_out_notes(key, fraction, whole, len(drawn), groups is not None))
        return drawn

    if not len(test):
        has_validation = len(val) or data.validation == "test"
        keep = data.folds or (1 if has_validation else 2)  # groups for training and validation
        test = held_out("test_fraction", data.test_fraction, keep)
        train = np.setdiff1d(train, test)
    if data.validation == "test":
        train, val = np.union1d(train, val), test
    elif data.folds is not None:
        train, val = fold_of(train, labels, groups, data, classes)
    elif not len(val):
        val = held_out("val_fraction", data.val_fraction)
        train = np.setdiff1d(train, val)
    return {"training": train, "validation": val, "test": test}


def _keep_classes(pool: Pool, wanted: list[str | int] | None) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Keep the wanted classes: their rows, the labels numbered in their order, and their names."""
    rows = np.arange(len(pool.labels))
    several = pool.labels.ndim > 1
    if wanted is None:
        return rows, np.asarray(pool.labels, np.float32 if several else np.int32), pool.classes
    try:
        numbers = class_numbers(wanted, pool.classes, "the set")
    except ConfigError as error:
        raise DataError(str(error)) from None
    if several:  # images of none of these classes are kept, as images without a label
        return rows, np.asarray(pool.labels[:, numbers], np.float32), [pool.classes[number] for number in numbers]
    table = np.full(len(pool.classes), -1, np.int32)
    table[numbers] = np.arange(len(numbers))
    labels = table[pool.labels]
    return rows[labels >= 0], labels, [pool.classes[number] for number in numbers]


def _limited(rows: np.ndarray, labels: np.ndarray, limit: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `limit` of the rows, from each class its share but at least one image, in ascending order.

    Of several labels, each has its share, but a rare one may be left out.

    Raises:
        DataError: there are more classes than `limit`.
    """
    if labels.ndim > 1:
        return divided(rows, labels, [limit, len(rows) - limit], rng)[0] if limit < len(rows) else rows
    numbers, sizes = np.unique(labels[rows], return_counts=True)
    if limit >= len(rows):
        return rows
    if limit < len(numbers):
        raise DataError(f"data.limit={limit} is less than one image for each of the {len(numbers)} classes.")
    return _drawn(rows, labels, _limit_shares(sizes, limit), rng)


def _limit_shares(sizes: np.ndarray, limit: int) -> np.ndarray:
    """The number of images to keep of each class, before rounding, (classes,).

    It is proportional to the size of the class, but at least one.
    """
    few = np.zeros(len(sizes), bool)
    while True:
        fraction = (limit - few.sum()) / sizes[~few].sum()
        shares = np.where(few, 1.0, sizes * fraction)
        if (shares >= 1).all():
            return shares
        few |= shares < 1


def _held_out(rows: np.ndarray, labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `count` of the rows, from each class its share, in ascending order, leaving at least one image per class.

    If a class has too few images for its share, the other classes do not fill the difference, so fewer than `count`
    rows may be drawn.
    """
    if not len(rows):
        return rows
    _, sizes = np.unique(labels[rows], return_counts=True)
    return _drawn(rows, labels, np.minimum(sizes * (count / len(rows)), sizes - 1), rng)


def _drawn(rows: np.ndarray, labels: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw some of the rows, from each class its share rounded up or down, in ascending order.

    Args:
        rows: the rows to draw from.
        labels: the class numbers of all images of the pool.
        shares: the number of rows to draw from each class, before rounding, (classes,).
        rng: the random number generator.
    """
    whole = np.rint(shares)
    shares = np.where(np.abs(shares - whole) < 1e-9, whole, shares)  # removes rounding errors of floating point
    take = np.floor(shares).astype(int)
    left = round(math.fsum(shares)) - int(take.sum())
    if shares.min() >= PLENTY or not left:
        # The largest remainders are rounded up, which keeps the counts as near to the shares as possible.
        take[np.argsort(take - shares, kind="stable")[:left]] += 1
    else:
        take += _drawn_remainders(shares - take, left, rng)
    numbers = np.unique(labels[rows])
    chosen = [rng.permutation(rows[labels[rows] == number])[:n] for number, n in zip(numbers, take, strict=True)]
    return np.sort(np.concatenate(chosen))


def _drawn_remainders(remainders: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the `count` classes whose share is rounded up; the remainder of a class is its probability.

    This is systematic sampling of the classes in random order: Madow 1949, Annals of Mathematical Statistics 20,
    p. 333. With few images per class, rounding up the largest remainders would leave out the same classes for every
    seed.

    Args:
        remainders: the remainder of each class, at least 0 and below 1, (classes,).
        count: the sum of the remainders, rounded.
        rng: the random number generator.

    Returns:
        int, (classes,): 1 for the classes drawn and 0 for the others.
    """
    total, open_ = math.fsum(remainders), remainders > 0
    if count > total:  # the remainders are scaled so that their sum is `count` and each is still a probability
        remainders = np.where(open_, remainders + (1 - remainders) * (count - total) / (open_.sum() - total), 0.0)
    else:
        remainders = remainders * (count / total)
    order = rng.permutation(len(remainders))
    ends = np.minimum(np.cumsum(remainders[order]), count)
    ends[-1] = count  # the exact sum, without rounding errors of floating point
    drawn = np.empty(len(remainders), int)
    drawn[order] = np.diff(np.floor(ends + rng.random()), prepend=0)
    return drawn


def _class_weights(data: Data, labels: np.ndarray, classes: int) -> np.ndarray | None:
    """The weights of the classes in the loss, scaled so that their mean over the training images is 1.

    With several labels, they are the weights of the labels that an image has, next to 1 for those that it has not, and
    are not scaled.

    Args:
        data: the settings of the data set.
        labels: the labels of the training images: class numbers, (images,); or several or soft labels, (images,
            classes).
        classes: the number of classes.
    """
    if data.class_weights == "none":
        return None
    counts = labels.sum(axis=0, dtype=np.float64) if labels.ndim > 1 else np.bincount(labels, minlength=classes)
    several = data.labels == "several"
    if data.class_weights == "balanced":
        others = len(labels) - counts if several else len(labels)
        weights = np.where(counts > 0, others / np.maximum(counts, 1e-9), 0.0)
    else:
        weights = np.asarray(data.class_weights, float)
        if len(weights) != classes:
            raise DataError(f"data.class_weights has {len(weights)} weights for {classes} classes.")
    if several:
        return weights.astype(np.float32)
    mean = (weights * counts).sum() / len(labels)
    if mean <= 0:
        raise DataError("data.class_weights gives every training image the weight 0.")
    return (weights / mean).astype(np.float32)
