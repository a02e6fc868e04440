"""Changes of the rows of a trial: their scale, their order, and which of them are tested."""

from typing import Any

import keras
import numpy as np

from exprun.doctor.instruments.losses import of_keras
from exprun.experiments.outputs import last_activations
from exprun.experiments.trials import Setup, with_sample

LARGE = 10.0  # root mean square of inputs above which their size matters, and its inverse
UNEQUAL = 10.0  # ratio of the spreads of two columns above which they are unequal
RARE = 0.01  # share of training rows below which a class is hardly trained on
UNKNOWN = 0.2  # share of tested rows of such classes
COLUMN_AXES = 2  # axes of targets that may be columns with scales of their own
SHIFTED = 0.5  # difference of two means, in standard deviations of the training rows


def finite_rows(setup: Setup) -> bool:
    """Leave out training rows that are not finite."""
    was, setup.sample = setup.sample, setup.sample.finite()
    return setup.sample is not was


def standardise_inputs(setup: Setup) -> bool:
    """Standardise inputs whose values, or the columns of which, have very different sizes."""
    spreads = setup.sample.x.std(tuple(range(setup.sample.x.ndim - 1)), dtype=np.float64)
    spreads = spreads[spreads > 0]
    size = float(np.sqrt(np.mean(np.square(setup.sample.x, dtype=np.float64))))
    far = size > LARGE or size < 1 / LARGE or (len(spreads) > 0 and spreads.max() > UNEQUAL * spreads.min())
    return far and center_inputs(setup)


def center_inputs(setup: Setup) -> bool:
    """Give inputs mean 0 and spread 1 in each channel or column, unless they are close to that.

    Columns of whole numbers stay as they are if the network has an embedding, which may take them.
    """
    x = setup.sample.x
    if x.dtype.kind not in "biuf":
        return False
    axes = tuple(range(x.ndim - 1))
    mean, spread = np.nanmean(x, axes, dtype=np.float64), np.nanstd(x, axes, dtype=np.float64)
    spread = np.where(spread > 0, spread, 1)
    if _has_embedding(setup.model):
        is_whole = np.array([np.array_equal(column, np.round(column)) for column in np.moveaxis(x, -1, 0)])
        mean, spread = np.where(is_whole, 0, mean), np.where(is_whole, 1, spread)
    if np.abs(mean).max() < 0.5 and spread.min() > 0.5 and spread.max() < 2:
        return False
    parts = {name: ((getattr(setup.sample, name) - mean) / spread).astype(np.float32) for name in ("x", "test_x")}
    with_sample(setup, **parts)
    return True


def split_at_random(setup: Setup) -> bool:
    """Draw the tested rows at random from all rows, where some of them have a class that is hardly trained on."""
    sample = setup.sample
    if not sample.is_classes or sample.axes > 2 or sample.x.shape[1:] != sample.test_x.shape[1:]:
        return False
    counts = np.bincount(sample.numbers(sample.y), minlength=sample.classes) / len(sample.y)
    if (counts[sample.numbers(sample.test_y)] < RARE).mean() < UNKNOWN:
        return False
    pools = {name: np.concatenate([getattr(sample, name), getattr(sample, f"test_{name}")]) for name in ("x", "y")}
    order = np.random.default_rng(0).permutation(len(pools["x"]))
    test, train = order[: len(sample.test_x)], order[len(sample.test_x) :]
    with_sample(setup, x=pools["x"][train], y=pools["y"][train], test_x=pools["x"][test], test_y=pools["y"][test])
    return True


def scaled_alike(setup: Setup) -> bool:
    """Give the tested rows the mean and the spread of the training rows, in each channel or column."""
    x, test_x = setup.sample.x, setup.sample.test_x
    if x.dtype.kind not in "biuf" or _has_embedding(setup.model):
        return False
    (mean, spread), (test_mean, test_spread) = (
        (part.mean(axes, dtype=np.float64), part.std(axes, dtype=np.float64) + 1e-9)
        for part, axes in ((x, tuple(range(x.ndim - 1))), (test_x, tuple(range(x.ndim - 1))))
    )
    differ = (np.abs(mean - test_mean) > SHIFTED * spread) | (np.abs(np.log(spread / test_spread)) > np.log(2))
    if not differ.any():
        return False
    with_sample(setup, test_x=((test_x - test_mean) / test_spread * spread + mean).astype(np.float32))
    return True


def _has_embedding(model: Any) -> bool:
    return any(isinstance(layer, keras.layers.Embedding) for layer in model._flatten_layers(include_self=False))


def standardise_targets(setup: Setup) -> bool:
    """Give targets that are numbers mean 0 and spread 1, unless they are close to that.

    All positions of maps and sequences get the same scale. Outputs that cannot be below 0 get spread 1 only.
    """
    y, objective = setup.sample.y, of_keras(setup.model)
    if setup.sample.is_classes or objective is None or objective.kind not in ("error", "unknown"):
        return False
    axes = tuple(range(y.ndim - 1)) if y.ndim > COLUMN_AXES else 0
    mean, spread = np.nanmean(y, axes, dtype=np.float64), np.nanstd(y, axes, dtype=np.float64)
    spread = np.where(spread > 0, spread, 1)
    if "relu" in last_activations(setup.model) and np.nanmin(y) >= 0:
        mean = np.zeros_like(mean)
    if np.abs(mean).max() < 2 and np.min(spread) > 0.3 and np.max(spread) < 3:
        return False
    parts = {name: ((getattr(setup.sample, name) - mean) / spread).astype(np.float32) for name in ("y", "test_y")}
    with_sample(setup, **parts)
    return True


def padding_at_start(setup: Setup) -> bool:
    """Move the zeros at the end of each sequence to its start."""
    x = setup.sample.x
    recurrent = setup.layers(keras.layers.RNN, keras.layers.Bidirectional)
    embeddings = setup.layers(keras.layers.Embedding)
    if not recurrent or any(layer.mask_zero for layer in embeddings) or x.ndim != (2 if embeddings else 3):
        return False
    moved = {name: ends_with_values(getattr(setup.sample, name)) for name in ("x", "test_x")}
    if np.array_equal(moved["x"], x):
        return False
    with_sample(setup, **moved)
    return True


def ends_with_values(x: np.ndarray) -> np.ndarray:
    """Sequences, (rows, steps, …), with the zeros of their ends moved to their starts."""
    filled = (x != 0).reshape(*x.shape[:2], -1).any(-1)
    zeros = np.where(filled.any(1), filled[:, ::-1].argmax(1), 0)
    places = (np.arange(x.shape[1]) - zeros[:, None]) % x.shape[1]
    return np.asarray(x[np.arange(len(x))[:, None], places])


def shuffle(setup: Setup) -> bool:
    """Shuffle the rows before each epoch."""
    was, setup.shuffle = setup.shuffle, True
    return not was
