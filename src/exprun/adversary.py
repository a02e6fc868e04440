"""Adversarial attacks: change images within bounds so that the loss increases, for adversarial training."""

from collections.abc import Callable

import tensorflow as tf

from exprun.config.images import Adversary


class Attack:
    """An attack that changes each pixel value by at most `epsilon`.

    `fgsm` takes one step along the sign of the gradient (Goodfellow et al. 2015, arXiv:1412.6572, section 4).
    `pgd` takes several steps and clips to the bounds after each (Madry et al. 2018, arXiv:1706.06083, section 2).

    Args:
        config: the group `adversary` of the config, with an option other than `none`.
    """

    def __init__(self, config: Adversary) -> None:
        several = config.name == "pgd"
        self.epsilon = tf.Variable(config.epsilon, trainable=False, dtype=tf.float32)
        self.step_size = tf.Variable(config.step_size if several else config.epsilon, trainable=False, dtype=tf.float32)
        self.steps = tf.Variable(config.steps if several else 1, trainable=False, dtype=tf.int32)
        self.random_start = bool(config.random_start)

    def __call__(self, pixels: tf.Tensor, seed: tf.Tensor, losses: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        """Change the images of a batch.

        Args:
            pixels: the images, float32, (batch, height, width, channels), from 0 to 255.
            seed: the seed of the random start, int32, (2,).
            losses: function that computes the loss of each image, (batch,), from pixels.

        Returns:
            The changed images, with the shape and type of `pixels`; no value differs by more than `epsilon`.
        """
        low = tf.maximum(pixels - self.epsilon, 0.0)
        high = tf.minimum(pixels + self.epsilon, 255.0)
        start = pixels
        if self.random_start:
            noise = tf.random.stateless_uniform(tf.shape(pixels), seed, -1.0, 1.0)
            start = tf.clip_by_value(pixels + noise * self.epsilon, low, high)

        def step(changed: tf.Tensor) -> tuple[tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch(changed)
                # The sum and the factor keep small gradients from becoming 0 in float16; only their sign is used.
                total = 1024.0 * tf.reduce_sum(losses(changed))
            moved = changed + self.step_size * tf.sign(tape.gradient(total, changed))
            return (tf.clip_by_value(moved, low, high),)

        (changed,) = tf.while_loop(lambda _: True, step, (start,), maximum_iterations=self.steps, parallel_iterations=1)
        return tf.stop_gradient(changed)
