"""Splits of images with several labels: each part has its share of each label.

This is the iterative stratification of Sechidis et al. 2011, On the Stratification of Multi-Label Data
(doi:10.1007/978-3-642-23808-6_10), algorithm 1, for single images or for groups that stay whole.
"""

from collections.abc import Sequence

import numpy as np

from exprun.data.groups import Groups


def divided(
    rows: np.ndarray,
    labels: np.ndarray,
    sizes: Sequence[float],
    rng: np.random.Generator,
    groups: Groups | None = None,
) -> list[np.ndarray]:
    """Divide rows into parts; without groups, the sizes of the parts are exact.

    Args:
        rows: the rows to divide, in ascending order.
        labels: the labels of all images of the pool, 0 or 1, (images, classes).
        sizes: the number of rows of each part; they add up to all rows.
        rng: the random number generator.
        groups: the groups of all images of the pool, which stay whole; None without groups.

    Returns:
        The rows of each part, in ascending order.
    """
    members = [rows] if not len(rows) else np.split(rows, len(rows))
    if groups is not None:
        _, of_group = np.unique(groups.numbers[rows], return_inverse=True)
        members = [rows[of_group == number] for number in range(of_group.max(initial=-1) + 1)]
    counts = np.stack([labels[some].sum(axis=0) for some in members]).astype(np.float64)
    parts = _parts(counts, np.array([len(some) for some in members]), np.asarray(sizes, np.float64), rng)
    chosen = [[some for some, part in zip(members, parts, strict=True) if part == one] for one in range(len(sizes))]
    return [np.sort(np.concatenate(some)) if some else rows[:0] for some in chosen]


def _parts(counts: np.ndarray, weights: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The part of each item, int, (items,).

    Args:
        counts: how often an item has each label, (items, classes).
        weights: the number of images of each item, (items,).
        sizes: the wanted number of images of each part, (parts,).
        rng: the random number generator.
    """
    wanted = sizes.copy()
    of_label = np.outer(sizes / max(1.0, sizes.sum()), counts.sum(axis=0))  # wanted images of each part and label
    chosen = np.full(len(counts), -1)
    waiting = rng.permutation(len(counts))
    left = counts.sum(axis=0)
    while len(waiting):
        present = left > 0.5
        label = int(np.where(present, left, np.inf).argmin()) if present.any() else None
        some = waiting if label is None else waiting[counts[waiting, label] > 0]
        some = some[np.argsort(-weights[some], kind="stable")]  # large groups first, while there is room for them
        for item in some:
            needs = wanted if label is None else of_label[:, label]
            room = wanted >= weights[item]
            needs = np.where(room, needs, -np.inf) if room.any() else wanted
            # Of the parts that need the label most, one that needs most images, and of these one by luck.
            best = np.flatnonzero(needs >= needs.max() - 1e-9)
            best = best[wanted[best] >= wanted[best].max() - 1e-9]
            part = int(best[rng.integers(len(best))]) if len(best) > 1 else int(best[0])
            chosen[item] = part
            wanted[part] -= weights[item]
            of_label[part] -= counts[item]
            left -= counts[item]
        waiting = waiting[chosen[waiting] < 0]
    return chosen
