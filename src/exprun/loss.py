"""The group `loss`: the loss of an image, and the weights of the classes.

The step computes the cross-entropy. What is here turns it into the loss of the config, or weights it.
"""

from typing import TYPE_CHECKING

import numpy as np

from exprun.config.schema import Config

if TYPE_CHECKING:
    import tensorflow as tf

LEAST = 1e-7  # 1 − p, where it is smaller, so that the gradient of its power stays finite


def focused(cross_entropy: "tf.Tensor", gamma: "tf.Tensor") -> "tf.Tensor":
    """The focal loss, (1 − p)^γ times the cross-entropy −log p (Lin et al. 2017, arXiv:1708.02002, equation 4).

    Args:
        cross_entropy: cross-entropies, float32, of any shape.
        gamma: the focusing parameter γ, a scalar.
    """
    import tensorflow as tf

    return tf.maximum(-tf.math.expm1(-cross_entropy), LEAST) ** gamma * cross_entropy


def class_weights(config: Config, counts: np.ndarray, given: np.ndarray | None) -> np.ndarray | None:
    """The weight of each class in the loss, float32, (classes,), or None.

    With `loss.class_balance`, it is the inverse of the effective number of images of the class (Cui et al. 2019,
    arXiv:1901.05555, equation 5), scaled so that the mean over the training images is 1; the paper scales the sum over
    the classes instead, which changes the scale of the whole loss only.

    Args:
        config: the config of the run.
        counts: the number of training images of each class, (classes,).
        given: the weights that `data.class_weights` gives, (classes,), or None.
    """
    beta = config.loss.class_balance
    if beta is None:
        return given
    effective = (1 - beta**counts) / (1 - beta)
    weights = np.divide(1.0, effective, out=np.zeros(len(counts)), where=counts > 0)
    return (weights * counts.sum() / (weights * counts).sum()).astype(np.float32)
