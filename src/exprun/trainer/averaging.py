"""Averages of the weights over the run, which evaluations use instead of the weights."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.config.schema import Trainer

Pass = tuple[tf.Tensor, np.ndarray, np.ndarray]  # images, and `indices` and `mirrored` of some batches of these images


class Averages:
    """The averages of the weights and of the moving statistics of normalisation layers.

    `trainer.ema` averages over the steps, with weights that decay exponentially. `trainer.swa_start` averages over the
    ends of epochs, with equal weights (Izmailov et al. 2018, arXiv:1803.05407, algorithm 1).

    Args:
        trainer: the group `trainer` of the config.
        model: the Keras model whose variables are averaged.
        network: the function that computes the logits of `model`.
        inputs_of: function from images, the positions of a batch, the number of the step and `mirrored` to the input of
            the network in training.
    """

    def __init__(self, trainer: Trainer, model: Any, network: Any, inputs_of: Callable[..., tf.Tensor]) -> None:
        self.model, self.network, self.inputs_of = model, network, inputs_of
        self.decay = trainer.ema
        used = trainer.ema is not None or trainer.swa_start is not None
        self.values = [tf.Variable(v.value, trainable=False) for v in self.averaged] if used else []
        self.count = tf.Variable(0, trainable=False)  # weights in the average of `trainer.swa_start`
        self._norms = [
            layer
            for layer in model._flatten_layers(include_self=False)
            if isinstance(layer, keras.layers.BatchNormalization)
        ]
        self._sums = tf.function(self._sums_graph, autograph=False)

    @property
    def averaged(self) -> list[Any]:
        """The variables of the model that are averaged: weights and the norms' moving statistics."""
        return [v for v in self.model.variables if v.dtype == "float32" and "seed_generator" not in v.path]

    @property
    def variables(self) -> dict[str, Any]:
        """The variables that a run needs to resume, by name; none if nothing is averaged."""
        if self.decay is not None:
            return {f"ema/{i}": v for i, v in enumerate(self.values)}
        return {f"swa/{i}": v for i, v in enumerate(self.values)} | ({"swa/count": self.count} if self.values else {})

    def restart(self) -> None:
        """Begin again with the weights that the model has now."""
        self.count.assign(0)
        for average, variable in zip(self.values, self.averaged, strict=False):
            average.assign(variable.value)

    def decay_towards(self, step: tf.Tensor) -> None:
        """Update the averages of `trainer.ema`; the decay starts low, so the initial weights are soon forgotten.

        Args:
            step: the number of the step, from 0.
        """
        done = tf.cast(step, tf.float32)
        decay = tf.minimum(self.decay, (1 + done) / (10 + done))
        for average, variable in zip(self.values, self.averaged, strict=True):
            average.assign_sub((1 - decay) * (average - variable))

    def add(self) -> None:
        """Add the weights at the end of an epoch to the equal average of `trainer.swa_start`."""
        self.count.assign_add(1)
        for average, variable in zip(self.values, self.averaged, strict=True):
            average.assign_add((variable.value - average) / tf.cast(self.count, tf.float32))

    def swap(self) -> None:
        """Exchange the weights with their averages, if there are any yet; a second call exchanges them back."""
        if self.decay is None and self.count.numpy() == 0:
            return
        for variable, average in zip(self.averaged, self.values, strict=True):
            value = tf.identity(variable.value)
            variable.assign(average)
            average.assign(value)

    def measure_statistics(self, batches: Iterable[Pass], first: int) -> None:
        """Set the moving statistics of batch norms to the means of the statistics of training batches.

        The moving statistics of averaged weights are not the averages of the moving statistics, so they are measured
        in a pass of their own, with the weights that the model has now (section 3.2 of the paper).

        Args:
            batches: images with the positions of batches, int32, (batches, batch), and whether each image is mirrored.
            first: the number from which the draws of augmentation and dropout are numbered.
        """
        statistics = self._statistics
        if not statistics:
            return
        sums = [tf.zeros(v.shape) for v in statistics]
        count = 0
        with self._without_momentum():
            for images, indices, mirrored in batches:
                start = tf.constant(first + count)
                sums = self._sums(images, tf.constant(indices), tf.constant(mirrored), start, sums)
                count += len(indices)
        for variable, total in zip(statistics, sums, strict=True):
            variable.assign(total / count)

    @property
    def _statistics(self) -> list[Any]:
        return [v for norm in self._norms if norm.trainable for v in (norm.moving_mean, norm.moving_variance)]

    @contextlib.contextmanager
    def _without_momentum(self) -> Iterator[None]:
        """While the graph is built: with a momentum of 0, the new moving statistics are those of the batch."""
        momenta = [norm.momentum for norm in self._norms]
        try:
            for norm in self._norms:
                norm.momentum = 0.0
            yield
        finally:
            for norm, momentum in zip(self._norms, momenta, strict=True):
                norm.momentum = momentum

    def _sums_graph(
        self, images: tf.Tensor, indices: tf.Tensor, mirrored: tf.Tensor, first: tf.Tensor, sums: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """The statistics of each batch, added to `sums`; no variable changes."""
        seeds = [v for v in self.model.non_trainable_variables if "seed_generator" in v.path]

        def body(i: tf.Tensor, *sums: tf.Tensor) -> tuple[tf.Tensor, ...]:
            own = [(v, v.value + tf.cast(first + i, v.dtype)) for v in seeds]
            inputs = self.inputs_of(images, indices[i], first + i, mirrored[i])
            with keras.StatelessScope(own) as scope:
                self.network(inputs, training=True)
            new = [scope.get_current_value(v) for v in self._statistics]
            return i + 1, *(a + b for a, b in zip(sums, new, strict=True))

        _, *sums = tf.while_loop(
            lambda i, *_: i < tf.shape(indices)[0], body, (tf.constant(0), *sums), parallel_iterations=1
        )
        return sums
