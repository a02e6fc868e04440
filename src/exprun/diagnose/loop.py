"""One loop of a script's own around `tf.GradientTape`, and the calls from which it becomes known."""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from exprun.diagnose.fit import Fit
from exprun.diagnose.repeats import Repeats
from exprun.doctor.keras.callback import MAX_KEPT

MAX_BATCHES = 256  # batches, or arguments of calls, that are kept
PENDING = 16  # calls of models and losses that are remembered until an optimiser is applied


@dataclass(frozen=True)
class Called:
    """A call of a model under a tape.

    Args:
        model: the model.
        inputs: its inputs.
        outputs: its outputs.
        traced: whether a graph was being traced.
    """

    model: Any
    inputs: Any
    outputs: Any
    traced: bool


@dataclass(frozen=True)
class Lost:
    """A call of a loss.

    Args:
        loss: the loss, as `compile` takes it.
        labels: the labels.
        outputs: the outputs of the network, or what was made of them.
        traced: whether a graph was being traced.
    """

    loss: Any
    labels: Any
    outputs: Any
    traced: bool


@dataclass
class Loop:
    """One network and the optimiser that a loop of the script's own trains it with.

    Args:
        fit: the record of the loop.
        optimizer: the optimiser.
        function: the `tf.function` that makes the steps; None if they are made eagerly.
        before: the number of steps that the optimiser had made before.
        batches: the inputs and labels of steps, labels None where the loss is unknown.
        calls: the arguments of calls of `function`.
        omitted: the trainable variables of the network that the optimiser does not get.
        minimised: what the first step has minimised; None if it is unknown.
        repeats: recognises the end of the first epoch.
        rows: the number of rows of the batches or arguments that were kept.
        is_full: whether no more batches are kept.
        is_replayed: whether the kept calls are being made again.
    """

    fit: Fit
    optimizer: Any
    function: Any = None
    before: int = 0
    batches: list[tuple[Any, Any]] = field(default_factory=list)
    calls: list[tuple[Any, Any]] = field(default_factory=list)
    omitted: list[Any] = field(default_factory=list)
    minimised: float | None = None
    repeats: Repeats = field(default_factory=Repeats)
    rows: int = 0
    is_full: bool = False
    is_replayed: bool = False

    def takes(self, inputs: Any) -> bool:
        """Whether to keep a batch with these inputs: not after an epoch, nor after enough rows."""
        kept = len(self.batches) + (0 if self.is_replayed else len(self.calls))
        self.is_full = self.is_full or self.rows >= MAX_KEPT or kept >= MAX_BATCHES
        if not self.is_full and np.ndim(inputs):
            self.is_full = self.repeats.begins(inputs)
            self.rows += np.shape(inputs)[0]
        return not self.is_full


class State(threading.local):
    """What is going on in a thread."""

    def __init__(self) -> None:
        self.depth = 0  # models that are being called, one inside the other
        self.in_loss = False
        self.calls: deque[Called] = deque(maxlen=PENDING)
        self.losses: deque[Lost] = deque(maxlen=PENDING)
        self.minimised: Any = None  # the target of the last gradient
        self.functions: list[Any] = []  # the functions of TensorFlow that are being called
        self.is_busy = False  # whether Keras or the doctor trains

    def forget(self) -> None:
        """Forget the calls that belong to a step that is done."""
        self.calls.clear()
        self.losses.clear()

    def forget_traced(self) -> None:
        """Forget the calls of a graph whose tracing is over."""
        self.calls = deque([one for one in self.calls if not one.traced], PENDING)
        self.losses = deque([one for one in self.losses if not one.traced], PENDING)


def copied(part: Any) -> Any:
    """A copy of an array; anything else as it is."""
    return np.array(part) if isinstance(part, np.ndarray) else part


def form(pair: tuple[Any, Any]) -> Any:
    """The shapes of a batch without the number of rows; one of its own if it cannot be joined with others."""
    if any(part is not None and not isinstance(part, np.ndarray) for part in pair):
        return object()
    return tuple(None if part is None else part.shape[1:] for part in pair)
