"""From a config to the images of a run: the pool, the classes kept, the splits."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from exprun.config.datasets import class_numbers
from exprun.config.errors import ConfigError, DataError
from exprun.config.images import Data
from exprun.config.paths import user_path
from exprun.data.cache import cached, file_key
from exprun.data.folder import summary
from exprun.data.pool import TEST, TRAIN, VALIDATION, Allocate, LeftOut, Pool
from exprun.data.sources import locate

PIECE = 256  # images that are changed at a time
PLENTY = 3  # images of a class in a split; where each class has them, one more or less changes little
NAMED = 3  # classes that a note names
SKIPPED = 5  # files that do not decode, each in a line of its own


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
        left_out: what lies among the files of the set and is not read.
        notes: what the splits cannot give that the config asks for, and how a folder was read that could be meant in
            two ways; a sentence each.
        files: for each image of the pool the file that it was read from; empty where it has none.
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
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels

    def remarks(self) -> list[str]:
        """A few lines, however many files there are: which of them are not in the set and why, and the notes."""
        lines = [*self.notes, *([summary(self.left_out)] if self.left_out else [])]
        lines += [f"skipped {line}" for line in self.skipped[:SKIPPED]]
        if len(self.skipped) > SKIPPED:
            lines.append(f"skipped {len(self.skipped) - SKIPPED} more files, all named in the run.log of a run")
        return lines


def load(data: Data) -> Dataset:
    """The data set of a config.

    Raises:
        DataError: files are missing or damaged, or the config asks for what they do not hold.
    """
    source = locate(data)
    folder = user_path(data.cache, f"data.cache={data.cache}")
    key = {
        "name": data.name,
        "content": file_key(source.files, folder / "listings"),
        "labelling": source.labelling,
        "size": data.size,
        "channels": data.channels,
        "corrupt": data.corrupt,
        "background": data.background,
    }
    pool = cached(folder, key, lambda allocate: _shaped(source.read(allocate), data, allocate))
    found = split(pool, data)
    notes = (source.note, *found.notes) if source.note else found.notes
    return replace(found, left_out=source.left_out, notes=notes)


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
    notes: list[str] = []
    if data.limit is not None:
        notes += _limit_notes(labels[parts[TRAIN]], data.limit, classes)
        parts = {part: _limited(chosen, labels, data.limit, rng) for part, chosen in parts.items()}
    train, val, test = parts[TRAIN], parts[VALIDATION], parts[TEST]
    whole = len(train)
    if not len(test):
        test = _held_out(train, labels, round(whole * data.test_fraction), rng)
        train = np.setdiff1d(train, test)
        notes += _held_out_notes("test_fraction", data.test_fraction, whole, len(test))
    if data.validation == "test":
        train, val = np.union1d(train, val), test
    elif not len(val):
        val = _held_out(train, labels, round(whole * data.val_fraction), rng)
        train = np.setdiff1d(train, val)
        notes += _held_out_notes("val_fraction", data.val_fraction, whole, len(val))
    for name, chosen in (("training", train), ("validation", val)):
        if not len(chosen):
            raise DataError(
                f"No images are left for {name}, of {whole} in all; see data.limit, data.val_fraction and "
                "data.test_fraction. Each class keeps an image for training."
            )
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
        notes=(*notes, *_split_notes({"training": train, "validation": val, "test": test}, labels, classes)),
        files=pool.files,
    )


def _keep_classes(pool: Pool, wanted: list[str | int] | None) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Rows of the wanted classes, labels numbered in their order, and their names."""
    rows = np.arange(len(pool.labels))
    if wanted is None:
        return rows, np.asarray(pool.labels, np.int32), pool.classes
    try:
        numbers = class_numbers(wanted, pool.classes, "the set")
    except ConfigError as error:
        raise DataError(str(error)) from None
    table = np.full(len(pool.classes), -1, np.int32)
    table[numbers] = np.arange(len(numbers))
    labels = table[pool.labels]
    return rows[labels >= 0], labels, [pool.classes[number] for number in numbers]


def _limited(rows: np.ndarray, labels: np.ndarray, limit: int, rng: np.random.Generator) -> np.ndarray:
    """`limit` of the rows, of each class its share but at least one image, in ascending order.

    Raises:
        DataError: there are more classes than that.
    """
    numbers, sizes = np.unique(labels[rows], return_counts=True)
    if limit >= len(rows):
        return rows
    if limit < len(numbers):
        raise DataError(f"data.limit={limit} is less than one image for each of the {len(numbers)} classes.")
    return _drawn(rows, labels, _limit_shares(sizes, limit), rng)


def _limit_shares(sizes: np.ndarray, limit: int) -> np.ndarray:
    """How many images of each class, not rounded, (classes,): in proportion, but at least one."""
    few = np.zeros(len(sizes), bool)
    while True:
        rate = (limit - few.sum()) / sizes[~few].sum()
        shares = np.where(few, 1.0, sizes * rate)
        if (shares >= 1).all():
            return shares
        few |= shares < 1


def _held_out(rows: np.ndarray, labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` of the rows, of each class its share, in ascending order; one image of each class is left at least.

    A class that cannot give its share is not made up for by the others, so the rows may be fewer than `count`.
    """
    if not len(rows):
        return rows
    _, sizes = np.unique(labels[rows], return_counts=True)
    return _drawn(rows, labels, np.minimum(sizes * (count / len(rows)), sizes - 1), rng)


def _drawn(rows: np.ndarray, labels: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Some of the rows, of each class its share rounded up or down, in ascending order.

    Args:
        rows: to draw from.
        labels: class numbers of all images.
        shares: how many rows of each class in them, (classes,).
        rng: draws.
    """
    whole = np.rint(shares)
    shares = np.where(np.abs(shares - whole) < 1e-9, whole, shares)  # whole numbers but for floating point
    take = np.floor(shares).astype(int)
    left = round(math.fsum(shares)) - int(take.sum())
    if shares.min() >= PLENTY or not left:
        # By largest remainder, which is as near to the shares as whole images can be.
        take[np.argsort(take - shares, kind="stable")[:left]] += 1
    else:
        take += _drawn_remainders(shares - take, left, rng)
    numbers = np.unique(labels[rows])
    chosen = [rng.permutation(rows[labels[rows] == number])[:n] for number, n in zip(numbers, take, strict=True)]
    return np.sort(np.concatenate(chosen))


def _drawn_remainders(remainders: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """1 for `count` classes and 0 for the others, (classes,); the remainder of a class is its probability.

    Systematic sampling of classes in random order: Madow 1949, Annals of Mathematical Statistics 20, p. 333. Largest
    remainders, with few images of each class, would leave the same classes out for every seed.

    Args:
        remainders: (classes,), each at least 0 and below 1.
        count: their sum, rounded.
        rng: draws.
    """
    total, open_ = math.fsum(remainders), remainders > 0
    if count > total:  # lifted or lowered, so that the sum is a whole number and each is a probability
        remainders = np.where(open_, remainders + (1 - remainders) * (count - total) / (open_.sum() - total), 0.0)
    else:
        remainders = remainders * (count / total)
    order = rng.permutation(len(remainders))
    ends = np.minimum(np.cumsum(remainders[order]), count)
    ends[-1] = count  # but for floating point
    drawn = np.empty(len(remainders), int)
    drawn[order] = np.diff(np.floor(ends + rng.random()), prepend=0)
    return drawn


def _limit_notes(labels: np.ndarray, limit: int, classes: list[str]) -> Iterator[str]:
    """What `data.limit` cannot keep in proportion."""
    counts = np.bincount(labels, minlength=len(classes))
    rare = np.flatnonzero((counts > 0) & (counts * limit < len(labels)))
    if limit < len(labels) and len(rare):
        yield (
            f"data.limit={limit} keeps one image of {_named(rare, classes)}, more than the share of "
            f"{'this class' if len(rare) == 1 else 'these classes'} in {len(labels):,} images."
        )


def _held_out_notes(key: str, fraction: float, whole: int, count: int) -> Iterator[str]:
    """That fewer images were held out than asked for."""
    wanted = round(whole * fraction)
    if fraction and count < max(1, wanted):
        reason = "each class keeps an image for training" if wanted else "there are too few images"
        yield f"data.{key}={fraction} of {whole:,} images holds out {count}, not {max(1, wanted)}, because {reason}."


def _split_notes(splits: dict[str, np.ndarray], labels: np.ndarray, classes: list[str]) -> Iterator[str]:
    """Which classes a split has no images of, and how few there are.

    Args:
        splits: rows of each split, by its name; one without any is not there.
        labels: class numbers of all images.
        classes: names.
    """
    counts = {name: np.bincount(labels[rows], minlength=len(classes)) for name, rows in splits.items() if len(rows)}
    lacking = {name: np.flatnonzero(found == 0) for name, found in counts.items() if (found == 0).any()}
    if not lacking:
        return
    missing = " and ".join(f"no {name} images of {_named(numbers, classes)}" for name, numbers in lacking.items())
    of_class = np.bincount(labels[np.unique(np.concatenate(list(splits.values())))], minlength=len(classes))
    fewest = int(of_class.argmin())
    yield (
        f"Not every class is in every split: there are {missing}; the smallest class, {classes[fewest]}, has "
        f"{of_class[fewest]} image{'' if of_class[fewest] == 1 else 's'} in all and {counts['training'][fewest]} for "
        "training."
    )


def _named(numbers: np.ndarray, classes: list[str]) -> str:
    """`3 of 10 classes (a, b, c)`, with the names of some."""
    shown = ", ".join(classes[number] for number in numbers[:NAMED]) + (", …" if len(numbers) > NAMED else "")
    return f"{len(numbers)} of {len(classes)} classes ({shown})"


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
