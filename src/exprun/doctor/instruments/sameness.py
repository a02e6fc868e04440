"""Tells whether two fits get the same data."""

import hashlib
import inspect
import weakref
from typing import Any

import numpy as np

ROWS = 64  # first rows by which arrays are compared


class _Thing:
    """An object that is recognised as such, as long as it exists.

    Args:
        thing: the object.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, thing: Any) -> None:
        self._reference = weakref.ref(thing)

    def __eq__(self, other: object) -> bool:
        thing = self._reference()
        return isinstance(other, _Thing) and thing is not None and thing is other._reference()


class _Generator(_Thing):
    """A generator that is recognised by its function and its arguments, because a loop may make it again.

    Args:
        generator: the generator; one that has begun is recognised as an object only.
    """

    __hash__ = None

    def __init__(self, generator: Any) -> None:
        super().__init__(generator)
        self._made: tuple[Any, ...] | None = None
        if inspect.getgeneratorstate(generator) == inspect.GEN_CREATED:
            marks = {name: _marked(value) for name, value in generator.gi_frame.f_locals.items()}
            self._made = None if None in marks.values() else (generator.gi_code, marks)

    def __eq__(self, other: object) -> bool:
        if super().__eq__(other):
            return True
        return isinstance(other, _Generator) and self._made is not None and self._made == other._made


def mark_of(*data: Any) -> tuple[Any, ...] | None:
    """A mark of the data of a fit, which is equal for the same data; None if the data cannot be recognised.

    Arrays are recognised by their size and their first rows, and generators by their function and its arguments,
    because a script may make them again; data sets are recognised as objects.

    Args:
        *data: the inputs and the labels, as `fit` takes them; labels are None for data sets.
    """
    if not data or data[0] is None:
        return None
    marks = tuple(_marked(part) for part in data)
    return None if any(mark is None for mark in marks) else marks


def _marked(part: Any) -> Any:
    if part is None:
        return ()
    if isinstance(part, int | float | str):
        return (part,)
    if isinstance(part, dict):
        return mark_of(*part.values())
    if isinstance(part, list | tuple) and part and getattr(part[0], "shape", ()):
        return mark_of(*part)
    try:
        if hasattr(part, "__array__") or isinstance(part, list | tuple):
            rows = np.ascontiguousarray(np.asarray(part[:ROWS]))
            return None if rows.dtype.hasobject else (len(part), rows.shape, hashlib.blake2b(rows.tobytes()).digest())
        return _Generator(part) if inspect.isgenerator(part) else _Thing(part)
    except Exception:  # whatever a person's own data set does
        return None
