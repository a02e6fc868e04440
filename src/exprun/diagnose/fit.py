"""One training that a script has started, with its line and its arrays."""

import linecache
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Place:
    """A line of the script.

    Args:
        file: the path of the file, relative to the folder in which the script was started.
        line: the number of the line, from 1.
        path: the absolute path of the file.
    """

    file: str
    line: int
    path: str

    @property
    def source(self) -> str:
        """The text of the line."""
        return linecache.getline(self.path, self.line).strip()

    def __str__(self) -> str:
        """The line as a terminal links it."""
        return f"{self.file}:{self.line}"


@dataclass
class Fit:
    """One training of a network.

    Args:
        model: the Keras model.
        place: the line that starts the training; None if it is not in the script.
        arguments: the arguments of `fit`, by name.
        doctor: the callback that watches it; None if the fit cannot be watched.
        initial: the values of the model's variables before the training.
        steps: the number of steps done.
        ended: why the training was ended early; empty if it was not.
    """

    model: Any
    place: Place | None
    arguments: dict[str, Any]
    doctor: Any = None
    initial: list[np.ndarray] = field(default_factory=list)
    steps: int = 0
    ended: str = ""


def arrays_of(arguments: dict[str, Any]) -> tuple[tuple[Any, Any] | None, tuple[Any, Any] | None]:
    """The training and validation arrays that are passed to `fit`; None where it gets batches or several inputs."""
    train, validation = _pair((arguments.get("x"), arguments.get("y"))), _pair(arguments.get("validation_data"))
    share = arguments.get("validation_split") or 0.0
    if train is not None and share and validation is None:
        x, y = train
        at = math.floor(len(x) * (1 - share))
        return (x[:at], y[:at]), (x[at:], y[at:])
    return train, validation


def _pair(data: Any) -> tuple[Any, Any] | None:
    """Inputs and labels as arrays, if they are arrays of numbers with as many rows; otherwise None."""
    if not isinstance(data, list | tuple) or len(data) < 2 or any(part is None for part in data[:2]):
        return None
    if isinstance(data[0], dict | tuple) or isinstance(data[1], dict | tuple):
        return None
    try:
        x, y = (np.asarray(part) for part in data[:2])
    except (ValueError, TypeError):
        return None
    same = x.ndim > 0 and y.ndim > 0 and len(x) == len(y) > 0
    return (x, y) if same and x.dtype.kind in "biuf" and y.dtype.kind in "biuf" else None
