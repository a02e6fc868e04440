"""Notes on splits that differ from what a config asks for."""

from collections.abc import Iterator

import numpy as np

from exprun.config.images import STREAM
from exprun.data.label_values import sizes_of_classes
from exprun.data.stream import sample

NAMED = 3  # classes named in one note
GROUP_TOLERANCE = 0.1  # relative difference from the wanted size of a split above which a note is made


def limit_notes(labels: np.ndarray, limit: int, classes: list[str]) -> Iterator[str]:
    """A note on the classes that get more than their share because `data.limit` keeps one image of each class.

    Args:
        labels: the labels of the training images; there is no note on several labels.
        limit: `data.limit`.
        classes: the names of the classes.
    """
    counts = sizes_of_classes(labels, len(classes))
    rare = np.flatnonzero((counts > 0) & (counts * limit < len(labels)))
    if labels.ndim == 1 and limit < len(labels) and len(rare):
        yield (
            f"data.limit={limit} keeps one image of {_named(rare, classes)}, more than the share of "
            f"{'this class' if len(rare) == 1 else 'these classes'} in {len(labels):,} images."
        )


def held_out_notes(key: str, fraction: float, whole: int, count: int, in_groups: bool) -> Iterator[str]:
    """A note if fewer images were held out than the config asks for or, in groups, clearly fewer or more.

    Args:
        key: `val_fraction` or `test_fraction`.
        fraction: its value.
        whole: the number of images from which some are held out.
        count: the number of images that are held out.
        in_groups: whether groups stay whole.
    """
    wanted = round(whole * fraction)
    if in_groups:
        if abs(count - wanted) > GROUP_TOLERANCE * wanted:
            yield (
                f"data.{key}={fraction} of {whole:,} images holds out {count}, not {wanted}, because groups stay whole."
            )
    elif fraction and count < max(1, wanted):
        reason = "each class keeps an image for training" if wanted else "there are too few images"
        yield f"data.{key}={fraction} of {whole:,} images holds out {count}, not {max(1, wanted)}, because {reason}."


def split_notes(splits: dict[str, np.ndarray], labels: np.ndarray, classes: list[str]) -> Iterator[str]:
    """A note on the classes that have no images in a split, and on the size of the smallest class.

    Args:
        splits: the rows of each split, by its name; a split without rows does not exist.
        labels: the class numbers of all images of the pool.
        classes: the names of the classes.
    """
    counts = {name: sizes_of_classes(labels[rows], len(classes)) for name, rows in splits.items() if len(rows)}
    lacking = {name: np.flatnonzero(sizes == 0) for name, sizes in counts.items() if (sizes == 0).any()}
    if not lacking:
        return
    missing = " and ".join(f"no {name} images of {_named(numbers, classes)}" for name, numbers in lacking.items())
    of_class = sizes_of_classes(labels[np.unique(np.concatenate(list(splits.values())))], len(classes))
    fewest = int(of_class.argmin())
    yield (
        f"Not every class is in every split: there are {missing}; the smallest class, {classes[fewest]}, has "
        f"{of_class[fewest]} image{'' if of_class[fewest] == 1 else 's'} in all and {counts['training'][fewest]} for "
        "training."
    )


def _named(numbers: np.ndarray, classes: list[str]) -> str:
    """Text such as `3 of 10 classes (a, b, c)`, with the names of the first few."""
    shown = ", ".join(classes[number] for number in numbers[:NAMED]) + (", …" if len(numbers) > NAMED else "")
    return f"{len(numbers)} of {len(classes)} classes ({shown})"


def sample_notes(images: np.ndarray, train: np.ndarray) -> Iterator[str]:
    """A note if statistics of the training images are those of a sample.

    Args:
        images: all images of the pool.
        train: the rows of the training split.
    """
    count = len(sample(images, train))
    if count < len(train):
        yield (
            f"data.decode={STREAM}: what is fitted to the training images, such as the mean and the deviation of "
            f"input=standardize, is fitted to {count:,} of {len(train):,} of them, the same in every run."
        )
