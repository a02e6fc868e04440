"""The labels of a step as the operations of its loss get them, where no variable of the script has them."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.op_callbacks import add_op_callback, remove_op_callback

MEETING = {"Sub", "SquaredDifference", "Mul"}  # operations of losses in which outputs meet their labels
SHAPING = {"Cast", "Reshape", "Squeeze", "ExpandDims", "Identity", "ClipByValue", "Maximum", "Minimum", "Log", "Square"}
MAX_FOLLOWED = 256  # tensors made of outputs that are remembered


class Meetings:
    """Remembers what meets the outputs of networks in operations that run eagerly.

    Args:
        outputs: returns the outputs of the networks that were called lately.
    """

    def __init__(self, outputs: Callable[[], list[Any]]) -> None:
        self._outputs = outputs
        self._followed: list[tuple[Any, Any]] = []  # tensors made of outputs, each with these outputs
        self._met: list[tuple[Any, Any]] = []  # outputs, each with something that has met them

    @contextlib.contextmanager
    def seen(self) -> Iterator[None]:
        """A `with` block in which operations are seen."""
        add_op_callback(self._ran)
        try:
            yield
        finally:
            remove_op_callback(self._ran)
            self.forget()

    def forget(self) -> None:
        """Forget the tensors of a step that is done."""
        self._followed.clear()
        self._met.clear()

    def of(self, outputs: Any) -> list[Any]:
        """The tensors that have met the outputs of a network, with as many rows, in the order of the operations."""
        return [other for met, other in self._met if met is outputs]

    def _ran(
        self, name: str | bytes, inputs: Any, attributes: Any, results: Any, node: Any = None, graph: Any = None
    ) -> None:
        kind = name.decode() if isinstance(name, bytes) else name
        if graph is not None or kind not in MEETING | SHAPING:
            return
        sources = [self._source(part) for part in inputs]
        places = [place for place, source in enumerate(sources) if source is not None]
        if len(places) != 1 or len(self._followed) >= MAX_FOLLOWED:
            return
        source = sources[places[0]]
        others = [part for part in inputs if part is not inputs[places[0]] and _rows(part) == _rows(source)]
        if kind in MEETING and others and len(inputs) > 1:
            self._met.append((source, others[0]))
        elif kind in SHAPING or all(part.shape.rank == 0 for part in inputs if part is not inputs[places[0]]):
            self._followed.append((results[0], source))  # such as 1 - outputs

    def _source(self, tensor: Any) -> Any:
        """The outputs of a network that a tensor is, or is made of; None if it is neither."""
        for outputs in self._outputs():
            if tensor is outputs:
                return outputs
        return next((outputs for made, outputs in self._followed if tensor is made), None)


def _rows(tensor: Any) -> int | None:
    """The length of the first axis of a tensor; None without one."""
    return int(tensor.shape[0]) if isinstance(tensor, tf.Tensor) and tensor.shape.rank else None
