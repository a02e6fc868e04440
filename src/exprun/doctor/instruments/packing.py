"""Several inputs of a network as one array, in which most checks and experiments can work as with one input."""

import math
import weakref
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from exprun.doctor.instruments.inputs import mapped, parts

_packings: "weakref.WeakKeyDictionary[Any, Packing]" = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Packing:
    """How several inputs lie side by side in one array, (rows, values).

    Args:
        like: the structure of the inputs in dictionaries, lists and tuples, with a shape and a type for each.
    """

    like: Any

    @property
    def leaves(self) -> "list[_Leaf]":
        """The inputs, in the order in which they lie side by side."""
        return [cast(_Leaf, leaf) for _, leaf in parts(self.like)]

    @property
    def values(self) -> int:
        """The number of values in a row."""
        return sum(leaf.size for leaf in self.leaves)

    def pack(self, inputs: Any) -> np.ndarray:
        """Inputs, each (rows, …), as one array, (rows, values), float32."""
        flat = [np.asarray(part, np.float32).reshape(len(part), -1) for _, part in parts(inputs)]
        return np.concatenate(flat, axis=1)

    def unpack(self, packed: Any) -> Any:
        """One array or tensor, (rows, values), as the inputs that the network takes."""
        starts = np.cumsum([0, *(leaf.size for leaf in self.leaves)])
        cut = {
            id(leaf): leaf.cut(packed[:, start : start + leaf.size])
            for start, leaf in zip(starts[:-1], self.leaves, strict=True)
        }
        return mapped(self.like, lambda leaf: cut[id(leaf)])


@dataclass(frozen=True, eq=False)
class _Leaf:
    """One of several inputs.

    Args:
        shape: its shape without the rows.
        dtype: its type.
    """

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def size(self) -> int:
        """The number of its values in a row."""
        return math.prod(self.shape)

    def cut(self, packed: Any) -> Any:
        """Its part of a packed array or tensor, (rows, size), in its own shape and type."""
        if isinstance(packed, np.ndarray):
            return packed.reshape(-1, *self.shape).astype(self.dtype)
        from keras import ops

        return ops.cast(ops.reshape(packed, (-1, *self.shape)), self.dtype.name)


def packing_for(inputs: Any) -> Packing | None:
    """How to pack inputs, each (rows, …); None if they are not arrays of numbers with as many rows."""
    found = [part for _, part in parts(inputs)]
    if len(found) < 2 or any(not isinstance(part, np.ndarray) or part.dtype.kind not in "biuf" for part in found):
        return None
    if any(part.ndim == 0 or len(part) != len(found[0]) for part in found):
        return None
    return Packing(mapped(inputs, lambda part: _Leaf(part.shape[1:], part.dtype)))


def remember(model: Any, packing: Packing) -> None:
    """Let passes through a model take packed inputs from now on."""
    _packings[model] = packing


def packing_of(model: Any) -> Packing | None:
    """How the inputs of a model are packed; None if they are not."""
    try:
        return _packings.get(model)
    except TypeError:  # not a model of Keras
        return None


def as_taken(model: Any, inputs: Any) -> Any:
    """Inputs as a model takes them: packed ones unpacked, others as they are."""
    packing = packing_of(model)
    shape: tuple[int, ...] = tuple(getattr(inputs, "shape", ()))
    return packing.unpack(inputs) if packing is not None and len(shape) == 2 and shape[1] == packing.values else inputs
