"""Muon for convolutional networks."""

from collections.abc import Sequence
from typing import Any

import keras

from exprun.optim.heavy_ball import HeavyBall


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


class MuonNesterov(HeavyBall):
    """Muon for the kernels of convolutions, Nesterov's momentum for all else, as airbench trains CIFAR-10.

    A kernel of (height, width, in, out) is the matrix (height · width · in, out). Before each step it is brought to the
    norm √out; its update is the momentum's nearest orthogonal matrix, approximated. Momentum sums gradients. Jordan
    2024, https://kellerjordan.github.io/posts/muon and `airbench94_muon.py` of
    https://github.com/KellerJordan/cifar10-airbench.

    Args:
        kernels: for each variable in order, whether it is updated so.
        kernel_momentum: of these; `momentum` is that of the others.
        steps: of the iteration that makes an update orthogonal.
        **kwargs: of `keras.optimizers.SGD`.
    """

    def __init__(self, kernels: Sequence[bool], kernel_momentum: float, steps: int, **kwargs: Any) -> None:
        super().__init__(nesterov=True, **kwargs)
        self.kernels, self.kernel_momentum, self.steps = kernels, kernel_momentum, steps

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Apply one gradient; shapes as the variable's."""
        index = self._get_variable_index(variable)
        if not self.kernels[index]:
            super().update_step(gradient, variable, learning_rate)
            return
        ops = keras.ops
        buffer = self.momentums[index]
        self.assign(buffer, self.kernel_momentum * buffer + gradient)
        update = ops.reshape(gradient + self.kernel_momentum * buffer, (-1, variable.shape[-1]))
        turned = ops.reshape(orthogonal(update, self.steps), variable.shape)
        length = variable.shape[-1] ** 0.5 / (ops.norm(ops.reshape(variable, -1)) + 1e-7)
        self.assign(variable, variable * length - ops.cast(learning_rate, variable.dtype) * turned)


def orthogonal(matrix: Any, steps: int) -> Any:
    """A matrix whose singular values all are near 1, with the singular vectors of this one.

    Newton and Schulz' iteration with a quintic polynomial, its coefficients those of Jordan 2024
    (https://kellerjordan.github.io/posts/muon): singular values end between 0.5 and 1.5.
    """
    ops = keras.ops
    tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(matrix) if tall else matrix
    x = x / (ops.norm(x) + 1e-7)
    for _ in range(steps):
        square = ops.matmul(x, ops.transpose(x))
        x = 3.4445 * x + ops.matmul(-4.7750 * square + 2.0315 * ops.matmul(square, square), x)
    return ops.transpose(x) if tall else x
