"""Provide the compiled step with images: from the device's memory if they fit, else streamed in chunks."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from exprun.data import Split
from exprun.data.stream import is_decoded
from exprun.trainer import memory

GPU_LIMIT = 2 * 2**30  # bytes of images that are kept on a GPU next to the model
STREAM_CHUNK = 64 * 2**20  # bytes of one chunk of streamed images; at most two chunks are in memory

Chunk = tuple[tf.Tensor, tf.Tensor, np.ndarray]


def fits(split: Split, gpu: bool) -> bool:
    """Whether a split can stay on the device: up to 2 GiB on a GPU, or a quarter of the memory on a CPU."""
    total = None if gpu else memory.total()
    return len(split) * _image_bytes(split) <= (GPU_LIMIT if total is None else total // 4)


def _image_bytes(split: Split) -> int:
    return split.images.nbytes // len(split.images)


class Feed:
    """The images of one split.

    Args:
        split: the split.
        resident: whether all images are kept in the device's memory, from the first epoch in which they are decoded.
    """

    def __init__(self, split: Split, resident: bool) -> None:
        self.split = split
        self.wants_resident, self.resident = resident, False
        self.labels, self.targets = (
            np.ascontiguousarray(labels, np.int32 if labels.ndim == 1 else np.float32)
            for labels in (split.row_labels, split.targets)  # as metrics take them, and as the loss does
        )
        self._load()

    def __len__(self) -> int:
        return len(self.split)

    def _load(self) -> None:
        """Copy all images to the device, if they are wanted there and need not be decoded first."""
        if self.wants_resident and not self.resident and is_decoded(self.split.images, self.split.rows):
            self._images = tf.constant(self.split.images[self.split.rows])
            self._labels = tf.constant(self.targets)
            self.resident = True

    def chunks(self, order: np.ndarray, steps: Callable[[], int]) -> Iterator[Chunk]:
        """The batches of `order`, in chunks of some steps.

        Args:
            order: the positions of each batch in the split, int32, (steps, batch); -1 is padding of the last batch.
            steps: function that returns the largest number of steps of the next chunk.

        Yields:
            Images, labels, and the positions of each batch of the chunk among these images, int32, (steps, batch).
        """
        self._load()
        if self.resident:
            start = 0
            while start < len(order):
                part = order[start : start + steps()]
                start += len(part)
                yield self._images, self._labels, part
            return
        with ThreadPoolExecutor(1, "feed") as thread:
            start, waiting = 0, None
            most = max(1, STREAM_CHUNK // (_image_bytes(self.split) * order.shape[1]))
            while waiting or start < len(order):
                ready = waiting
                part = order[start : start + min(steps(), most)]
                start += len(part)
                waiting = thread.submit(self._gather, part) if len(part) else None
                if ready:
                    yield ready.result()

    def _gather(self, part: np.ndarray) -> Chunk:
        """The images of some steps in the order in which they are used; they are decoded here if they are not yet."""
        flat = part.reshape(-1)
        wanted = np.maximum(flat, 0)
        positions = np.where(flat < 0, -1, np.arange(len(flat), dtype=np.int32))
        images = tf.constant(self.split.images[self.split.rows[wanted]])
        return images, tf.constant(self.targets[wanted]), positions.astype(np.int32).reshape(part.shape)


def epoch_order(count: int, batch: int, seed: int, epoch: int) -> np.ndarray:
    """The shuffled batches of a training epoch, int32, (steps, batch); the last incomplete batch is left out.

    The order depends only on the seed and the epoch, so a resumed run sees the same batches as an uninterrupted one.

    Args:
        count: the number of training images.
        batch: the number of images per batch.
        seed: the seed of the run.
        epoch: the number of the epoch, from 0.
    """
    order = np.random.default_rng([seed, epoch]).permutation(count).astype(np.int32)
    steps = count // batch
    return order[: steps * batch].reshape(steps, batch)


def whole_order(count: int, batch: int) -> np.ndarray:
    """The batches that contain every image once, in order, int32, (steps, batch); the last is padded with -1."""
    steps = -(-count // batch)
    order = np.full(steps * batch, -1, np.int32)
    order[:count] = np.arange(count, dtype=np.int32)
    return order.reshape(steps, batch)
