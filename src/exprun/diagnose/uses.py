"""What a script does with its networks after their training."""

import contextlib
import functools
import inspect
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.diagnose.fit import Fit
from exprun.diagnose.largest import goes_to_argmax
from exprun.doctor.instruments.pipelines import is_shuffled
from exprun.doctor.keras.tap import Tap
from exprun.doctor.use import Call, Use

MAX_ROWS = 2000  # rows that are kept of the calls by a line
MAX_BYTES = 2**25  # the same in bytes
MAX_LINES = 20  # lines whose calls are followed, for each network
RECENT = 50  # trainings whose networks are followed; a script may make thousands
BATCHES = 8  # first batches of a pipeline that are kept
METHODS: tuple[Call, ...] = ("evaluate", "predict", "predict_on_batch", "test_on_batch")
PAIR = 2  # values from which on an array can be the rows of a batch; axes of rows of numbers


class Uses:
    """Keeps some of what trained networks get from `evaluate`, `predict`, their forms for one batch, and calls.

    Args:
        fits: returns the trainings so far; the calls of a network belong to its last one.
        frame: returns the frame of the script's code that is being executed.
        is_on: whether the script runs, and is not training.
    """

    def __init__(
        self, fits: Callable[[], list[Fit]], frame: Callable[[], FrameType | None], is_on: Callable[[], bool]
    ) -> None:
        self._fits, self._frame, self._is_on = fits, frame, is_on
        self._copies: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()  # of which network
        self._is_inside = False  # whether `evaluate` or `predict` is running, which call the network
        for name in METHODS:
            self._watch(name)

    def called(self, model: Any, inputs: Any, is_training: bool) -> None:
        """Keep the inputs of a call of a network itself, and whether it was in training mode.

        In a graph that is being traced, the inputs are not known.
        """
        is_eager = tf.executing_eagerly()
        if self._is_inside or not isinstance(inputs, tf.Tensor | np.ndarray) or not (is_eager or is_training):
            return
        with tf.init_scope():  # where weights can be read
            use = self._use(model, "call", inputs)
        if use is not None:
            use.is_training = use.is_training or is_training
            if is_eager:
                _keep(use, inputs)

    def _watch(self, name: Call) -> None:
        original = getattr(keras.Model, name)
        signature = inspect.signature(original)

        @functools.wraps(original)
        def method(model: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                bound = signature.bind(model, *args, **kwargs)
            except TypeError:  # Keras says what is wrong with the arguments
                return original(model, *args, **kwargs)
            if self._is_inside or not self._is_on():
                return original(model, *args, **kwargs)
            self._is_inside = True
            try:
                with contextlib.suppress(Exception):  # nothing of the watching may end the script
                    self._prepare(model, name, bound.arguments)
                return original(*bound.args, **bound.kwargs)
            finally:
                self._is_inside = False

        setattr(keras.Model, name, method)

    def _prepare(self, model: Any, name: Call, given: dict[str, Any]) -> None:
        """Keep the inputs of a call, or add the callback that keeps them."""
        x, callbacks = given.get("x"), given.get("callbacks")
        use = self._use(model, name, x)
        if use is None:
            return
        if isinstance(x, tf.Tensor | np.ndarray | list):
            _keep(use, x)
        elif callbacks is None or isinstance(callbacks, list | tuple):
            given["callbacks"] = [*(callbacks or ()), _Keeper(use)]

    def _use(self, model: Any, name: Call, x: Any) -> Use | None:
        """The record of the calls by the current line; None if they are not followed."""
        fit, frame = self._fit_of(model), self._frame()
        if fit is None or frame is None:
            return None
        file, line = frame.f_code.co_filename, frame.f_lineno
        use = next((one for one in fit.uses if (one.call, one.file, one.line) == (name, file, line)), None)
        if use is None:
            if len(fit.uses) >= MAX_LINES:
                return None
            use = Use(name, file, line, takes_largest_of_one=_has_one_output(model) and goes_to_argmax(file, line))
            fit.uses.append(use)
        use.is_shuffled = use.is_shuffled or is_shuffled(x)
        return use

    def _fit_of(self, model: Any) -> Fit | None:
        """The last training of a network, or of the one that it is a copy of, such as from a file."""
        fits = [fit for fit in self._fits()[-RECENT:] if fit.steps and not fit.unwatched]
        for fit in reversed(fits):
            if fit.model is model:
                return fit
        if model not in self._copies:
            self._copies[model] = next((fit for fit in reversed(fits) if _is_copy(model, fit.model)), None)
        return self._copies[model]


def _has_one_output(model: Any) -> bool:
    """Whether a network returns one number for each row, as far as it knows."""
    shape = getattr(model, "output_shape", None)
    return isinstance(shape, tuple) and len(shape) == PAIR and shape[1] == 1


def _is_copy(model: Any, trained: Any) -> bool:
    """Whether a network has the same weights as another one, and values of the same shapes go in and out."""
    shapes = [(getattr(one, "input_shape", None), getattr(one, "output_shape", None)) for one in (model, trained)]
    if shapes[0] != shapes[1] or len(model.weights) != len(trained.weights) or not model.weights:
        return False
    pairs = zip(model.weights, trained.weights, strict=True)
    return all(one.shape == two.shape and np.array_equal(one.numpy(), two.numpy()) for one, two in pairs)


class _Keeper(keras.callbacks.Callback):
    """Keeps the first batches of a call.

    Args:
        use: where they are kept.
    """

    def __init__(self, use: Use) -> None:
        super().__init__()
        self._use, self._tap, self._function = use, Tap("test"), None
        use.is_whole = False

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Prepare to copy a batch of `evaluate`."""
        with contextlib.suppress(Exception):
            if batch < BATCHES:
                self._tap.put_on(self.model)

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep a batch of `evaluate`."""
        with contextlib.suppress(Exception):
            self._tap.take_off()
            if batch < BATCHES and (read := self._tap.read()) is not None:
                _keep(self._use, read[0])

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Restore the network's own function."""
        self._tap.take_off()
        self._tap.release()

    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep a batch of `predict`, when the network's own function gets it."""
        function, self._function = self._function, None
        if batch < BATCHES and function is None:
            self._function = self.model.predict_function
            self.model.predict_function = self._predict
        elif function is not None:
            self.model.predict_function = function

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Restore the network's own function."""
        if self._function is not None:
            self.model.predict_function, self._function = self._function, None

    def _predict(self, data: Any) -> Any:
        """Keep a batch, restore the network's own function and call it."""
        function, self._function = self._function, None
        assert function is not None
        self.model.predict_function = function
        with contextlib.suppress(Exception):
            for part in data if isinstance(data, list) else [data]:
                x, _, _ = keras.utils.unpack_x_y_sample_weight(part)
                if isinstance(x, tf.Tensor | np.ndarray):
                    _keep(self._use, x)
        return function(data)


def _keep(use: Use, inputs: Any) -> None:
    """Keep rows of a call, as many as are allowed."""
    try:
        rows = np.asarray(inputs)
    except (ValueError, TypeError):  # several inputs
        return
    if rows.ndim < PAIR or not len(rows) or rows.dtype.kind not in "biuf":
        return
    kept = sum(len(part) for part in use.inputs)
    most = min(MAX_ROWS, max(1, MAX_BYTES // max(1, rows[0].nbytes))) - kept
    use.is_whole = use.is_whole and len(rows) <= most
    if most > 0:
        use.inputs.append(np.array(rows[:most], np.float32))
