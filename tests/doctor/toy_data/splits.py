"""Splits of made-up data sets: training and validation images or rows, none of them in both."""

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]


def split(x: np.ndarray, y: np.ndarray, n_train: int, n_val: int, seed: int) -> tuple[Pair, Pair]:
    """Training and validation split of a shuffled set; no example is in both."""
    order = np.random.default_rng(seed).permutation(len(x))
    train, val = order[:n_train], order[n_train : n_train + n_val]
    return (x[train], y[train]), (x[val], y[val])


def split_at(arrays, n_train):
    """The first n_train rows of each array, and the others."""
    return tuple(a[:n_train] for a in arrays), tuple(a[n_train:] for a in arrays)
