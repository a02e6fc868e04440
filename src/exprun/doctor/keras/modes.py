"""Finds layers that a training step runs in inference mode: what such a step leaves as it was."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.doctor.instruments.layers import DROPOUTS, Layer, leaves
from exprun.doctor.instruments.norms import is_fresh


class Modes:
    """Compares the states of batch norms and dropouts before and after the first step of an epoch."""

    def __init__(self) -> None:
        self._norms: list[tuple[Layer, list[tf.Tensor]]] = []  # batch norms whose averages are as initialised
        self._dropouts: list[tuple[Layer, tf.Tensor]] = []  # dropouts, with the state that each draw changes

    def before(self, model: Any) -> None:
        """Keep the states of a model whose step is the script's own: Keras' own step runs in training mode."""
        own = getattr(model.train_step, "__func__", None) is not keras.Model.train_step
        layers = leaves(model) if model.built else []
        norms = [x for x in layers if x.isa("BatchNormalization") and x.layer.built and x.layer.trainable]
        self._norms = [(norm, _now(norm.layer.trainable_variables)) for norm in norms if is_fresh(norm)]
        dropouts = [x for x in layers if own and x.isa(*DROPOUTS) and x.rate > 0]
        self._dropouts = [(x, *_now([x.layer.seed_generator.state])) for x in dropouts]

    def after(self, model: Any) -> list[Layer]:
        """The batch norms that were trained while their moving averages have not moved, and idle dropouts.

        Dropouts are idle if none of them has drawn random numbers.
        """
        norms = [norm for norm, values in self._norms if is_fresh(norm) and _has_moved(norm, values)]
        states = [(x, np.array_equal(np.asarray(x.layer.seed_generator.state), old)) for x, old in self._dropouts]
        self._norms, self._dropouts = [], []
        return [*norms, *([x for x, _ in states] if all(still for _, still in states) else [])]


def _now(variables: list[Any]) -> list[tf.Tensor]:
    return [tf.identity(variable.value) for variable in variables]


def _has_moved(layer: Layer, before: list[tf.Tensor]) -> bool:
    now = layer.layer.trainable_variables
    return any(not np.array_equal(np.asarray(v), old) for v, old in zip(now, before, strict=True))
