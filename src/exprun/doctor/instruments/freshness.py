"""Whether the weights of a layer are still those of its initialiser."""

import numpy as np

from exprun.doctor.instruments.layers import Layer
from exprun.doctor.instruments.states import unchanged

SPREAD_ERROR = 0.15  # relative difference between the spreads of two draws that one initialiser may give


def is_fresh(layer: Layer) -> bool:
    """Whether weights look untrained: all biases equal, and kernels with the spread of their initialiser."""
    bias = getattr(layer.layer, "bias", None)
    if bias is not None and np.ptp(np.asarray(bias)) > 0:
        return False
    moving = getattr(layer.layer, "moving_mean", None)
    if moving is not None:
        return not np.asarray(moving).any()
    kernel = getattr(layer.layer, "kernel", getattr(layer.layer, "embeddings", None))
    initializer = getattr(layer.layer, "kernel_initializer", getattr(layer.layer, "embeddings_initializer", None))
    if kernel is None or initializer is None:
        return bias is not None
    if np.size(getattr(initializer, "value", 0.0)) > 1:  # a constant table, such as vectors of words
        return False
    try:
        with unchanged(layer.layer):
            fresh = float(np.std(np.asarray(initializer(kernel.shape, dtype="float32"))))
    except (ValueError, TypeError, AttributeError):
        return False
    return bool(abs(float(np.std(np.asarray(kernel))) - fresh) <= SPREAD_ERROR * fresh + 1e-12)
