"""Compares what a step updates with what is trainable now: Keras fixes the variables when it traces the step."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.doctor.instruments.layers import owners
from exprun.doctor.instruments.trained import Fault, Trained


class Trainable:
    """Follows which variables are trainable, and for which the function of the training step was traced."""

    def __init__(self) -> None:
        self._function: Any = None  # the last step function that was seen when it was traced
        self._traced: frozenset[int] = frozenset()  # ids of the variables that were trainable when it was traced
        self._new = False  # whether the next step will be traced
        # Trainable variables that the step leaves out, and frozen ones that it trains, with their values before it.
        self._forgotten: list[tuple[Any, tf.Tensor]] = []
        self._frozen: list[tuple[Any, tf.Tensor]] = []

    def look(self, model: Any) -> None:
        """Record, before Keras makes the function of the step, whether the next step will be traced."""
        self._new = getattr(model, "train_function", None) is None

    def before(self, model: Any) -> None:
        """Compare the trainable variables with those of the trace, before the first step of an epoch."""
        self._forgotten, self._frozen = [], []
        if self._new or model.run_eagerly or self._known(model, model.trainable_variables):
            return
        seen = model.train_function is self._function
        if not seen and _has_own_step(model):
            return  # a custom step may leave out variables on purpose
        updated, traced = _updated(model), self._traced if seen else frozenset()
        trainable = model.trainable_variables
        ids = {id(v) for v in trainable}
        self._forgotten = _as_now(v for v in trainable if id(v) not in updated and id(v) not in traced)
        self._frozen = _as_now(v for v in model.variables if id(v) in updated and id(v) not in ids)

    def _known(self, model: Any, trainable: list[Any]) -> bool:
        return model.train_function is self._function and {id(v) for v in trainable} == self._traced

    def after(self, model: Any) -> Trained | None:
        """Check which variables the step has changed; returns None if they are those that are trainable."""
        if self._new:
            self._new, self._function = False, model.train_function
            self._traced = frozenset(id(v) for v in model.trainable_variables)
        still = not any(_has_moved(v, value) for v, value in self._forgotten)
        forgotten = [v for v, _ in self._forgotten] if still else []
        frozen = [v for v, value in self._frozen if _has_moved(v, value)]
        self._forgotten, self._frozen = [], []
        return _trained("forgotten", model, forgotten) or _trained("frozen", model, frozen)

    def failed(self, model: Any) -> Trained | None:
        """The variables that the optimiser does not know, for which a step that has failed may have been traced."""
        optimizer = _inner(getattr(model, "optimizer", None))
        if not getattr(optimizer, "built", False) or _has_own_step(model):
            return None
        updated = _updated(model)
        return _trained("unknown", model, [v for v in model.trainable_variables if id(v) not in updated])


def _trained(fault: Fault, model: Any, variables: list[Any]) -> Trained | None:
    if not variables:
        return None
    count, known = len(model.trainable_variables), len(_updated(model))
    return Trained(fault, len(variables), owners(model, variables), count, known)


def _inner(optimizer: Any) -> Any:
    return getattr(optimizer, "inner_optimizer", optimizer)


def _updated(model: Any) -> set[int]:
    """The ids of the variables that the optimisers of a model were built for."""
    attributes = [value for value in vars(model).values() if isinstance(value, keras.optimizers.Optimizer)]
    optimizers = [_inner(optimizer) for optimizer in (model.optimizer, *attributes)]
    return {id(v) for optimizer in optimizers for v in getattr(optimizer, "_trainable_variables", [])}


def _has_own_step(model: Any) -> bool:
    return getattr(model.train_step, "__func__", None) is not keras.Model.train_step


def _as_now(variables: Iterable[Any]) -> list[tuple[Any, tf.Tensor]]:
    return [(v, tf.identity(v.value)) for v in variables]


def _has_moved(variable: Any, before: tf.Tensor) -> bool:
    return not np.array_equal(np.asarray(variable), np.asarray(before))
