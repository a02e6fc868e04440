"""The scale of the inputs that pass through the training steps of an epoch, and how it changes between epochs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

BATCHES = 4  # batches at the beginning of an epoch, and at its end, whose scale is measured
VALUES = 20_000  # values of a batch that are measured, at most
EXTREME = 0.05  # share of the values of a batch at either end that are moved inwards: codes and spikes come by luck
MIN_BATCHES = 3  # batches that show a jump: the scale of one or two small batches depends on luck
STEADY = 1.5  # ratio of the deviations of the batches of an epoch up to which its scale is the same


@dataclass
class Scales:
    """The means and standard deviations of batches, whose extreme values count as the largest or smallest other ones.

    Args:
        means: the mean of each batch.
        deviations: the standard deviation of all values of each batch.
    """

    means: list[float] = field(default_factory=list)
    deviations: list[float] = field(default_factory=list)

    def take(self, inputs: np.ndarray) -> None:
        """Measure a batch, by values at evenly spaced positions if it is large."""
        flat = inputs.reshape(-1)
        some = flat[:: max(1, flat.size // VALUES)].astype(np.float64)
        if np.isfinite(some).all():
            least = np.quantile(some, EXTREME, method="higher")
            some = np.clip(some, least, max(least, np.quantile(some, 1 - EXTREME, method="lower")))
        self.means.append(float(some.mean()))
        self.deviations.append(float(some.std()))

    def without_one(self) -> "Scales":
        """All batches but the one whose standard deviation is farthest from the median, if there are enough."""
        if len(self.deviations) <= MIN_BATCHES:
            return self
        far = int(np.abs(np.asarray(self.deviations) - self.deviation).argmax())
        return Scales(self.means[:far] + self.means[far + 1 :], self.deviations[:far] + self.deviations[far + 1 :])

    @property
    def mean(self) -> float:
        """The median of the means."""
        return float(np.median(self.means))

    @property
    def deviation(self) -> float:
        """The median of the standard deviations."""
        return float(np.median(self.deviations))


@dataclass
class Passed:
    """The scales of the first and of the last batches of an epoch; empty if they were not measured."""

    first: Scales = field(default_factory=Scales)
    last: Scales = field(default_factory=Scales)

    def take(self, inputs: np.ndarray, batch: int, steps: int | None) -> None:
        """Measure a batch if it is one of the first or of the last ones.

        Args:
            inputs: the batch, (images, …).
            batch: the number of the batch in the epoch, from 0.
            steps: the number of batches of the epoch; None if unknown.
        """
        if not inputs.size or inputs.dtype.kind not in "iuf":
            return
        if batch < BATCHES:
            self.first.take(inputs)
        if _is_late(batch, steps):
            self.last.take(inputs)


def is_measured(batch: int, steps: int | None) -> bool:
    """Whether a batch is one of the first or of the last ones of an epoch."""
    return batch < BATCHES or _is_late(batch, steps)


def _is_late(batch: int, steps: int | None) -> bool:
    return steps is not None and batch >= steps - BATCHES


@dataclass(frozen=True)
class Jump:
    """A change of the inputs' scale from the end of an epoch to the beginning of the next one.

    Args:
        epoch: the number of the later epoch, from 1.
        ratio: how many times the standard deviation is larger or smaller, at least 1.
        shift: the distance between the means, in earlier standard deviations.
        before: the mean and the standard deviation in the earlier epoch.
        after: the mean and the standard deviation in the later epoch.
    """

    epoch: int
    ratio: float
    shift: float
    before: tuple[float, float]
    after: tuple[float, float]


def jump_of(epochs: Sequence[Passed]) -> Jump | None:
    """The jump between the last two epochs; None if the inputs of the earlier epoch have no steady scale, or no jump.

    Within the earlier epoch, the scale has to be steady: that of data in the order of time drifts. One batch may
    differ, because Keras reads the first batch of a `PyDataset` more than once. The scale jumps if each batch, at the
    beginning of the later epoch and at its end, is on the same side of each of the last batches of the earlier epoch.
    """
    parts = [part for epoch in epochs[-2:] for part in (epoch.first, epoch.last)]
    if len(epochs) < 2 or min(len(part.means) for part in parts) < MIN_BATCHES:
        return None
    first, (last, start, end) = parts[0], (part.without_one() for part in parts[1:])
    now = Scales(start.means + end.means, start.deviations + end.deviations)
    both = [(first.mean, first.deviation), *zip(last.means, last.deviations, strict=True)]
    means, deviations = (np.array(values) for values in zip(*both, strict=True))
    if not np.isfinite([*means, *deviations, *now.means, *now.deviations]).all():
        return None
    least, most = float(deviations.min()), float(deviations.max())
    if least <= 0 or most > STEADY * least or np.ptp(means) > STEADY * least:
        return None
    tiny = float(np.finfo(np.float64).tiny)
    ratio = max(least / max(*now.deviations, tiny), min(now.deviations) / most, 1.0)
    shift = max(min(now.means) - float(means.max()), float(means.min()) - max(now.means), 0.0) / most
    return Jump(len(epochs), ratio, shift, (last.mean, last.deviation), (now.mean, now.deviation))
