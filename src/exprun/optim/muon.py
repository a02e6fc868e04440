"""Muon for convolutional networks."""

from typing import Any

import keras


class Muon(keras.optimizers.Muon):
    """Keras' Muon, with convolution kernels made orthogonal as matrices.

    Keras gives Muon's update to two-dimensional variables and AdamW's to all others. Here a kernel of
    (height, width, in, out) is the matrix (height · width · in, out), as in Jordan et al. 2024
    (https://kellerjordan.github.io/posts/muon); biases, norms and the classifier keep AdamW.
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        return len(variable.shape) != 4 and super()._should_use_adamw(variable)

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        ops = keras.ops
        self.assign_add(m, ops.add(gradient, m * (self.momentum - 1)))
        update = ops.add(gradient, self.momentum * m) if self.nesterov else m
        matrix = ops.reshape(update, (-1, variable.shape[-1]))
        step = self.lr_adjust(lr * self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, ops.reshape(step, variable.shape))
