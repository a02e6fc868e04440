"""SGD with momentum that sums gradients instead of updates."""

from typing import Any

import keras
import tensorflow as tf

from exprun.optim.fused import handle


class HeavyBall(keras.optimizers.SGD):
    """SGD whose momentum `m` sums gradients, so that it does not contain the learning rate, as in PyTorch.

    The update is `m = momentum * m + gradient; variable -= learning_rate * m`, as in MatConvNet 1.0 (`cnn_train.m`,
    `accumulateGradients`). Keras' momentum contains the learning rate: `m = momentum * m - learning_rate * gradient;
    variable += m`. Both are the same while the learning rate is constant. After it changes, Keras' momentum still
    contains updates of the old size. With `nesterov`, the variable moves by `learning_rate` times
    `gradient + momentum * m` (Sutskever et al. 2013), as in PyTorch.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable by its gradient, which has the variable's shape."""
        tf.raw_ops.ResourceApplyMomentum(
            var=handle(variable),
            accum=handle(self.momentums[self._get_variable_index(variable)]),
            lr=tf.cast(learning_rate, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
            momentum=tf.cast(self.momentum, variable.dtype),
            use_nesterov=self.nesterov,
        )
