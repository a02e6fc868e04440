"""Keras' common optimisers, each with a single TensorFlow operation per variable, which is faster.

Keras composes an update of about ten operations. On a CPU, each of them reads and writes all weights in memory; the
single operation does so only once.
"""

from typing import Any

import keras
import tensorflow as tf


def handle(variable: Any) -> Any:
    """The resource handle of a Keras or TensorFlow variable, which the operations need."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


class SGD(keras.optimizers.SGD):
    """`keras.optimizers.SGD` with one operation per variable: plain, with momentum or with Nesterov momentum."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable by its gradient, which has the variable's shape."""
        rate, gradient = tf.cast(learning_rate, variable.dtype), tf.cast(gradient, variable.dtype)
        if not self.momentum:
            tf.raw_ops.ResourceApplyGradientDescent(var=handle(variable), alpha=rate, delta=gradient)
            return
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=handle(variable),
            accum=handle(self.momentums[self._get_variable_index(variable)]),
            lr=rate,
            grad=gradient,
            momentum=tf.cast(self.momentum, variable.dtype),
            use_nesterov=self.nesterov,
        )


class _Adam:
    """The update that Adam and AdamW share; Keras applies AdamW's weight decay in a separate operation."""

    def update_step(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable by its gradient, which has the variable's shape."""
        kind, index = variable.dtype, self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, kind)
        beta_1, beta_2 = tf.cast(self.beta_1, kind), tf.cast(self.beta_2, kind)
        tf.raw_ops.ResourceApplyAdam(
            var=handle(variable),
            m=handle(self._momentums[index]),
            v=handle(self._velocities[index]),
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, kind),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(self.epsilon, kind),
            grad=tf.cast(gradient, kind),
        )


class Adam(_Adam, keras.optimizers.Adam):
    """`keras.optimizers.Adam` with one operation per variable."""


class AdamW(_Adam, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` with one operation per variable for the update, and one for the weight decay."""
