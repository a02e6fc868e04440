"""What the loop tells those who listen. Plain values only: no tensor, no variable."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class RunStarted:
    """Everything is built; the first step comes next."""

    device: str
    precision: str
    parameters: int
    steps_per_epoch: int
    total_steps: int
    first_step: int
    data_fingerprint: str
    weights_fingerprint: str = ""  # SHA-256 of the file of `model.weights`
    computing: dict[str, str] = field(default_factory=dict)  # threads, cores, oneDNN, instructions


@dataclass(frozen=True)
class StepsDone:
    """Some steps are done.

    Args:
        step: the optimiser's step after them.
        epoch: epochs done, with fraction.
        losses: training loss of each step, float32, (steps,).
        accuracies: share of the batch classified right, float32, (steps,).
        rates: learning rate of each step, float32, (steps,).
        images_per_second: over these steps; None while the first call compiles.
        waiting: share of the time in which the step waited for images.
    """

    step: int
    epoch: float
    losses: np.ndarray
    accuracies: np.ndarray
    rates: np.ndarray
    images_per_second: float | None
    waiting: float = 0.0


@dataclass(frozen=True)
class Evaluated:
    """A split was measured.

    Args:
        split: `val` or `test`.
        step: the optimiser's step.
        epoch: epochs done.
        loss: mean cross-entropy over the split.
        accuracy: share classified right.
        best: whether the selection rates these weights best so far.
        predictions: class of each image, (images,), for the final measurement only.
        more: means of further figures, by their names.
    """

    split: str
    step: int
    epoch: float
    loss: float
    accuracy: float
    best: bool = False
    predictions: np.ndarray | None = None
    more: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StepPart:
    """A layer, or what is around the network: processor time in milliseconds a step, summed over all threads."""

    name: str
    forward: float
    backward: float


@dataclass(frozen=True)
class Profiled:
    """Where the time of some steps went.

    Args:
        folder: with TensorBoard's files.
        steps: that were watched.
        milliseconds: of a step, from start to end.
        parts: the longest first.
    """

    folder: str
    steps: int
    milliseconds: float
    parts: list[StepPart]


@dataclass(frozen=True)
class Measured:
    """Further figures, by the names they have in MLflow."""

    step: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class EpochDone:
    """An epoch of training is done, or as much of the last one as the run takes: exact means over its steps.

    Args:
        step: the optimiser's step.
        epoch: epochs done, with a fraction where the run ended within one.
        loss: mean training loss.
        accuracy: share of the images classified right while training.
        images_per_second: of training so far; 0 where there was only the call that compiles.
        seconds: of training and evaluation so far.
    """

    step: int
    epoch: float
    loss: float
    accuracy: float
    images_per_second: float
    seconds: float


@dataclass(frozen=True)
class Diagnosed:
    """Somebody who watches has found a reason why the network does not learn.

    Args:
        cause: its identifier.
        severity: `note`, `warning` or `error`.
        text: for a person: the numbers, why it matters, what to try.
        step: of the optimiser; None before training.
    """

    cause: str
    severity: str
    text: str
    step: int | None


@dataclass(frozen=True)
class RunEnded:
    """The run is over.

    Args:
        status: `FINISHED`, `FAILED` or `KILLED`.
        reason: why it ended where it did, empty where all epochs were done.
        metrics: final figures by the names they have in MLflow.
    """

    status: str
    reason: str
    metrics: dict[str, float] = field(default_factory=dict)


Event = RunStarted | StepsDone | Profiled | Evaluated | Measured | EpochDone | Diagnosed | RunEnded
Listener = Callable[[Event], None]
Emit = Callable[[Event], None]  # gives an event to all listeners
