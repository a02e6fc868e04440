"""The mean, spread and histogram of each channel of images or tensors, for a table and a chart in a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exprun.text import rounded

MAX_VALUES = 2_000_000  # values of each split that are measured
MAX_IMAGES = 1000  # images of each split that are measured, at least; of large ones, every second or third pixel
MAX_CHANNELS = 4  # with more channels, all of them are measured together
BINS = 64
RATIO, SHIFT = 1.5, 0.5  # differences of spread and mean, in units of the spread, from which splits are said to differ
SLACK = 1.5  # factor of both for two samples of different images
COLORS = ("red", "green", "blue", "alpha")


@dataclass(frozen=True)
class Channels:
    """The values of each channel of a split.

    Args:
        name: the name of the split, such as `training`.
        images: the number of images that were measured.
        names: the names of the channels.
        mean: the mean of each channel.
        spread: the standard deviation of each channel.
        low: the lowest value of each channel.
        high: the highest value of each channel.
        edges: the edges of the bins, which all channels share, (BINS + 1,).
        shares: the share of the values in each bin, (channels, BINS).
        not_finite: the number of measured values that are not finite, which all other numbers leave out.
    """

    name: str
    images: int
    names: tuple[str, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    edges: np.ndarray
    shares: np.ndarray
    not_finite: int = 0


def channels(name: str, images: np.ndarray, reverse: bool = False) -> Channels:
    """Measure the channels of images or tensors.

    Args:
        name: the name of the split.
        images: at least one image, (images, height, width, channels), of any range; other shapes count as one channel.
        reverse: whether the order of three channels is blue, green, red.
    """
    chosen = sampled(images)
    count = chosen.shape[-1] if chosen.ndim == 4 and chosen.shape[-1] <= MAX_CHANNELS else 1
    if count > 1 and (chosen == chosen[..., :1]).all():  # grey images that are stored in colour
        chosen, count = chosen[..., :1], 1
    values = np.asarray(chosen, np.float32).reshape(-1, count)
    finite = np.isfinite(values)
    columns = [column[good] for column, good in zip(values.T, finite.T, strict=True)]
    columns = [column if len(column) else np.zeros(1, np.float32) for column in columns]
    low, high = min(column.min() for column in columns), max(column.max() for column in columns)
    edges = np.linspace(low, high, BINS + 1) if high > low else np.linspace(low - 0.5, low + 0.5, BINS + 1)
    names = ("grey",) if count == 1 else COLORS[:count] if count > 2 else ("first", "second")
    return Channels(
        name,
        len(chosen),
        names[::-1] if reverse and count == 3 else names,
        tuple(float(column.mean(dtype=np.float64)) for column in columns),
        tuple(float(column.std(dtype=np.float64)) for column in columns),
        tuple(float(column.min()) for column in columns),
        tuple(float(column.max()) for column in columns),
        edges,
        np.stack([np.histogram(column, edges)[0] / len(column) for column in columns]),
        int(values.size - finite.sum()),
    )


def sampled(images: np.ndarray) -> np.ndarray:
    """Images spread over all of them, and pixels spread over large images, together about `MAX_VALUES` values."""
    most = max(MAX_IMAGES, MAX_VALUES // max(1, int(np.prod(images.shape[1:]))))
    some = images if len(images) <= most else images[np.linspace(0, len(images) - 1, most).astype(int)]
    step = max(1, round((some.size / MAX_VALUES) ** 0.5))
    return some[:, ::step, ::step] if images.ndim == 4 else some


def difference(training: Channels, other: Channels, slack: float = SLACK) -> str:
    """A sentence on the scaling of a split that differs from that of training; empty if it does not.

    Args:
        training: the values of the training split.
        other: the values of the other split.
        slack: the factor by which the limits are widened: 1 for the same images in both ways.
    """
    sides = [(one.mean, one.spread) for one in (training, other)]
    count = max(len(means) for means, _ in sides)
    # The channels of grey images are measured together.
    (means, spreads), (other_means, other_spreads) = (
        (mean * (count if len(mean) == 1 else 1), spread * (count if len(spread) == 1 else 1)) for mean, spread in sides
    )
    if len(means) != len(other_means):
        return ""
    pairs = list(zip(means, spreads, other_means, other_spreads, strict=True))
    weights = [_weight(*pair) for pair in pairs]
    if max(weights) <= slack:
        return ""
    mean, spread, other_mean, other_spread = pairs[int(np.argmax(weights))]
    name = f"{other.name[:1].upper()}{other.name[1:]}"
    ratio = other_spread / spread if spread else np.inf
    if spread > 0 and (ratio > RATIO or ratio < 1 / RATIO) and other_spread > 0:
        factor, word = (ratio, "larger") if ratio > 1 else (1 / ratio, "smaller")
        size = f"{factor:,.0f}" if factor >= 10 else f"{factor:.2g}"
        return (
            f"The values of {other.name} images spread {size} times as {'widely' if word == 'larger' else 'narrowly'} "
            f"as those of {training.name} images (mean {rounded(other_mean)} ± {rounded(other_spread)} against "
            f"{rounded(mean)} ± {rounded(spread)})."
        )
    return (
        f"{name} images have mean {rounded(other_mean)} ± {rounded(other_spread)}, but {training.name} images "
        f"{rounded(mean)} ± {rounded(spread)}: the difference is "
        f"{abs(other_mean - mean) / max(spread, other_spread, 1e-12):.1f} standard deviations."
    )


def _weight(mean: float, spread: float, other_mean: float, other_spread: float) -> float:
    """The distance of two means and spreads, in units of the limits."""
    tiny = 1e-6 * max(1.0, abs(mean), abs(other_mean))
    if max(spread, other_spread) <= tiny:  # constant images of the same value do not differ
        return 0.0 if abs(mean - other_mean) <= tiny else np.inf
    ratio = abs(np.log(max(spread, tiny) / max(other_spread, tiny))) / np.log(RATIO)
    return float(max(ratio, abs(mean - other_mean) / max(spread, other_spread) / SHIFT))


def chart_data(measured: Sequence[Channels]) -> list[Mapping[str, Any]]:
    """The histograms as plain values, for `histogram.js`."""
    return [
        {
            "name": one.name,
            "channels": list(one.names),
            "edges": [float(f"{edge:.6g}") for edge in one.edges],
            "shares": [[round(float(share), 6) for share in row] for row in one.shares],
        }
        for one in measured
    ]
