"""What a script does with a network after its training."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Call = Literal["evaluate", "predict", "predict_on_batch", "test_on_batch", "call"]


@dataclass
class Use:
    """Calls of a trained network by one line of a script.

    Args:
        call: which method is called; `call` if the network itself is.
        file: the path of the file, as Python knows it.
        line: the number of the line, from 1.
        is_shuffled: whether the inputs come from a pipeline that draws their order anew each time.
        inputs: inputs of the calls, each (images, …).
        is_whole: whether `inputs` are those of all calls.
        is_training: whether the network was called in training mode.
        takes_largest_of_one: whether the script takes the place of the largest output of a network that has only one.
    """

    call: Call
    file: str
    line: int
    is_shuffled: bool = False
    inputs: list[np.ndarray] = field(default_factory=list)
    is_whole: bool = True
    is_training: bool = False
    takes_largest_of_one: bool = False

    @property
    def name(self) -> str:
        """The calls, for messages."""
        return f"{'the call' if self.call == 'call' else self.call} in line {self.line}"

    @property
    def rows(self) -> np.ndarray | None:
        """All kept inputs, (images, …); None if there are none, or if their shapes differ."""
        if len({part.shape[1:] for part in self.inputs}) != 1:
            return None
        return np.concatenate(self.inputs)
