"""Keras' common optimisers with one operation for a variable's update, which reads and writes each number once.

Keras makes an update of some ten operations, and on a CPU each of them passes over all weights in memory.
"""

from typing import Any

import keras
import tensorflow as tf


def handle(variable: Any) -> Any:
    """What the operations take: of the optimiser's own variables as of those that it is given."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


class SGD(keras.optimizers.SGD):
    """`keras.optimizers.SGD`: plain, with momentum or with Nesterov's."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Apply one gradient; shapes as the variable's."""
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
    """The update that Adam and AdamW share; decay is apart from it."""

    def update_step(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Apply one gradient; shapes as the variable's."""
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
    """`keras.optimizers.Adam`."""


class AdamW(_Adam, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW`."""
