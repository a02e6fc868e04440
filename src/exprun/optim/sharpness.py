"""Sharpness-aware minimisation: Foret et al. 2021 (arXiv:2010.01412), algorithm 1."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

EPSILON = 1e-12  # added to the norm of the gradient


def climbed(variables: Sequence[Any], gradients: Sequence[Any], rho: float) -> list[tf.Tensor]:
    """The weights at the distance ρ along the gradient, where the loss is about the highest nearby (equation 2).

    Args:
        variables: the weights.
        gradients: the gradient of the loss with respect to each of them, with any common factor, or None.
        rho: the radius ρ.
    """
    norm = tf.linalg.global_norm([gradient for gradient in gradients if gradient is not None])
    step = rho / (norm + EPSILON)
    return [
        tf.identity(v.value) if gradient is None else v.value + step * gradient
        for v, gradient in zip(variables, gradients, strict=True)
    ]
