"""Gradient accumulation: the gradients of a batch as the sum over its parts, of which one at a time is in memory."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from exprun.loss import Targets

Gradients = Callable[[tf.Tensor, Targets, tf.Tensor], tuple[tf.Tensor, tf.Tensor, list[Any]]]


def accumulated(
    gradients_of: Gradients, parts: int, pixels: tf.Tensor, targets: Targets, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, list[Any]]:
    """Loss, accuracy and gradients, summed over the parts of a batch, which are computed one after the other.

    Args:
        gradients_of: computes loss, accuracy and gradients of a part from its pixels, labels and seed.
        parts: the number of parts, a divisor of the size of the batch.
        pixels: the batch, float32, (batch, height, width, channels); the size is known when the graph is built.
        targets: the labels.
        seed: the seed of the batch, (2,).
    """
    if parts == 1:
        return gradients_of(pixels, targets, seed)
    size = pixels.shape[0] // parts

    def part(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, list[Any]]:
        start = number * size
        some = tf.ensure_shape(pixels[start : start + size], [size, *pixels.shape[1:]])
        fresh = tf.random.experimental.stateless_fold_in(seed, number)
        return gradients_of(some, targets.part(start, size), fresh)

    def add(number: tf.Tensor, *sums: tf.Tensor) -> tuple[tf.Tensor, ...]:
        loss, accuracy, gradients = part(number)
        added = (loss, accuracy, *(gradients[place] for place in used))
        return number + 1, *(a + b for a, b in zip(sums, added, strict=True))

    loss, accuracy, gradients = part(tf.constant(0))
    used = [place for place, gradient in enumerate(gradients) if gradient is not None]
    start = (loss, accuracy, *(tf.convert_to_tensor(gradients[place]) for place in used))
    _, loss, accuracy, *sums = tf.while_loop(
        lambda number, *_: number < parts, add, (tf.constant(1), *start), parallel_iterations=1
    )
    found = dict(zip(used, sums, strict=True))
    return loss, accuracy, [found.get(place) for place in range(len(gradients))]
