"""Find groups of images, such as images of one person, by names and likeness, on two sides of a split."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exprun.doctor.instruments.leaks import Prints

MAX_ASKED = 500  # images whose most similar training image is looked for
MIN_HITS = 5  # images whose most similar training image has the same group, at least
# Measured on drawn palms, crops of photos, and CIFAR-10 with made-up groups: images of one person or video pass one of
# the limits, while images of one subclass, such as cats among animals, do not.
MIN_EXCESS = 0.6  # share of the images beyond chance whose most similar image has the same group
MIN_RATIO = 4.0  # that share divided by the share by chance
MAX_PROBABILITY = 1e-5  # p-value of the number of these images


@dataclass(frozen=True)
class NameGroups:
    """Groups of images that the names of their files suggest.

    Args:
        numbers: the number of the group of each image of all splits, (all images,).
        names: the names of the groups, by number.
        labels: the class number of each image of all splits, (all images,).
        remedy: what keeps these groups on one side of each split.
    """

    numbers: np.ndarray
    names: Sequence[str]
    labels: np.ndarray
    remedy: str


@dataclass(frozen=True)
class Kin:
    """Groups whose images are on two sides of a split and are more alike than others.

    Args:
        split: the name of the split that shares groups with the training split.
        shared: the number of its compared images with training images of the same class and group.
        compared: the number of its compared images.
        nearest: how many of `shared` have such an image as the most similar training image of their class.
        chance: the share of `shared` that would be expected if groups were drawn at random.
        group: the name of a shared group.
        examples: a pair of images of this group, of which the second is a training image; empty without names.
    """

    split: str
    shared: int
    compared: int
    nearest: int
    chance: float
    group: str
    examples: tuple[str, ...]


def find_kin(known: Prints, asked: Prints, groups: NameGroups) -> Kin | None:
    """Compare the images of a split with training images of their class, by the thumbnails of `leaks`.

    Args:
        known: the fingerprints of the training images.
        asked: the fingerprints of another split.
        groups: the groups.

    Returns:
        The shared groups; None if images of one group are not clearly more alike than others, or not shared.
    """
    if known.thumbnails is None or asked.thumbnails is None or known.rows is None or asked.rows is None:
        return None
    rows = {label: np.flatnonzero(groups.labels[known.rows] == label) for label in np.unique(groups.labels)}
    shares, hits, examples = [], 0, None
    compared = min(MAX_ASKED, len(asked.rows))
    for place in range(compared):
        row = asked.rows[place]
        same_class = rows[groups.labels[row]]
        is_kin = groups.numbers[known.rows[same_class]] == groups.numbers[row]
        if not is_kin.any() or is_kin.all():  # another image cannot be nearer if there is none
            continue
        nearest = int((known.thumbnails[same_class] @ asked.thumbnails[place]).argmax())
        shares.append(float(is_kin.mean()))
        hits += bool(is_kin[nearest])
        if examples is None and is_kin[nearest]:
            examples = (place, int(same_class[nearest]))
    if examples is None or not _are_alike(hits, shares):
        return None
    place, other = examples
    names = (asked.names[place], known.names[other]) if asked.names and known.names else ()
    group = groups.names[groups.numbers[asked.rows[place]]]
    return Kin(asked.split, len(shares), compared, hits, float(np.mean(shares)), group, names)


def _are_alike(hits: int, shares: Sequence[float]) -> bool:
    """Whether the most similar image has the same group far more often than by chance.

    Args:
        hits: the number of images for which this is so.
        shares: the probability of each image by chance.
    """
    from scipy.special import pdtrc  # type: ignore[import-untyped]  # takes half a second to import

    found, chance = hits / len(shares), float(np.mean(shares))
    excess, ratio = (found - chance) / (1 - chance), found / chance
    # A Poisson variable exceeds its mean by this much more often than the sum of these Bernoulli variables.
    unlikely = pdtrc(hits - 1, float(np.sum(shares))) < MAX_PROBABILITY
    return hits >= MIN_HITS and (excess >= MIN_EXCESS or ratio >= MIN_RATIO) and bool(unlikely)
