"""The speed of the steps of a run, without the rest of the run."""

import sys
import time

import numpy as np

from exprun.assembly import assemble
from exprun.config.errors import RunError
from exprun.config.schema import Config
from exprun.session import Session

CALL_SECONDS = 0.3  # time of one call of the compiled step, in which at least one step is taken


class Probe:
    """The compiled step of a run, which the session keeps for the run itself.

    Args:
        config: the config of the run.
        session: the session, which keeps the images and the compiled step.

    Raises:
        DataError: the data is missing, damaged or does not fit the config.
        RunError: the network cannot be built.
    """

    def __init__(self, config: Config, session: Session) -> None:
        from exprun.trainer.evaluation import Evaluator

        assembly = assemble(config, session)
        self.step, self.batch = assembly.step, config.trainer.batch_size
        self.feed = Evaluator(assembly.config, self.step).feed(assembly.dataset.train)
        self._take(1)  # compiles the step

    def step_seconds(self) -> float:
        """The time of one step, roughly."""
        return self._take(1)

    def rate(self, seconds: float) -> tuple[float, float]:
        """The steps per second, measured during some seconds, and the number of cores that they took on average.

        Args:
            seconds: the time of the measurement.
        """
        one = self._take(1)
        started, used, taken = time.perf_counter(), time.process_time(), 0
        while (elapsed := time.perf_counter() - started) < seconds or not taken:
            count = max(1, int(CALL_SECONDS / one))
            one = self._take(count) / count
            taken += count
        return taken / elapsed, (time.process_time() - used) / elapsed

    def _take(self, steps: int) -> float:
        """The seconds of some steps, taken in one call with the learning rate 0.

        Raises:
            RunError: the loss is not finite.
        """
        size = steps * self.batch
        order = (np.arange(size, dtype=np.int32) % len(self.feed)).reshape(steps, self.batch)
        started = time.perf_counter()
        for images, labels, indices in self.feed.chunks(order, lambda: steps):
            done = self.step.train(images, labels, indices, np.zeros(len(indices), np.float32), 0)
            if not done.finite:
                raise RunError("The loss of the first batch is not finite: python -m exprun check reports why.")
        return time.perf_counter() - started


def peak() -> int:
    """The largest memory that this process has had so far, in bytes."""
    import resource  # not on Windows, where nothing is measured

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def gpu_peak() -> int:
    """The largest memory of one GPU that TensorFlow has needed so far, in bytes; 0 without a GPU."""
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU")
    return max((tf.config.experimental.get_memory_info(device.name)["peak"] for device in devices), default=0)
