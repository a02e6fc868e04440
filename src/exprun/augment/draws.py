"""Random numbers that depend only on a seed."""

import tensorflow as tf


def seed_of(seed: tf.Tensor, step: tf.Tensor, replica: int | tf.Tensor = 0) -> tf.Tensor:
    """The seed of all random numbers of a step on one device, int32, (2,).

    Args:
        seed: the seed of the run, int32, a scalar.
        step: the number of the step, int32, a scalar.
        replica: the number of the device.
    """
    return folded(tf.stack([seed, step]), replica)


def folded(seed: tf.Tensor, salt: int | tf.Tensor) -> tf.Tensor:
    """Another seed, int32, (2,), for each salt."""
    return tf.random.experimental.stateless_fold_in(seed, salt)


def uniform(
    seed: tf.Tensor,
    salt: int,
    shape: tf.Tensor | list[tf.Tensor | int],
    low: tf.Tensor | float = 0.0,
    high: tf.Tensor | float = 1.0,
) -> tf.Tensor:
    """Numbers from `low` to `high`, float32, of a shape; those of each salt are independent."""
    return low + tf.random.stateless_uniform(shape, folded(seed, salt)) * (high - low)
