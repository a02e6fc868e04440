"""Hands images to the compiled step: from the device where they fit, else streamed in chunks."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from exprun.data import Split
from exprun.trainer import memory

GPU_LIMIT = 2 * 2**30  # bytes of images kept on a GPU beside the model
STREAM_CHUNK = 64 * 2**20  # bytes of images gathered ahead, at most two such chunks at a time

Chunk = tuple[tf.Tensor, tf.Tensor, np.ndarray]


def fits(split: Split, gpu: bool) -> bool:
    """Whether a split can stay on the device: 2 GiB on a GPU, a quarter of the memory on a CPU."""
    own = None if gpu else memory.total()
    return len(split) * split.images[0].nbytes <= (GPU_LIMIT if own is None else own // 4)


class Feed:
    """The images of one split.

    Args:
        split: which images.
        resident: keep them all on the device.
    """

    def __init__(self, split: Split, resident: bool) -> None:
        self.split = split
        self.resident = resident
        self.labels = np.ascontiguousarray(split.row_labels, np.int32)
        if resident:
            self._images = tf.constant(split.images[split.rows])
            self._labels = tf.constant(self.labels)

    def __len__(self) -> int:
        return len(self.split)

    def chunks(self, order: np.ndarray, steps: Callable[[], int]) -> Iterator[Chunk]:
        """The batches of `order`, some steps at a time.

        Args:
            order: positions in the split, int32, (steps, batch); -1 pads a last batch.
            steps: how many steps the next chunk may have.

        Yields:
            Images, labels, and for each step of the chunk the positions of its batch in them.
        """
        if self.resident:
            start = 0
            while start < len(order):
                part = order[start : start + steps()]
                start += len(part)
                yield self._images, self._labels, part
            return
        with ThreadPoolExecutor(1, "feed") as thread:
            start, waiting = 0, None
            most = max(1, STREAM_CHUNK // (self.split.images[0].nbytes * order.shape[1]))
            while waiting or start < len(order):
                ready = waiting
                part = order[start : start + min(steps(), most)]
                start += len(part)
                waiting = thread.submit(self._gather, part) if len(part) else None
                if ready:
                    yield ready.result()

    def _gather(self, part: np.ndarray) -> Chunk:
        """The images of some steps, copied out of the set in the order they are used."""
        flat = part.reshape(-1)
        wanted = np.maximum(flat, 0)
        positions = np.where(flat < 0, -1, np.arange(len(flat), dtype=np.int32))
        images = tf.constant(self.split.images[self.split.rows[wanted]])
        return images, tf.constant(self.labels[wanted]), positions.astype(np.int32).reshape(part.shape)


def epoch_order(count: int, batch: int, seed: int, epoch: int) -> np.ndarray:
    """The batches of a training epoch, int32, (steps, batch); images beyond the last full batch wait.

    A function of seed and epoch, so a resumed run sees what the uninterrupted one would have.
    """
    order = np.random.default_rng([seed, epoch]).permutation(count).astype(np.int32)
    steps = count // batch
    return order[: steps * batch].reshape(steps, batch)


def whole_order(count: int, batch: int) -> np.ndarray:
    """Every image once, in order, int32, (steps, batch); the last batch is padded with -1."""
    steps = -(-count // batch)
    order = np.full(steps * batch, -1, np.int32)
    order[:count] = np.arange(count, dtype=np.int32)
    return order.reshape(steps, batch)
