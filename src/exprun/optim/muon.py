"""The optimiser Muon for convolutional networks, which makes the updates of kernels orthogonal."""

from collections.abc import Sequence
from typing import Any

import keras

from exprun.optim.heavy_ball import HeavyBall


class Muon(keras.optimizers.Muon):
    """Keras' Muon, which here updates the kernels of convolutions too.

    Keras updates two-dimensional variables with Muon and all others with AdamW. Here a convolution's kernel of shape
    (height, width, in, out) is updated with Muon as a matrix of shape (height · width · in, out), as in Jordan et al.
    2024 (https://kellerjordan.github.io/posts/muon). Biases, norms, depthwise kernels, which are no matrices, and the
    classifier are updated with AdamW.
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        return not is_kernel(variable) and super()._should_use_adamw(variable)

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        ops = keras.ops
        self.assign_add(m, ops.add(gradient, m * (self.momentum - 1)))
        update = ops.add(gradient, self.momentum * m) if self.nesterov else m
        matrix = ops.reshape(update, (-1, variable.shape[-1]))
        step = self.lr_adjust(lr * self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, ops.reshape(step, variable.shape))


def is_kernel(variable: Any) -> bool:
    """Whether a variable is the kernel of a convolution that is not depthwise."""
    return len(variable.shape) == 4 and variable.shape[-1] > 1


class MuonNesterov(HeavyBall):
    """Muon for the kernels of convolutions and Nesterov momentum for all other variables, as in airbench.

    A kernel of shape (height, width, in, out) is updated as a matrix of shape (height · width · in, out). Before each
    update the kernel is scaled to the norm √out. The update is approximately the orthogonal matrix nearest to the
    momentum, which sums gradients. Sources: Jordan 2024, https://kellerjordan.github.io/posts/muon, and
    `airbench94_muon.py` in https://github.com/KellerJordan/cifar10-airbench, which trains CIFAR-10.

    Args:
        kernels: whether each variable, in order, is updated with Muon.
        kernel_momentum: the momentum of the variables updated with Muon; `momentum` applies to all other variables.
        steps: the number of iterations that make an update orthogonal.
        **kwargs: arguments of `keras.optimizers.SGD`.
    """

    def __init__(self, kernels: Sequence[bool], kernel_momentum: float, steps: int, **kwargs: Any) -> None:
        super().__init__(nesterov=True, **kwargs)
        self.kernels, self.kernel_momentum, self.steps = kernels, kernel_momentum, steps

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable by its gradient, which has the variable's shape."""
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
    """The nearly orthogonal matrix that has the singular vectors of `matrix`.

    This is the Newton-Schulz iteration with a quintic polynomial and the coefficients of Jordan 2024
    (https://kellerjordan.github.io/posts/muon), after which all singular values are between about 0.5 and 1.5.

    Args:
        matrix: a matrix of any shape.
        steps: the number of iterations.
    """
    ops = keras.ops
    tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(matrix) if tall else matrix
    x = x / (ops.norm(x) + 1e-7)
    for _ in range(steps):
        square = ops.matmul(x, ops.transpose(x))
        x = 3.4445 * x + ops.matmul(-4.7750 * square + 2.0315 * ops.matmul(square, square), x)
    return ops.transpose(x) if tall else x
