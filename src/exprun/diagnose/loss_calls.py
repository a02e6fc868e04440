"""Which losses a loop calls: objects and functions of Keras, and functions of `tf.nn`."""

import functools
import inspect
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any, cast

import keras
import tensorflow as tf

from exprun.diagnose.loop import Lost, State

OF_TENSORFLOW = {  # functions of `tf.nn`, and the loss of Keras that is the same
    "sparse_softmax_cross_entropy_with_logits": keras.losses.SparseCategoricalCrossentropy,
    "softmax_cross_entropy_with_logits": keras.losses.CategoricalCrossentropy,
    "sigmoid_cross_entropy_with_logits": keras.losses.BinaryCrossentropy,
}


def _of_values(kind: type[keras.losses.Loss]) -> keras.losses.Loss:
    """A loss that takes outputs for logits, even if Keras knows that they are probabilities.

    Args:
        kind: the loss of Keras, whose name stays the same.
    """

    def call(self: Any, y_true: Any, y_pred: Any) -> Any:
        return kind.call(self, y_true, tf.identity(y_pred))  # a copy, of which Keras does not know the logits

    return cast(keras.losses.Loss, type(kind.__name__, (kind,), {"call": call})(from_logits=True))


def watch_losses(state: State, sees: Callable[[], bool]) -> None:
    """Remember the calls of losses from now on.

    Args:
        state: where they are kept.
        sees: whether calls are those of a loop now.
    """
    keras.losses.Loss.__call__ = _noted(keras.losses.Loss.__call__, None, state, sees)
    for name in (keras.losses.__name__, "keras._tf_keras.keras.losses"):
        module = sys.modules.get(name)
        for key, value in list(vars(module).items()) if module is not None else ():
            if isinstance(value, FunctionType) and key not in ("get", "serialize", "deserialize"):
                setattr(module, key, _noted(value, value, state, sees))
    for key, kind in OF_TENSORFLOW.items():
        setattr(tf.nn, key, _of_logits(getattr(tf.nn, key), functools.partial(_of_values, kind), state, sees))


def _of_logits(original: Any, make: Callable[[], Any], state: State, sees: Callable[[], bool]) -> Any:
    """A function of `tf.nn` that remembers its calls.

    Args:
        original: the function.
        make: makes the loss of Keras that computes the same.
        state: where the calls are kept.
        sees: whether calls are those of a loop now.
    """

    @functools.wraps(original)
    def function(labels: Any = None, logits: Any = None, *args: Any, **kwargs: Any) -> Any:
        if sees() and not state.in_loss:
            state.losses.append(Lost(make(), labels, logits, not tf.executing_eagerly()))
        return original(labels, logits, *args, **kwargs)

    return function


def _noted(original: Any, function: Any, state: State, sees: Callable[[], bool]) -> Any:
    """A loss that remembers its calls.

    Args:
        original: the function to call.
        function: the loss; None if it is the first argument, as in methods.
        state: where the calls are kept.
        sees: whether calls are those of a loop now.
    """
    signature = inspect.signature(original)

    @functools.wraps(original)
    def loss(*args: Any, **kwargs: Any) -> Any:
        if state.in_loss or not sees():
            return original(*args, **kwargs)
        state.in_loss = True
        try:
            result = original(*args, **kwargs)
        finally:
            state.in_loss = False
        given = signature.bind(*args, **kwargs).arguments
        if "y_true" in given and "y_pred" in given:
            labels, outputs = given.pop("y_true"), given.pop("y_pred")
            known = given.get("self") if function is None else _with_options(function, tuple(given.items()))
            state.losses.append(Lost(known, labels, outputs, not tf.executing_eagerly()))
        return result

    return loss


def _with_options(function: Any, options: tuple[tuple[str, Any], ...]) -> Any:
    """A loss function of Keras, or the loss that computes the same with options of the call, such as `from_logits`.

    Args:
        function: the function.
        options: the names and values of the options.
    """
    try:
        return _made(function, options) if options else function
    except TypeError:  # options that the loss does not know, or that are tensors
        return function


@functools.cache
def _made(function: Any, options: tuple[tuple[str, Any], ...]) -> keras.losses.Loss:
    name = "".join(part.title() for part in function.__name__.split("_"))
    return cast(keras.losses.Loss, getattr(keras.losses, name, function)(**dict(options)))
