"""One training that a script has started, with its line and its arrays."""

import contextlib
import linecache
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from exprun.diagnose.cells import name_of
from exprun.doctor.cause import Finding
from exprun.doctor.instruments.sameness import mark_of
from exprun.doctor.keras.callback import KERAS_BATCH
from exprun.doctor.use import Use
from exprun.doctor_page.figures import Figure
from exprun.doctor_page.page import drawn
from exprun.experiments.evidence import Training
from exprun.experiments.trials import Network, changed_rates
from exprun.text import plural


@dataclass(frozen=True)
class Place:
    """A line of the script.

    Args:
        file: the path of the file as it is shown, relative to the folder in which the script was started.
        line: the number of the line, from 1.
        path: the path of the file as Python knows it.
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
        cell = name_of(self.path)
        return f"{self.file}:{self.line}" if cell is None else f"{cell}, line {self.line}"


@dataclass(eq=False)
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
        optimizer: the optimiser of a loop of the script's own; None if the model was compiled with its optimiser.
        loss: the loss of such a loop, as `compile` takes it; None if it is unknown.
        unwatched: why the training could not be watched, as a clause after "because"; empty if it was.
        settings: the settings of the model's optimiser before the training, which may change its learning rate; None
            if unknown.
        rates: the learning rate at the beginning of each epoch, or of each step of a loop; empty if it follows a
            schedule, or is unknown.
        epochs: the number of epochs begun by the last call of `fit`.
        trained_by: the optimiser of the model in the last call of `fit`.
        started: when it began, as `time.monotonic` counts.
        uses: what calls of the network after the training get.
        output: the name of the output that is trained, of a network of several; empty for the whole network.
        mark: the mark of its data, by which a fit on the same data is recognised; None if unknown.
    """

    model: Any
    place: Place | None
    arguments: dict[str, Any]
    doctor: Any = None
    initial: list[np.ndarray] = field(default_factory=list)
    steps: int = 0
    ended: str = ""
    optimizer: Any = None
    loss: Any = None
    unwatched: str = ""
    settings: dict[str, Any] | None = None
    rates: list[float] = field(default_factory=list)
    epochs: int = 0
    trained_by: Any = None
    started: float = field(default_factory=time.monotonic)
    uses: list[Use] = field(default_factory=list)
    output: str = ""
    mark: tuple[Any, ...] | None = field(init=False)

    def __post_init__(self) -> None:
        self.mark = mark_of(*self.data)

    @property
    def data(self) -> tuple[Any, Any]:
        """The inputs and labels, as `fit` gets them."""
        return self.arguments.get("x"), self.arguments.get("y")

    def training(self) -> Training | None:
        """The training as references and experiments take it; None if it does not have the rows or the first weights.

        The model has to be compiled, or inside `compiled`.
        """
        train, validation = given = arrays_of(self.arguments)
        if train is None:
            train, validation = self.doctor.rows("train"), self.doctor.rows("val")
        if train is None:
            return None
        network = Network(
            self.model,
            self.initial,
            int(self.arguments.get("batch_size") or (self.doctor.batch if given[0] is None else 0) or KERAS_BATCH),
            bool(self.arguments.get("shuffle", True)),
            self.arguments.get("class_weight"),
            self.settings,
            changed_rates(self.rates),
        )
        return Training(network, train, validation, self.steps, self.optimizer is not None)

    def figures(self, findings: Iterable[Finding]) -> dict[str, Figure]:
        """The pictures of the training, by their kind.

        Args:
            findings: the findings, some of which ask for pictures that are not drawn otherwise.
        """
        from exprun.experiments.pictures import material_of

        with self.compiled():
            return drawn(findings, lambda: material_of(self.doctor, self.initial, self.settings))

    def forget(self) -> None:
        """Release the arrays and the first weights."""
        self.arguments, self.initial, self.uses = {}, [], []

    def keep_weights(self) -> bool:
        """Keep the values of the model's variables; returns whether there were any that could be read."""
        import tensorflow as tf

        variables, values = self.model.variables, []
        with contextlib.suppress(tf.errors.OpError, AttributeError, ValueError, NotImplementedError), tf.init_scope():
            values = [np.array(variable.value.numpy()) for variable in variables]  # not from the graph being traced
        # A variable that has no value yet raises an error, or reads as an array of another shape.
        ready = len(values) == len(variables) and all(
            value.shape == tuple(variable.shape) for variable, value in zip(variables, values, strict=True)
        )
        self.initial = values if ready else []
        return bool(self.initial)

    def count(self, steps: int, most: int | None, ends: float | None) -> None:
        """Record how many steps were done, and end the training if they are too many or it is too late.

        Args:
            steps: the number of steps done.
            most: the most steps; None for no limit.
            ends: when the training has to end, as `time.monotonic` counts; None for no limit.
        """
        self.steps = steps
        if most is not None and steps >= most:
            self.ended = plural(steps, "step")
        elif ends is not None and time.monotonic() >= ends:
            self.ended = f"{(time.monotonic() - self.started) / 60:.1f} minutes"

    @contextlib.contextmanager
    def compiled(self) -> Iterator[None]:
        """Give the model of a loop its optimiser and loss inside a `with` block, as if it had been compiled."""
        own = vars(self.model)
        if self.optimizer is None:
            yield
            return
        kept = {name: own[name] for name in ("optimizer", "loss") if name in own}
        try:
            own.update(optimizer=self.optimizer, loss=self.loss)
            yield
        finally:
            for name in ("optimizer", "loss"):
                own.pop(name)
            own.update(kept)

    @contextlib.contextmanager
    def first_weights(self) -> Iterator[None]:
        """Give the model its first weights inside a `with` block."""
        now = [np.array(variable.numpy()) for variable in self.model.variables]
        try:
            for variable, value in zip(self.model.variables, self.initial, strict=True):
                variable.assign(value)
            yield
        finally:
            for variable, value in zip(self.model.variables, now, strict=True):
                variable.assign(value)


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
    if any(isinstance(part, dict | tuple) or (isinstance(part, list) and _holds_arrays(part)) for part in data[:2]):
        return None
    try:
        x, y = (np.asarray(part) for part in data[:2])
    except (ValueError, TypeError):
        return None
    same = x.ndim > 0 and y.ndim > 0 and len(x) == len(y) > 0
    return (x, y) if same and x.dtype.kind in "biuf" and y.dtype.kind in "biuf" else None


def _holds_arrays(parts: list[Any]) -> bool:
    """Whether a list holds the arrays of several inputs or outputs, not the rows of one."""
    return any(getattr(part, "ndim", 0) > 1 or len(getattr(part, "shape", ())) > 1 for part in parts)
