"""Steps and images that cost nothing, for tests of what is tried."""

from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from exprun.batch_size.measure import Sizes, Speed
from exprun.batch_size.report import Report
from exprun.trainer.results import StepResult
from tiny import config


class FakeStep:
    """A step on a GPU with memory for `fits` images; it records the sizes that were trained."""

    def __init__(self, fits=10**9, gpu=True, finite=True):
        self.fits, self.finite = fits, finite
        self.device = SimpleNamespace(gpu=gpu, replicas=1, precision="float32")
        self.model = SimpleNamespace(_flatten_layers=lambda **_: [])
        self.size, self.trained = 0, []

    def take_batches_of(self, size):
        self.size = size

    def train(self, images, labels, indices, rates, first):
        self.trained.append(self.size)
        assert indices.shape[1] == self.size
        assert not rates.any()
        if self.size > self.fits:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return StepResult(np.ones(len(indices)), np.ones(len(indices)), self.finite)


class FakeFeed:
    """The images of a training split."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def chunks(self, order, steps):
        yield None, None, order


def report(speeds, end="memory", configured=64, free=8 * 2**30, overrides=""):
    """The report of some sizes with their images per second in each measurement."""
    found = [Speed(size, measured, 0.001 * size) for size, measured in speeds.items()]
    sizes = Sizes(configured, 10_000, found, end, 2 * found[-1].size, free)
    return Report(config(), sizes, overrides)
