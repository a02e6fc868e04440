"""The state that a pass through a model may change, and how the doctor restores it."""

import contextlib
import copy
import dis
import functools
import itertools
import random
import threading
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state
from tensorflow.python.framework import random_seed
from tensorflow.python.ops import stateful_random_ops

SEED = 20_271_119  # seed of the doctor's operations: an unusual one, so that no other operation shares their state
MAX_OBJECTS = 5000  # objects that are searched for random generators
LIBRARIES = frozenset({"keras", "tensorflow", "numpy", "pandas", "builtins", "exprun"})  # not searched
# Attributes in which wrappers keep the wrapped function.
WRAPPED = ("python_function", "fn", "func", "fget", "__func__", "__wrapped__")
KERAS_SEEDS, KERAS_NAMES = "global_seed_generator", "object_name_uids"
ASSIGNING = (keras.layers.SpectralNormalization, keras.layers.Lambda)
_inside = threading.local()
_one_at_a_time = threading.RLock()  # replaced functions of modules are replaced for all threads


@contextlib.contextmanager
def undrawn() -> Iterator[None]:
    """Keep the random states of the process unchanged while this thread draws random numbers.

    In this thread, Python's and NumPy's global generators, and TensorFlow operations that count their seeds, draw from
    copies. Other threads, such as that of an input pipeline, draw as usual. Keras' generator and TensorFlow's are
    restored.
    """
    if getattr(_inside, "undrawn", False):
        yield
        return
    _inside.undrawn = True
    try:
        with _one_at_a_time, _drawing_from_copies(), _seeds_of_its_own(), _keras_seeds(), _tensorflow_generator():
            yield
    finally:
        _inside.undrawn = False


def is_undrawn() -> bool:
    """Whether this thread is inside `undrawn`, as passes and trials of the doctor are."""
    return getattr(_inside, "undrawn", False)


@contextlib.contextmanager
def unchanged(model: Any) -> Iterator[None]:
    """Restore a model afterwards: weights, moving averages, metrics and random states, custom code included."""
    if getattr(_inside, "unchanged", None) is model:
        yield
        return
    layers = model._flatten_layers(include_self=True)
    losses = [(layer, list(layer._losses), set(layer._loss_ids)) for layer in layers]
    custom = [layer for layer in layers if _root(type(layer)) not in LIBRARIES]
    held = [*_Search([*custom, getattr(model, "loss", None), *_lambdas(layers)])]
    # Only custom code and these layers assign to weights; otherwise weights are not copied, which saves memory.
    assigned = bool(custom) or any(isinstance(layer, ASSIGNING) for layer in layers)
    variables = _variables(model, held, assigned)
    values = [(v, tf.identity(v.value if isinstance(v, keras.Variable) else v)) for v in variables]
    states = [(generator, copy.deepcopy(_state(generator))) for generator in held if not _is_variable(generator)]
    outer, _inside.unchanged = getattr(_inside, "unchanged", None), model
    try:
        with undrawn(), _without_traces(bool(custom)):
            yield
    finally:
        _inside.unchanged = outer
        for variable, value in values:
            variable.assign(value)
        for generator, state in states:
            _set_state(generator, state)
        for layer, kept, ids in losses:
            layer._losses[:] = kept
            layer._loss_ids.clear()
            layer._loss_ids.update(ids)


@contextlib.contextmanager
def _drawing_from_copies() -> Iterator[None]:
    this_thread, replaced = threading.get_ident(), []
    for module in (random, np.random):
        owner = module.random.__self__
        copied = functools.cache(functools.partial(_copy_of, owner))  # copied only if it is used
        for name, value in list(vars(module).items()):
            if name == "seed" or getattr(value, "__self__", None) is owner:
                replaced.append((module, name, value))
                setattr(module, name, _by_thread(this_thread, functools.partial(_drawn, copied, name), value))
    try:
        yield
    finally:
        for module, name, value in replaced:
            setattr(module, name, value)


def _copy_of(owner: random.Random | np.random.RandomState) -> Any:
    if isinstance(owner, np.random.RandomState):
        return np.random.RandomState(copy.deepcopy(owner._bit_generator))
    copied = random.Random()
    copied.setstate(owner.getstate())
    return copied


def _by_thread(thread: int, copied: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    def drawn(*args: Any, **kwargs: Any) -> Any:
        return (copied if threading.get_ident() == thread else original)(*args, **kwargs)

    return drawn


def _drawn(copied: Callable[[], Any], name: str, *args: Any, **kwargs: Any) -> Any:
    return getattr(copied(), name)(*args, **kwargs)


@contextlib.contextmanager
def _seeds_of_its_own() -> Iterator[None]:
    """Give operations other seeds: operations with the same seeds share a state that cannot be restored."""
    numbers, original = itertools.count(1), random_seed.get_seed

    def get_seed(op_seed: int | None) -> tuple[int, int]:
        return SEED, next(numbers) if op_seed is None else op_seed

    random_seed.get_seed = _by_thread(threading.get_ident(), get_seed, original)
    try:
        yield
    finally:
        random_seed.get_seed = original


@contextlib.contextmanager
def _keras_seeds() -> Iterator[None]:
    generator, names = (global_state.get_global_attribute(name) for name in (KERAS_SEEDS, KERAS_NAMES))
    state, counts = None if generator is None else tf.identity(generator.state.value), copy.copy(names)
    try:
        yield
    finally:
        global_state.set_global_attribute(KERAS_SEEDS, generator)
        global_state.set_global_attribute(KERAS_NAMES, counts)
        if generator is not None:
            generator.state.assign(state)


@contextlib.contextmanager
def _tensorflow_generator() -> Iterator[None]:
    generator = stateful_random_ops.global_generator
    state = None if generator is None else tf.identity(generator.state)
    try:
        yield
    finally:
        stateful_random_ops.global_generator = generator
        if generator is not None:
            generator.state.assign(state)


@contextlib.contextmanager
def _without_traces(custom_code: bool) -> Iterator[None]:
    """Call functions of custom code eagerly: a `tf.function` would keep its first trace and its random states."""
    eagerly = tf.config.functions_run_eagerly()
    if custom_code:
        tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        if custom_code:
            tf.config.run_functions_eagerly(eagerly)


def _variables(model: Any, held: list[Any], weights: bool) -> list[Any]:
    """The variables that a call in training mode, or a custom loss, may assign to; weights only if `weights`."""
    metrics = [v for metric in getattr(model, "metrics", []) for v in metric.variables]
    found = {id(v): v for v in [*(model.variables if weights else model.non_trainable_variables), *metrics]}
    for layer in model._flatten_layers(include_self=True):
        for value in vars(layer).values():
            for item in value if isinstance(value, list | tuple) else (value, getattr(value, "seed", None)):
                state = item.state if isinstance(item, keras.random.SeedGenerator) else item
                if isinstance(state, keras.Variable):  # such as the state of a stateful layer
                    found[id(state)] = state
    known = {id(v.value) for v in found.values()} | {id(getattr(v, "_value", None)) for v in found.values()}
    return [*found.values(), *(v for v in held if _is_variable(v) and id(v) not in known and id(v) not in found)]


def _is_variable(value: Any) -> bool:
    return isinstance(value, tf.Variable | keras.Variable)


def _state(generator: Any) -> Any:
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.getstate() if isinstance(generator, random.Random) else generator.get_state()


def _set_state(generator: Any, state: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, random.Random):
        generator.setstate(state)
    else:
        generator.set_state(state)


def _root(kind: Any) -> str:
    return str(getattr(kind, "__module__", None) or "builtins").split(".")[0]


def _lambdas(found: list[Any]) -> list[Any]:
    return [layer.function for layer in found if isinstance(layer, keras.layers.Lambda)]


class _Search:
    """Variables and random generators that the user's own objects hold, or that their code refers to.

    Args:
        objects: the objects to start from: layers, functions, and the loss of the model.
    """

    def __init__(self, objects: list[Any]) -> None:
        self.waiting = list(objects)

    def __iter__(self) -> Iterator[Any]:
        seen: dict[int, Any] = {}
        while self.waiting and len(seen) < MAX_OBJECTS:
            value = self.waiting.pop()
            if id(value) in seen:
                continue
            seen[id(value)] = value
            if _is_variable(value) or isinstance(value, np.random.Generator | np.random.RandomState | random.Random):
                yield value
            elif isinstance(value, tf.random.Generator | keras.random.SeedGenerator):
                yield value.state
            else:
                self.waiting += self._parts(value)

    def _parts(self, value: Any) -> list[Any]:
        if isinstance(value, dict):
            return list(value.values())[:MAX_OBJECTS]
        if isinstance(value, list | tuple | set):
            return list(value)[:MAX_OBJECTS]
        if isinstance(value, FunctionType):
            return [] if _root(value) in LIBRARIES else self._mentioned(value)
        bound = getattr(value, "__self__", None)
        if bound is not None and not isinstance(bound, ModuleType):  # a method, or `from random import randint`
            return [bound, getattr(value, "__func__", None)]
        if isinstance(value, functools.partial):
            return [value.func, *value.args, *value.keywords.values()]
        if isinstance(value, type | ModuleType) or not hasattr(value, "__dict__"):
            return []
        if _root(type(value)) in LIBRARIES and not isinstance(value, keras.Layer):
            return [getattr(value, name, None) for name in WRAPPED]
        own = [vars(kind).values() for kind in type(value).__mro__ if _root(kind) not in LIBRARIES]
        return [*vars(value).values(), *(part for parts in own for part in parts)]

    def _mentioned(self, function: FunctionType) -> list[Any]:
        """The objects that the code of a function refers to: cells around it, and objects of its module."""
        cells = []
        for cell in function.__closure__ or ():
            with contextlib.suppress(ValueError):  # a cell that is not filled yet
                cells.append(cell.cell_contents)
        names = _globals_of(function.__code__)
        return [*cells, *(function.__globals__[name] for name in names if name in function.__globals__)]


@functools.cache
def _globals_of(code: CodeType) -> frozenset[str]:
    """The names of globals that code loads, including the functions defined inside it."""
    names = {op.argval for op in dis.get_instructions(code) if op.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    inner = [_globals_of(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return frozenset(names).union(*inner)
