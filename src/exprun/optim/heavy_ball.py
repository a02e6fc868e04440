"""Momentum over gradients."""

from typing import Any

import keras
import tensorflow as tf

from exprun.optim.fused import handle


class HeavyBall(keras.optimizers.SGD):
    """SGD whose momentum sums gradients, with the learning rate outside of it, as MatConvNet and PyTorch do.

    `m = momentum * m + gradient; variable -= learning_rate * m`. Keras has the rate inside,
    `m = momentum * m - learning_rate * gradient; variable += m`, which is the same until the rate changes:
    then Keras' carries updates of the old size on. MatConvNet 1.0, `cnn_train.m`, `accumulateGradients`. With
    `nesterov`, the variable moves by `gradient + momentum * m` (Sutskever et al. 2013), as in PyTorch.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Apply one gradient; shapes as the variable's."""
        tf.raw_ops.ResourceApplyMomentum(
            var=handle(variable),
            accum=handle(self.momentums[self._get_variable_index(variable)]),
            lr=tf.cast(learning_rate, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
            momentum=tf.cast(self.momentum, variable.dtype),
            use_nesterov=self.nesterov,
        )
