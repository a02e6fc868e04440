"""The events of a run, which its listeners receive; they hold plain values only, no tensors or variables."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class RunStarted:
    """The model, the data set and the compiled step are ready; the first training step comes next.

    Args:
        device: the name of the devices.
        precision: the precision of the computation.
        parameters: the number of parameters of the model.
        steps_per_epoch: the number of steps in an epoch.
        total_steps: the number of steps of the whole run.
        first_step: the number of steps that were done before, if the run is resumed.
        data_fingerprint: the SHA-256 of the images, labels and splits, in hex.
        weights_fingerprint: the SHA-256 of the file of `model.weights`, in hex; empty without one.
        teacher_fingerprint: the SHA-256 of the weights of `model.teacher`, in hex; empty without one.
        classes: the number of classes.
        val_images: the number of validation images.
        test_images: the number of test images; 0 without them.
        computing: the threads, cores, oneDNN and vector instructions of the machine, from `device.computing`.
    """

    device: str
    precision: str
    parameters: int
    steps_per_epoch: int
    total_steps: int
    first_step: int
    data_fingerprint: str
    weights_fingerprint: str = ""
    teacher_fingerprint: str = ""
    classes: int = 0
    val_images: int = 0
    test_images: int = 0
    computing: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StepsDone:
    """Some training steps are done.

    Args:
        step: the number of optimiser steps done so far.
        epoch: the number of epochs done, with a fraction.
        losses: the training loss of each step, float32, (steps,).
        accuracies: the share of the batch that is classified correctly at each step, float32, (steps,).
        rates: the learning rate of each step, float32, (steps,).
        images_per_second: the speed of these steps; None for the first call, which includes the compilation.
        waiting: the share of the time that was spent waiting for images.
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
        split: the split, `val` or `test`.
        step: the number of optimiser steps after which the weights were measured.
        epoch: the number of epochs after which the weights were measured, with a fraction.
        loss: the mean cross-entropy over the split.
        accuracy: the share of the images that are classified correctly.
        best: whether these weights are the best so far by `trainer.select`.
        more: the means of further metrics, by name.
    """

    split: str
    step: int
    epoch: float
    loss: float
    accuracy: float
    best: bool = False
    more: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Predicted:
    """The images of validation and test were measured with the selected weights.

    Args:
        step: the number of optimiser steps after which these weights were measured.
        logits: the logits of the images of each split, float32, (images, classes); the splits are `val` and `test`.
    """

    step: int
    logits: dict[str, np.ndarray]


@dataclass(frozen=True)
class StepPart:
    """The processor time of one part of a step, in milliseconds per step, summed over all threads.

    Args:
        name: the name of the part: a layer, or the rest of the step, such as `optimiser`.
        forward: the time of the forward pass.
        backward: the time of the backward pass.
    """

    name: str
    forward: float
    backward: float


@dataclass(frozen=True)
class Profiled:
    """Some steps were profiled.

    Args:
        folder: the folder with the files for TensorBoard.
        steps: the number of steps that were profiled.
        milliseconds: the mean duration of a step.
        parts: the parts of a step, the slowest first.
    """

    folder: str
    steps: int
    milliseconds: float
    parts: list[StepPart]


@dataclass(frozen=True)
class Measured:
    """Further metrics were measured.

    Args:
        step: the number of optimiser steps done.
        metrics: the metrics by their names in MLflow.
    """

    step: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class EpochDone:
    """The training of an epoch is done, or the part of the last epoch that the run trained.

    Args:
        step: the number of optimiser steps done so far.
        epoch: the number of epochs done, with a fraction if the run ended within an epoch.
        loss: the mean training loss over the steps of the epoch.
        accuracy: the share of the epoch's images that were classified correctly during training.
        images_per_second: the mean speed of the training so far; 0 if it cannot be measured yet.
        seconds: the time spent on training and evaluation so far.
    """

    step: int
    epoch: float
    loss: float
    accuracy: float
    images_per_second: float
    seconds: float


@dataclass(frozen=True)
class Diagnosed:
    """A listener has found a cause that keeps the network from learning.

    Args:
        cause: the identifier of the cause, such as `dead-relu`.
        severity: the severity, `note`, `warning` or `error`.
        text: the finding in words: the evidence, why it matters, and the remedy.
        step: the number of optimiser steps done; None before training.
    """

    cause: str
    severity: str
    text: str
    step: int | None


@dataclass(frozen=True)
class RunEnded:
    """The run has ended.

    Args:
        status: the status, `FINISHED`, `FAILED` or `KILLED`.
        reason: why the run ended before the last epoch; empty if it did all epochs.
        metrics: the final metrics, by their names in MLflow.
    """

    status: str
    reason: str
    metrics: dict[str, float] = field(default_factory=dict)


Event = RunStarted | StepsDone | Profiled | Evaluated | Predicted | Measured | EpochDone | Diagnosed | RunEnded
Listener = Callable[[Event], None]
Emit = Callable[[Event], None]  # passes an event to all listeners
