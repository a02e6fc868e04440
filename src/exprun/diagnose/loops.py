"""Loops of a script's own around `tf.GradientTape`: which network they train, with which loss, and on what batches.

Everything is learned from calls that the script makes anyway: of models, losses, optimisers and `tf.function`s. Nothing
is added to graphs, and no number is drawn. What a `tf.function` computes inside is learned after the script has ended,
by calling it once more, eagerly, with arguments that were kept.
"""

import contextlib
import functools
import inspect
import io
import logging
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import FrameType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager.polymorphic_function.polymorphic_function import Function

from exprun.diagnose.ending import Enough
from exprun.diagnose.fit import Fit, Place
from exprun.diagnose.loop import PENDING, Called, Loop, Lost, State, copied, form
from exprun.diagnose.loss_calls import watch_losses
from exprun.diagnose.meetings import Meetings
from exprun.diagnose.raw_loss import labels_near, loss_that_gives, swapped
from exprun.diagnose.repeats import Repeats
from exprun.doctor.instruments.states import undrawn
from exprun.doctor.keras.callback import Doctor
from exprun.experiments.trials import rate_of

log = logging.getLogger(__name__)
REPLAY_SECONDS = 20.0  # time for calling a `tf.function` again
APPLYING = (".apply_gradients(", ".apply(")


class _Done(BaseException):
    """Ends the repeated call of a `tf.function` when its batch is known."""


class Loops:
    """Watches the loops of a script.

    Args:
        frame: returns the frame of the script's code that is being executed.
        at: returns a line of a file, by the path that Python knows and the number.
        added: called with each loop that is found, as a `Fit`.
        limits: returns the most steps of a loop and its latest end, as `Fit.count` takes them.
        called: called with a network, its inputs and whether it is in training mode, when it is called without a tape.
    """

    def __init__(
        self,
        frame: Callable[[], FrameType | None],
        at: Callable[[str, int], Place],
        added: Callable[[Fit], None],
        limits: Callable[[], tuple[int | None, float | None]],
        called: Callable[[Any, Any, bool], None],
    ) -> None:
        self._frame, self._at, self._added, self._limits, self._called = frame, at, added, limits, called
        self._state = State()
        self.is_on = True  # whether the script runs
        self._loops: dict[int, Loop] = {}  # by the id of the optimiser, which the loop keeps alive
        self._waiting: list[Fit] = []  # whose variables have no values yet
        self._by_hand: dict[int, tuple[Any, Place | None]] = {}  # models whose gradients were computed, by id
        self._replayed: Loop | None = None
        self._meetings = Meetings(lambda: [called.outputs for called in self._state.calls])
        self._optimizers: set[int] = set()  # ids of the optimisers of all loops, while these are examined
        self._ends = 0.0
        self._watch_models()
        watch_losses(self._state, lambda: self._sees)
        self._watch_tapes()
        self._watch_optimizers()
        self._watch_functions()

    def begin(self) -> None:
        """Watch a script, or the next cell of a notebook, from its beginning."""
        self.is_on = True
        for found in (self._loops, self._waiting, self._by_hand):
            found.clear()

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """A `with` block in which Keras trains, so that optimisers and losses are not those of a loop."""
        outer, self._state.is_busy = self._state.is_busy, True
        try:
            yield
        finally:
            self._state.is_busy = outer

    def wait(self, fit: Fit) -> None:
        """Keep the first weights of a fit as soon as its variables are made."""
        self._waiting.append(fit)

    @property
    def is_idle(self) -> bool:
        """Whether the script runs, and Keras does not train."""
        return self.is_on and not self._state.is_busy

    @property
    def _sees(self) -> bool:
        return self._replayed is not None or self.is_idle

    def _watch_models(self) -> None:
        """Remember the calls of models under a tape."""
        kind = keras.Model

        @functools.wraps(keras.Layer.__call__)
        def call(model: Any, *args: Any, **kwargs: Any) -> Any:
            outer, state = super(kind, model).__call__, self._state  # type: ignore[misc]
            if state.depth or not self._sees:
                return outer(*args, **kwargs)
            state.depth += 1
            try:
                outputs = outer(*args, **kwargs)
            finally:
                state.depth -= 1
            if args and not pywrap_tfe.TFE_Py_TapeSetIsEmpty():
                state.calls.append(Called(model, args[0], outputs, not tf.executing_eagerly()))
            elif args and self._replayed is None:
                is_training = (args[1] if len(args) > 1 else kwargs.get("training")) is True
                self._safely(lambda: self._called(model, args[0], is_training))
            return outputs

        kind.__call__ = call

    def _watch_tapes(self) -> None:
        """Remember the models whose gradients are computed, which a loop may apply by itself."""
        original = tf.GradientTape.gradient

        @functools.wraps(original)
        def gradient(tape: Any, target: Any, sources: Any, *args: Any, **kwargs: Any) -> Any:
            self._state.minimised = target if self._sees else None
            if self._sees and self._replayed is None and len(self._by_hand) < PENDING:
                self._safely(lambda: self._note_gradient(sources))
            return original(tape, target, sources, *args, **kwargs)

        tf.GradientTape.gradient = gradient

    def _note_gradient(self, sources: Any) -> None:
        loops = {id(loop.fit.model) for loop in self._loops.values()}
        if all(id(called.model) in loops for called in self._state.calls):
            return
        model = self._trained(tf.nest.flatten(sources))
        if model is not None and id(model) not in loops | self._by_hand.keys():
            self._by_hand[id(model)] = model, self._place()

    def _watch_optimizers(self) -> None:
        """Learn from each application of an optimiser, which the network, the loss and the batch are."""
        original = keras.optimizers.Optimizer.apply

        @functools.wraps(original)
        def apply(optimizer: Any, grads: Any, trainable_variables: Any = None) -> Any:
            if not self._sees:
                return original(optimizer, grads, trainable_variables)
            if trainable_variables is not None:
                trainable_variables = list(trainable_variables)
            if self._replayed is not None:
                return self._keep_replayed(optimizer)
            loop = self._safely(lambda: self._loop_of(optimizer, trainable_variables))
            result = original(optimizer, grads, trainable_variables)
            if loop is not None and loop.function is None:
                self._count(loop, loop.fit.steps + 1)
            return result

        keras.optimizers.Optimizer.apply = apply

    def _watch_functions(self) -> None:
        """Keep the arguments of the calls of functions of TensorFlow that make the steps of a loop."""
        original, initialize = Function.__call__, Function._initialize_uninitialized_variables

        @functools.wraps(original)
        def call(function: Any, *args: Any, **kwargs: Any) -> Any:
            state = self._state
            if not self._sees:
                return original(function, *args, **kwargs)
            state.functions.append(function)
            try:
                result = original(function, *args, **kwargs)
            finally:
                state.functions.pop()
                if not state.functions:  # tensors of graphs need memory, and mean nothing outside
                    state.forget_traced()
            loops = [loop for loop in self._loops.values() if loop.function is function]
            if loops and not state.functions and self._replayed is None:
                self._safely(lambda: self._keep_arguments(loops, args, kwargs))
                for loop in loops:
                    self._count(loop, loop.fit.steps + 1)
            return result

        @functools.wraps(initialize)
        def initialized(function: Any, initializers: Any) -> Any:
            result = initialize(function, initializers)
            if self.is_on:
                self._waiting[:] = [fit for fit in self._waiting if not fit.keep_weights()]
            return result

        Function.__call__, Function._initialize_uninitialized_variables = call, initialized

    def _safely(self, action: Callable[[], Any]) -> Any:
        """The result of an action; None if it fails, which must not end the script."""
        try:
            return action()
        except Exception:
            return None

    def _count(self, loop: Loop, calls: int) -> None:
        """Count a call, and end the script if an option says so."""
        with contextlib.suppress(Exception):  # such as an optimiser of a person's own
            if (rate := rate_of(loop.optimizer)) is not None:
                loop.fit.rates.append(rate)
        most, ends = self._limits()
        steps = calls
        if loop.function is not None and most is not None:  # a call may make several steps
            steps = self._made(loop)
        loop.fit.count(steps, most, ends)
        if loop.fit.ended:
            raise Enough

    def _made(self, loop: Loop) -> int:
        return _iterations(loop.optimizer) - loop.before

    def _loop_of(self, optimizer: Any, variables: list[Any] | None) -> Loop:
        """The loop that an optimiser belongs to, which has kept the batch of this step."""
        loop = self._loops.get(id(optimizer))
        if loop is None and tf.executing_eagerly():
            loop = self._renewed(optimizer)
        if loop is None:
            loop = self._new(optimizer, optimizer._trainable_variables if variables is None else variables)
            self._loops[id(optimizer)] = loop
        self._by_hand.pop(id(loop.fit.model), None)
        if loop.function is None and tf.executing_eagerly():
            self._keep(loop)
            self._state.forget()
        return loop

    def _renewed(self, optimizer: Any) -> Loop | None:
        """The loop of the same line and network, which makes a new optimiser in each step; None if there is none."""
        model, place = self._state.calls[-1].model if self._state.calls else None, self._place()
        for key, loop in self._loops.items():
            same = loop.fit.model is model and loop.fit.place == place and loop.function is None
            if same and place is not None and type(loop.optimizer) is type(optimizer):
                self._loops[id(optimizer)] = self._loops.pop(key)
                loop.before = _iterations(optimizer) - self._made(loop)
                loop.optimizer = optimizer
                return loop
        return None

    def _new(self, optimizer: Any, variables: list[Any]) -> Loop:
        state = self._state
        model = self._trained(variables)
        fit = Fit(model, self._place(), {}, optimizer=optimizer)
        loop = Loop(fit, optimizer, before=_iterations(optimizer))
        self._added(fit)
        if model is None:
            several = len({id(called.model) for called in state.calls}) > 1
            fit.unwatched = (
                "it trains the weights of several networks with one optimiser"
                if several
                else "it calls no keras.Model that has the weights that the optimiser updates"
            )
            return loop
        given = {id(variable) for variable in variables}
        loop.omitted = [v for v in model.trainable_variables if id(v) not in given and id(v.value) not in given]
        for other in self._loops.values():
            other.omitted = [v for v in other.omitted if id(v) not in given and id(v.value) not in given]
            if other.fit.model is model:
                fit.unwatched = "another optimiser trains the same network"
        if not tf.executing_eagerly():
            loop.function = state.functions[0] if state.functions else None
            if loop.function is None:
                fit.unwatched = "its steps run in threads of their own"
        fit.loss = self._loss_of(model)
        with contextlib.suppress(Exception), tf.init_scope():
            fit.settings = optimizer.get_config()
        if not fit.keep_weights():
            self.wait(fit)
        return loop

    def _trained(self, variables: list[Any]) -> Any:
        """The model that has variables, among those that were called lately; None if there is none."""
        wanted = {id(variable) for variable in variables}
        for called in reversed(self._state.calls):
            own = called.model.variables
            if wanted and wanted <= {id(v) for v in own} | {id(v.value) for v in own}:
                return called.model
        return None

    def _here(self) -> Place | None:
        frame = self._frame()
        return None if frame is None else self._at(frame.f_code.co_filename, frame.f_lineno)

    def _place(self) -> Place | None:
        """The line of a loop: in a `tf.function`, that of the next application of an optimiser in its source."""
        functions = self._state.functions
        if not functions:
            return self._here()
        code = inspect.unwrap(functions[0].python_function).__code__
        try:
            lines, start = inspect.getsourcelines(code)
        except (OSError, TypeError):
            return self._here()
        numbers = [number for number, line in enumerate(lines) if any(word in line for word in APPLYING)]
        others = sum(loop.function is functions[0] for loop in self._loops.values())
        line = start + (numbers[min(others, len(numbers) - 1)] if numbers else 0)
        return self._at(code.co_filename, line)

    def _matching(self, model: Any) -> list[tuple[Called, Lost]]:
        """The calls of a model, each with the loss that got its outputs."""
        calls, losses = self._state.calls, self._state.losses
        right = [(c, one) for one in losses for c in calls if c.model is model and one.outputs is c.outputs]
        wrong = [(c, one) for one in losses for c in calls if c.model is model and one.labels is c.outputs]
        return right or [
            (c, replace(one, loss=swapped(one.loss), labels=one.outputs, outputs=one.labels)) for c, one in wrong
        ]

    def _loss_of(self, model: Any) -> Any:
        """The loss of the outputs of a model, as `compile` takes it; None if it is unknown or there are several."""
        losses = {id(lost.loss): lost.loss for _, lost in self._matching(model)}
        if len(losses) != 1:
            return None
        (loss,) = losses.values()
        return model.loss if type(loss).__name__ == "CompileLoss" else loss

    def _keep(self, loop: Loop) -> None:
        """Keep the batch of an eager step."""
        model = loop.fit.model
        if model is None or loop.is_full or loop.fit.unwatched:
            return
        pairs: list[tuple[Any, Any]] = [(called.inputs, lost.labels) for called, lost in self._matching(model)]
        if not pairs:
            calls = [called for called in self._state.calls if called.model is model]
            pairs = [(called.inputs, self._safely(lambda: self._labels_of(loop, calls))) for called in calls]
        pairs = [(tf.nest.map_structure(np.array, x), None if y is None else np.array(y)) for x, y in pairs]
        if len(pairs) > 1 and len({form(pair) for pair in pairs}) == 1:  # parts of one step, such as real and false
            inputs, labels = zip(*pairs, strict=True)
            pairs = [(np.concatenate(inputs), None if labels[0] is None else np.concatenate(labels))]
        for inputs, labels in pairs:
            if loop.takes(tf.nest.flatten(inputs)[0]):
                loop.batches.append((inputs, labels))

    def _labels_of(self, loop: Loop, calls: list[Called]) -> np.ndarray | None:
        """The labels of an eager step whose loss is computed by operations of its own; None if they are unknown."""
        if len(calls) != 1:
            return None
        (called,) = calls
        near = labels_near(self._frame(), called.inputs, called.outputs)
        candidates = [*(() if near is None else (near,)), *map(np.asarray, self._meetings.of(called.outputs))]
        if not candidates:
            return None
        if np.ndim(self._state.minimised) != 0:
            return candidates[0]
        number, outputs = float(self._state.minimised), np.asarray(called.outputs)
        losses = [loss_that_gives(number, labels, outputs) for labels in candidates]
        place = next((place for place, loss in enumerate(losses) if loss is not None), 0)
        if not loop.batches:
            loop.minimised, loop.fit.loss = number, loop.fit.loss or losses[place]
        return candidates[place]

    def _keep_replayed(self, optimizer: Any) -> None:
        """Keep the batch of a repeated step, whose optimiser is not applied."""
        loop = self._replayed
        assert loop is not None
        if optimizer is not loop.optimizer and id(optimizer) in self._optimizers:
            return
        self._rename(loop.fit.model)
        loop.fit.loss = loop.fit.loss or self._loss_of(loop.fit.model)
        self._keep(loop)
        self._state.forget()
        self._meetings.forget()
        if len(loop.calls) > 1 or loop.is_full or time.monotonic() > self._ends:
            raise _Done

    def _rename(self, trained: Any) -> None:
        """Take calls of another network of the same form for calls of the one that was trained.

        The script may have given its name to a network into which it has loaded the weights.
        """
        calls = self._state.calls
        others = {id(called.model): called.model for called in calls}
        if len(others) == 1 and id(trained) not in others and _form(*others.values()) == _form(trained):
            self._state.calls = deque([replace(called, model=trained) for called in calls], PENDING)

    def _keep_arguments(self, loops: list[Loop], args: Any, kwargs: Any) -> None:
        arrays = [part for part in tf.nest.flatten((args, kwargs)) if isinstance(part, tf.Tensor | np.ndarray)]
        for loop in loops:
            if not loop.fit.unwatched and loop.takes(arrays[0] if arrays else None):
                loop.calls.append(tf.nest.map_structure(copied, (args, kwargs)))

    def finish(self) -> None:
        """Stop watching, count the steps, and describe the loops that could not be watched."""
        self.is_on = False
        for loop in self._loops.values():
            loop.fit.steps = self._safely(functools.partial(self._made, loop)) or loop.fit.steps
        for model, place in self._by_hand.values():
            fit = Fit(model, place, {}, unwatched="it changes the weights without an optimiser of Keras")
            self._added(fit)
        self._by_hand.clear()

    def examine(self) -> None:
        """Examine the networks of all loops with their first weights, and forget the loops."""
        loops, self._optimizers, self._loops = list(self._loops.values()), set(self._loops), {}
        for loop in loops:
            if loop.fit.unwatched:
                continue
            try:
                self._examine(loop)
            except Exception as error:
                log.info("A loop could not be examined", exc_info=True)
                loop.fit.unwatched = f"the doctor fails on its network ({type(error).__name__})"

    def _examine(self, loop: Loop) -> None:
        fit = loop.fit
        if len(fit.initial) != len(fit.model.variables):
            fit.unwatched = "the first weights of its network are not known"
            return
        with self.busy(), fit.first_weights():
            if loop.function is not None:
                self._replay(loop)
            if not loop.batches:
                fit.unwatched = fit.unwatched or "the batches of its network are not known"
                return
            fit.unwatched = ""
            with fit.compiled():
                fit.doctor = Doctor(report=lambda text: None)  # the report at the end is soon enough
                fit.doctor.examine(fit.model, loop.batches, loop.minimised, fit.rates, fit.steps)
                if loop.omitted:
                    fit.doctor.examine_omitted(loop.omitted)
        fit.doctor.examine_end()

    def _replay(self, loop: Loop) -> None:
        """Call a `tf.function` again, eagerly, to see the batches that it passes to the network and the loss."""
        calls, loop.is_full, loop.rows, loop.repeats = list(loop.calls), False, 0, Repeats()
        loop.is_replayed = True
        eagerly = tf.config.functions_run_eagerly()
        self._replayed, self._ends = loop, time.monotonic() + REPLAY_SECONDS
        try:
            tf.config.run_functions_eagerly(True)
            for args, kwargs in calls:
                with undrawn(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                    warnings.simplefilter("ignore")
                    with contextlib.suppress(_Done), self._meetings.seen():
                        loop.function(*args, **kwargs)
                if loop.is_full or time.monotonic() > self._ends:
                    break
        except Exception as error:
            loop.fit.unwatched = f"its tf.function cannot be called again ({type(error).__name__})"
        finally:
            self._replayed = None
            tf.config.run_functions_eagerly(eagerly)


def _form(model: Any) -> list[tuple[int, ...]]:
    return [tuple(variable.shape) for variable in model.variables]


def _iterations(optimizer: Any) -> int:
    with tf.init_scope():
        return int(optimizer.iterations.numpy())
