"""The inputs of a network: one array, or several in dictionaries, lists and tuples."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


def first_rows(inputs: Any, count: int | None) -> Any:
    """The first examples of inputs, in the same structure; all of them if `count` is None."""
    return mapped(inputs, lambda part: part[:count])


def mapped(inputs: Any, function: Callable[[Any], Any]) -> Any:
    """The results of a function for each of several inputs, in the same dictionaries, lists and tuples."""
    if isinstance(inputs, dict):
        return {name: mapped(part, function) for name, part in inputs.items()}
    if isinstance(inputs, list | tuple):
        results = [mapped(part, function) for part in inputs]
        return type(inputs)(*results) if hasattr(inputs, "_fields") else type(inputs)(results)  # named tuples take each
    return function(inputs)


def parts(inputs: Any, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of inputs, each with its key or its number, in the order in which Keras flattens them."""
    match inputs:
        case dict():
            for key in sorted(inputs):
                yield from parts(inputs[key], str(key))
        case list() | tuple():
            for number, part in enumerate(inputs):
                yield from parts(part, str(number))
        case _:
            yield name, inputs
