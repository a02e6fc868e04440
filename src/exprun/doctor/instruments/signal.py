"""How much the differences between images grow or fade from the input of a network to its last layer."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from exprun.doctor.instruments.inputs import parts
from exprun.doctor.instruments.passes import Call, Pass, spread


@dataclass(frozen=True)
class Signal:
    """The differences between images at the ends of a network, each as a standard deviation over images.

    Args:
        calls: the calls of layers with a matrix of weights, in order; at least two.
        at_input: the differences at the input of the first of these layers, or in the input that differs most.
        at_last: the differences at the input of the last of these layers.
        at_output: the differences of the outputs.
    """

    calls: list[Call]
    at_input: float
    at_last: float
    at_output: float

    @property
    def ratio(self) -> float:
        """How many times as large the differences have become before the last layer."""
        return self.at_last / self.at_input

    @property
    def numbers(self) -> dict[str, float]:
        """The numbers of a finding about the signal."""
        return {"input": self.at_input, "last_hidden": self.at_last, "ratio": self.ratio, "outputs": self.at_output}


def signal_of(found: Pass, several: Any) -> Signal | None:
    """The signal of a pass; None if the network has fewer than two layers of weights, or all images are the same.

    Args:
        found: a pass through the network.
        several: the inputs of a network with several inputs; None for a network with one input.
    """
    calls = found.weighted
    if len(calls) < 2 or not np.isfinite(found.outputs).all():
        return None
    at_input = spread(calls[0].inputs)
    if several is not None:
        at_input = max([at_input, *(spread(part) for _, part in parts(several) if part.dtype.kind == "f")])
    if at_input <= 0:
        return None
    return Signal(calls, at_input, spread(calls[-1].inputs), spread(found.outputs))
