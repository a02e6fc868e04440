"""Remembers which rows earlier fits have trained on, for fits that go on with the same weights."""

import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from exprun.doctor.instruments.sampling import sampled

MAX_ROWS = 20_000  # rows of earlier fits that are remembered
ALONG = 0.5  # correlation of two moves of the weights from which the second fit goes on where the first one ended


@dataclass
class _Fits:
    """The fits of a model.

    Args:
        rows: the digests of rows that they have trained on.
        first: some of the weights before the first fit.
        last: the same weights after the last fit.
    """

    rows: set[bytes] = field(default_factory=set)
    first: np.ndarray = field(default_factory=lambda: np.zeros(0))
    last: np.ndarray = field(default_factory=lambda: np.zeros(0))


_fits: "weakref.WeakKeyDictionary[Any, _Fits]" = weakref.WeakKeyDictionary()


def values_of(model: Any) -> np.ndarray:
    """Some values of each weight of a model, (values,)."""
    return np.concatenate([np.zeros(0, np.float32), *(weight.values for weight in sampled(model))])


def remember(model: Any, rows: Iterable[bytes], first: np.ndarray) -> None:
    """Remember a fit that has ended.

    Args:
        model: the Keras model.
        rows: the digests of rows that the fit has trained on.
        first: some of the weights before the fit, as from `values_of`.
    """
    fits = _fits.setdefault(model, _Fits())
    if not _goes_on(fits, first):
        fits.rows, fits.first = set(), first
    fits.rows.update(list(rows)[: MAX_ROWS - len(fits.rows)])
    fits.last = values_of(model)


def trained_rows(model: Any, now: np.ndarray) -> frozenset[bytes]:
    """The digests of rows that earlier fits have trained on, if the weights come from these fits.

    Args:
        model: the Keras model.
        now: some of the weights before a fit, as from `values_of`.
    """
    fits = _fits.get(model)
    return frozenset() if fits is None or not _goes_on(fits, now) else frozenset(fits.rows)


def _goes_on(fits: _Fits, now: np.ndarray) -> bool:
    """Whether weights come from earlier fits: a script may restore or draw the first weights again.

    Early stopping may restore those of an epoch in between after the doctor has seen the end of the fit.
    """
    if not fits.first.shape == fits.last.shape == now.shape or not now.size:
        return False
    moved, found = fits.last - fits.first, now - fits.first
    size = float(np.linalg.norm(moved) * np.linalg.norm(found))
    return bool(size > 0 and float(moved @ found) > ALONG * size)
