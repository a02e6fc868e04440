"""Take steps with batches of more and more images, as long as memory and time suffice, and measure their speed."""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from exprun.config.errors import RunError
from exprun.config.schema import Config
from exprun.session import Session

if TYPE_CHECKING:
    from exprun.trainer.feed import Feed
    from exprun.trainer.step import Step

SMALLEST = 8  # images in the smallest batch, unless there are more devices
MINUTES = 3.0  # time of all measurements
REPEATS = 5  # measurements of each batch size, in turn with the others
CALL_SECONDS = 0.5  # time of one measurement, in which at least one step is taken
MAX_STEPS = 64  # steps of one measurement at most
RESERVE = 0.8  # share of the free memory that may be used; the rest is left to other programs
GROWTH = 2  # factor from one batch size to the next


@dataclass(frozen=True)
class Speed:
    """The speed of training with one batch size.

    Args:
        size: the number of images in a batch.
        images_per_second: the images per second in each measurement.
        gigabytes: the memory that the process has needed at most so far, without what it needed before the first step;
            None on a GPU.
    """

    size: int
    images_per_second: list[float]
    gigabytes: float | None

    @property
    def median(self) -> float:
        """The median of the measurements, in images per second."""
        return statistics.median(self.images_per_second)


@dataclass(frozen=True)
class Sizes:
    """The speeds of all batch sizes that were tried.

    Args:
        configured: the configured batch size.
        images: the number of training images.
        speeds: the speed of each size, from the smallest.
        end: why no larger one was tried: `memory`, `images` or `time`.
        following: the next size, which was not measured.
        free: the memory that was free before the first step in bytes, or None if it is not known.
    """

    configured: int
    images: int
    speeds: list[Speed]
    end: str
    following: int
    free: int | None


def measure(
    config: Config, session: Session, minutes: float = MINUTES, report: Callable[[Speed], None] = lambda _: None
) -> Sizes:
    """Measure the speed of training against the batch size, in powers of two.

    Each size is tried once, the smallest first. On a CPU no size is tried that would need more than `RESERVE` of the
    free memory, by the sizes of all outputs and by what smaller batches have needed. On a GPU, sizes are tried until
    TensorFlow reports that the memory does not suffice. Then all sizes that fit are measured in turn. The learning rate
    is 0.

    Args:
        config: the config of a run.
        session: the session, which keeps the images and the compiled step.
        minutes: the time of all measurements.
        report: a function that is called with each size that has been tried, with its first measurement.

    Raises:
        DataError: the data is missing, damaged or does not fit the config.
        RunError: the network cannot be built, its loss is not finite, or not even the smallest batch fits.
    """
    from exprun.assembly import assemble
    from exprun.trainer import memory
    from exprun.trainer.evaluation import Evaluator

    end = time.perf_counter() + 60 * minutes
    assembly = assemble(config, session)
    step = assembly.step
    feed = Evaluator(assembly.config, step).feed(assembly.dataset.train)
    free, before = (None, 0) if step.device.gpu else (memory.available(), _peak())
    one = memory.needed(step.model, step.device.precision)
    size = max(SMALLEST, step.device.replicas)
    tried: list[tuple[Speed, float]] = []
    try:
        while not (stop := _stop(size, len(feed), one, free, tried)):
            seconds = _try(step, feed, size)
            if seconds is None:
                stop = "memory"
                break
            peak = None if step.device.gpu else (_peak() - before) / 2**30
            tried.append((Speed(size, [size / seconds], peak), seconds))
            report(tried[-1][0])
            size *= GROWTH
            # A size takes two steps to try, of which the first also compiles, and one for each repeat.
            if time.perf_counter() + (2 + REPEATS) * GROWTH * seconds > end:
                stop = "time"
                break
        if not tried:
            raise RunError(_too_small(config, len(feed), size, stop))
        _repeat(step, feed, tried, end)
    finally:
        step.take_batches_of(config.trainer.batch_size)
    return Sizes(config.trainer.batch_size, len(feed), [speed for speed, _ in tried], stop, size, free)


def _stop(size: int, images: int, one: int, free: int | None, tried: list[tuple[Speed, float]]) -> str:
    """The reason why a batch size is not tried: `images` or `memory`; empty if it is tried.

    Args:
        size: the number of images in the batch.
        images: the number of training images.
        one: the size of all layers' outputs for one image, in bytes.
        free: the memory that was free before the first step in bytes, or None if it is not known.
        tried: the sizes that were tried, with the seconds of their step.
    """
    from exprun.trainer.memory import USUAL

    if size > images:
        return "images"
    if free is None:
        return ""
    measured = GROWTH * (tried[-1][0].gigabytes or 0.0) * 2**30 if tried else 0.0
    return "memory" if max(USUAL * one * size, measured) > RESERVE * free else ""


def _peak() -> int:
    """The largest memory that this process has had so far, in bytes; 0 on Windows, where it is not known."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _try(step: "Step", feed: "Feed", size: int) -> float | None:
    """The seconds of a step with a batch size, after one that compiles; None if the memory does not suffice."""
    import tensorflow as tf

    step.take_batches_of(size)
    try:
        _take(step, feed, size, 1)
        return _take(step, feed, size, 1)
    except tf.errors.ResourceExhaustedError:
        return None


def _take(step: "Step", feed: "Feed", size: int, steps: int) -> float:
    """The seconds of one of several steps, taken in one call.

    Raises:
        RunError: the loss is not finite.
    """
    order = (np.arange(steps * size, dtype=np.int32) % len(feed)).reshape(steps, size)
    for images, labels, indices in feed.chunks(order, lambda: steps):
        started = time.perf_counter()
        done = step.train(images, labels, indices, np.zeros(len(indices), np.float32), 0)
        seconds = (time.perf_counter() - started) / len(indices)
        if not done.finite:
            raise RunError("The loss of the first batch is not finite: python -m exprun check reports why.")
    return seconds


def _repeat(step: "Step", feed: "Feed", tried: list[tuple[Speed, float]], end: float) -> None:
    """Measure each size again, in turn, and keep only these measurements if there are any.

    Args:
        step: the compiled training.
        feed: the training images.
        tried: the speeds of the sizes, to which the measurements are added, with the seconds of a step.
        end: the time at which no further turn begins, unless it is the first.
    """
    for turn in range(REPEATS):
        if turn and time.perf_counter() > end:
            return
        for speed, seconds in tried:
            step.take_batches_of(speed.size)
            steps = max(1, min(MAX_STEPS, int(CALL_SECONDS / seconds)))
            found = speed.size / _take(step, feed, speed.size, steps)
            if turn == 0:
                speed.images_per_second.clear()
            speed.images_per_second.append(found)


def _too_small(config: Config, images: int, size: int, stop: str) -> str:
    """The error if not even the smallest batch can be tried."""
    if stop == "images":
        return f"There are only {images} training images, but the smallest batch that is measured has {size}."
    return f"Not even a batch of {size} images of model={config.model.name} fits into memory."
