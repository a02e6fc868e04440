"""When a probe is due, and of which steps the batches are copied."""

import time

PROBE_SLOWNESS = 2.0  # expected time of an image in a probe, in units of its time in training
FIRST = 64  # first steps of a training, whose batches are all copied
COPIED = 0.25  # share of the time of probes that the copies of batches after the first ones may take besides
COPY_SECONDS = 6e-4  # time that it takes to copy a batch on its way to the training step, about
FREE_SECONDS = 0.2  # probes may always take this long, in seconds, whatever their share of the time


class Schedule:
    """Probes at regular steps, as long as they stay below their share of the time.

    Args:
        every: the number of steps between two probes, at least.
        share: the largest share of the time that probes may take.
        images: the number of images in a probe.
        batch: the number of images in a step.
    """

    def __init__(self, every: int, share: float, images: int, batch: int) -> None:
        self.every, self.share, self.images, self.batch = every, share, images, batch
        self._next = every
        self._seconds, self._started = 0.0, time.perf_counter()
        self._last: float | None = None  # seconds that the last probe took

    def due(self, step: int) -> bool:
        """Whether a probe is due: `every` steps have passed, and probes have not used up their share of the time."""
        elapsed = time.perf_counter() - self._started
        # The time of the first probe is estimated from that of an image in training; a probe is not compiled.
        per_image = elapsed / max(1, step * self.batch)
        expected = self._last if self._last is not None else PROBE_SLOWNESS * self.images * per_image
        spent = self._seconds + expected
        return step >= self._next and (spent <= self.share * elapsed or spent < FREE_SECONDS)

    def probed(self, step: int, seconds: float) -> None:
        """Record a probe at a step, and the seconds that it took."""
        self._last = seconds
        self._seconds += seconds
        self._next = step + self.every


class Sampling:
    """The steps whose batches are copied: the first ones, then as many as keep this below its share of the time.

    Args:
        share: the largest share of the time that probes may take.
    """

    def __init__(self, share: float) -> None:
        self.share = COPIED * share
        self._steps, self._spent, self._started = 0, 0.0, 0.0

    def takes(self) -> bool:
        """Whether the batch of the next step is copied."""
        self._steps += 1
        if self._steps <= FIRST:
            self._started = time.perf_counter()
            return True
        return self._spent + COPY_SECONDS <= self.share * (time.perf_counter() - self._started)

    def copied(self, seconds: float) -> None:
        """Record the seconds that it took to copy a batch and to examine it, besides the copy itself."""
        if self._steps > FIRST:
            self._spent += seconds + COPY_SECONDS
