"""Training examples that are at hand, and how much of them is drawn; uses only NumPy."""

import inspect
import re
from collections import Counter
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from exprun.doctor.instruments.altered import digest
from exprun.doctor.instruments.pipelines import Taken, is_pipeline, length, taken

FILE = re.compile(r"\.\w{2,5}$")  # the end of the name of a file
MAX_DEPTH = 3  # generators that a generator goes through
MAX_PARTS = 200  # values of a data set that are looked at
STARTS = 4  # first batches of an epoch that are compared with those of the next one
MAX_ROWS = 2000  # rows whose repetitions are counted
VALUES = 2000  # values of an example by which it is recognised, about
MIN_IMAGES = 6  # different images that show that others return
AGAIN = 3  # times that each example has come, on average, and epochs that begin alike, from which the same ones return
ONCE = 0.05  # share of the examples that may have come only once, as the last ones may


@dataclass(frozen=True)
class Held:
    """Examples that a data set or a generator holds, as an array or as names of files.

    Args:
        name: the name of the variable or the attribute.
        rows: the number of examples.
        shape: the shape of an example; None for names of files, () for numbers such as labels and indices.
    """

    name: str
    rows: int
    shape: tuple[int, ...] | None


@dataclass(frozen=True)
class AtHand:
    """The training examples at hand, as far as they can be counted.

    Args:
        source: what holds them, such as `the generator`.
        held: what it holds; empty if unknown.
        length: how long the pipeline is; None if it is none, or if that is unknown.
        taken: how many elements the pipeline lets through of a longer one; None for all.
    """

    source: str = ""
    held: tuple[Held, ...] = ()
    length: Taken | None = None
    taken: Taken | None = None

    def rows(self, shape: tuple[int, ...], used: int, batch: int) -> tuple[int, str] | None:
        """How many examples there are, and where; None if unknown, or if `used` are all that are meant to be used.

        Args:
            shape: the shape of an example, as the network gets it.
            used: the number of examples that were used.
            batch: the number of examples in a batch.
        """
        if self.length is not None:
            return self.length.total * (batch if self.length.are_batches else 1), self.source
        if any(abs(one.rows - used) < batch < one.rows for one in self.held):  # such as a list of the rows of training
            return None
        likely = [one for one in self.held if one.shape is None or (one.shape and prod(one.shape) == prod(shape))]
        if not likely:
            return None
        most = max(likely, key=lambda one: one.rows)
        return most.rows, f"`{most.name}` in {self.source}"


def at_hand(data: Any, *others: Any) -> AtHand | None:
    """What the data set of a fit holds, without drawing from it; None if it cannot be seen.

    Args:
        data: the data set, as `fit` gets it.
        *others: other data sets of the script, such as that of validation.
    """
    if is_pipeline(data):
        return AtHand("the pipeline", length=length(data), taken=taken(data, *others))
    if inspect.isgenerator(data):
        return AtHand("the generator", tuple(_of_generator(data)))
    if any(kind.__name__ == "PyDataset" for kind in type(data).__mro__):
        return AtHand(f"the {type(data).__name__}", tuple(_held(vars(data))))
    return None


def _of_generator(generator: Any, depth: int = 0) -> list[Held]:
    frame, code = generator.gi_frame, generator.gi_code
    if frame is None or depth > MAX_DEPTH:  # it has ended
        return []
    named = {name: frame.f_globals[name] for name in code.co_names if name in frame.f_globals}
    values = named | dict(frame.f_locals)
    inner = [part for one in values.values() if inspect.isgenerator(one) for part in _of_generator(one, depth + 1)]
    own = [vars(values["self"])] if "self" in values and hasattr(values["self"], "__dict__") else []
    return [*_held(values), *(part for one in own for part in _held(one)), *inner]


def _held(values: dict[str, Any]) -> list[Held]:
    found = []
    for name, value in list(values.items())[:MAX_PARTS]:
        shape = getattr(value, "shape", None)
        if isinstance(value, list | tuple) and value and isinstance(value[0], str | Path | int):
            is_file = not isinstance(value[0], int) and FILE.search(str(value[0])) is not None
            found += [Held(name, len(value), None if is_file else ())]
        elif isinstance(shape, tuple) and shape and all(isinstance(side, int) for side in shape):
            is_file = len(shape) == 1 and shape[0] > 0 and _is_file(value)
            found += [Held(name, shape[0], None if is_file else shape[1:])]
    return found


def _is_file(names: Any) -> bool:
    kind = getattr(getattr(names, "dtype", None), "kind", "")
    return kind in "OU" and kind != "" and FILE.search(str(names[0])) is not None


@dataclass
class Drawn:
    """The batches that were drawn, as far as they were seen.

    Args:
        rows: how often each example has come, by its digest, among the first examples seen.
        starts: the digests of the first batches of each epoch.
    """

    rows: Counter[bytes] = field(default_factory=Counter)
    starts: list[list[bytes]] = field(default_factory=list)

    def take(self, inputs: np.ndarray, batch: int) -> None:
        """Record a batch.

        Args:
            inputs: the batch, (images, …).
            batch: the number of the batch in its epoch, from 0.
        """
        flat = inputs.reshape(len(inputs), -1)
        some = np.ascontiguousarray(flat[:, :: max(1, flat.shape[1] // VALUES)])
        if not self.is_full:
            self.rows.update(digest(row) for row in some)
        if batch == 0:
            self.starts.append([])
        if batch < STARTS and self.starts and len(self.starts[-1]) == batch:
            self.starts[-1].append(digest(some))

    @property
    def is_full(self) -> bool:
        """Whether so many examples were recorded that no more are needed."""
        return self.rows.total() >= MAX_ROWS

    @property
    def alike(self) -> int:
        """The number of latest epochs that begin with the same batches, which have several examples."""
        if not self.starts or not self.starts[-1] or len(self.rows) < MIN_IMAGES:
            return 0
        first = self.starts[-1]
        return next((n for n, one in enumerate(reversed(self.starts)) if one != first), len(self.starts))

    @property
    def returning(self) -> int | None:
        """The number of different examples, if all of them have come again and again; None otherwise."""
        count, once = len(self.rows), sum(times == 1 for times in self.rows.values())
        returns = count >= MIN_IMAGES and self.rows.total() >= AGAIN * count and once <= ONCE * count
        return count if returns else None
