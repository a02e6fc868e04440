"""What a training step did with the variables of a model, compared with those that are trainable."""

from dataclasses import dataclass
from typing import Literal

from exprun.doctor.instruments.layers import Layer

Fault = Literal["forgotten", "frozen", "unknown", "omitted"]


@dataclass(frozen=True)
class Trained:
    """Variables of which the training step and `layer.trainable` say different things.

    Args:
        fault: `forgotten` (trainable, but the step has not changed them and no optimiser knows them), `frozen` (not
            trainable, but the step has changed them), `unknown` (trainable, but not known to the optimiser of a step
            that has failed) or `omitted` (trainable, but not passed to the optimiser of a loop).
        count: the number of these variables, at least 1.
        layers: the layers that hold them; empty if no layer does.
        trainable: the number of variables that are trainable now.
        known: the number of variables that the optimisers were built for.
    """

    fault: Fault
    count: int
    layers: list[Layer]
    trainable: int
    known: int
