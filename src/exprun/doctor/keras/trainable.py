"""Checks whether a step updates the variables that are trainable now: Keras fixes them when it traces the step."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.doctor.finding import Finding
from exprun.doctor.graph import leaves, named
from exprun.text import nouns


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

    def after(self, model: Any, step: int) -> list[Finding]:
        """Check which variables the step has changed; returns findings.

        Args:
            model: a Keras model.
            step: the step of the optimiser.
        """
        if self._new:
            self._new, self._function = False, model.train_function
            self._traced = frozenset(id(v) for v in model.trainable_variables)
        still = not any(_has_moved(v, value) for v, value in self._forgotten)
        forgotten = [v for v, _ in self._forgotten] if still else []
        frozen = [v for v, value in self._frozen if _has_moved(v, value)]
        self._forgotten, self._frozen = [], []
        if forgotten:
            return [_forgotten(model, forgotten, step)]
        return [_frozen(model, frozen, step)] if frozen else []

    def failed(self, model: Any, step: int) -> list[Finding]:
        """The finding after a step that has failed: it may have been traced for variables unknown to its optimiser."""
        optimizer = _inner(model.optimizer)
        if not getattr(optimizer, "built", False) or _has_own_step(model):
            return []
        updated, trainable = _updated(model), model.trainable_variables
        unknown = [v for v in trainable if id(v) not in updated]
        if not unknown:
            return []
        evidence = (
            f"{len(unknown)} of {len(trainable)} trainable variables are not among the {len(updated)} that the "
            "optimiser was built for, and it cannot update others."
        )
        numbers: dict[str, float] = {"unknown": len(unknown), "trainable": len(trainable)}
        remedy = "compile again with a new optimiser: model.compile(keras.optimizers.Adam(…), …)."
        return [Finding("not-recompiled", "error", _where(model, unknown), evidence, step, numbers, remedy)]


def _forgotten(model: Any, forgotten: list[Any], step: int) -> Finding:
    trainable = model.trainable_variables
    return Finding(
        "not-recompiled",
        "error",
        _where(model, forgotten),
        f"{len(forgotten)} of {len(trainable)} trainable variables are neither known to the optimiser nor changed by "
        "the step: they were frozen when the step was traced, and were made trainable later without compile.",
        step,
        {"left_out": len(forgotten), "trainable": len(trainable)},
    )


def _frozen(model: Any, frozen: list[Any], step: int) -> Finding:
    return Finding(
        "not-recompiled",
        "error",
        _where(model, frozen),
        f"{len(frozen)} variable{'s are' if len(frozen) > 1 else ' is'} frozen now but still changed by the step: "
        f"{'they were' if len(frozen) > 1 else 'it was'} trainable when the step was traced, and frozen later without "
        "compile.",
        step,
        {"frozen": len(frozen)},
    )


def _where(model: Any, variables: list[Any]) -> str:
    ids = {id(v) for v in variables}
    owners = [layer for layer in leaves(model) if any(id(v) in ids for v in layer.variables)]
    if not owners:
        return "training step"
    return f"{nouns(len(owners), 'layer')} {named(owners)}"


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
