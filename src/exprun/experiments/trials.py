"""Short trainings of a network from its own first weights, each with one change."""

import functools
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from exprun.doctor.instruments.losses import of_keras
from exprun.experiments.sample import Sample

MAX_BYTES = 20 * 2**20  # bytes of the rows that are predicted at once


@dataclass(frozen=True)
class Network:
    """A compiled Keras model as it was before its training.

    Args:
        model: the model; trials change its weights and settings, and restore them.
        initial: the values of all its variables before training.
        batch: the rows in a step.
        shuffle: whether the script shuffles its rows.
        weights: the weight of each class in the loss, as `fit` takes them; None without.
        settings: the settings of its optimiser before the training; None for the present ones.
    """

    model: Any
    initial: list[np.ndarray]
    batch: int
    shuffle: bool = True
    weights: dict[int, float] | None = None
    settings: dict[str, Any] | None = None


@dataclass
class Setup:
    """What a change may change before a trial; everything is restored after it.

    Args:
        model: the model.
        sample: the rows.
        loss: the loss, as `compile` takes it.
        optimizer: the optimiser, new for each trial.
        batch: the rows in a step.
        shuffle: whether rows are shuffled.
        weights: the weight of each class in the loss; None without.
        decode: turns the outputs of the model into predictions, which `Sample.score` takes.
        as_in_training: whether the tested rows are predicted in training mode.
        undo: the calls that restore what was changed.
    """

    model: Any
    sample: Sample
    loss: Any
    optimizer: Any
    batch: int
    shuffle: bool
    weights: dict[int, float] | None
    decode: Callable[[np.ndarray], np.ndarray]
    as_in_training: bool = False
    undo: list[Callable[[], None]] = field(default_factory=list)

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute until the trial is over."""
        if name in vars(owner) or isinstance(getattr(type(owner), name, None), property):
            self.undo.append(functools.partial(setattr, owner, name, getattr(owner, name)))
        else:
            self.undo.append(functools.partial(delattr, owner, name))
        setattr(owner, name, value)


@dataclass(frozen=True)
class Change:
    """One change of a trial.

    Args:
        name: the change, as in "with …".
        keras: the change of the script.
        causes: the causes that are likely if the change makes the network learn, the most likely first.
        make: makes the change; returns whether there was anything to change.
        consequences: other findings that often follow from these causes, so that the change is tried early.
    """

    name: str
    keras: str
    causes: tuple[str, ...]
    make: Callable[[Setup], bool]
    consequences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """The result of a short training.

    Args:
        changes: the changes that it was trained with; empty for the network as it is.
        seed: the seed of the order of rows, of dropout, and so on.
        score: how good it is on the tested rows: 0 is as good as guessing, 1 is perfect; -inf if not finite.
        losses: the mean training loss of each epoch.
        steps: the number of steps.
        seconds: how long it took, tracing included.
    """

    changes: tuple[Change, ...]
    seed: int
    score: float
    losses: tuple[float, ...]
    steps: int
    seconds: float


class Stop(keras.callbacks.Callback):
    """Ends a fit after a number of steps or seconds.

    Args:
        steps: the most steps.
        seconds: the most seconds after the first step, which is traced.
    """

    def __init__(self, steps: int, seconds: float) -> None:
        super().__init__()
        self.most, self.seconds, self.steps, self.started = steps, seconds, 0, 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count a step."""
        self.steps += 1
        self.started = self.started or time.monotonic()  # the first step is traced
        if self.steps >= self.most or time.monotonic() - self.started > self.seconds:
            self.model.stop_training = True


def run(
    network: Network, sample: Sample, changes: tuple[Change, ...], seed: int, steps: int, seconds: float
) -> Trial | None:
    """Train a network from its first weights; None if one of the changes does not apply to it.

    Args:
        network: the network.
        sample: the rows.
        changes: the changes; none for the network as it is.
        seed: the seed of the order of rows, of dropout, and so on.
        steps: the number of steps, at most.
        seconds: the time after the first step, at most.
    """
    begun = time.monotonic()
    model = network.model
    values = [np.array(variable.numpy()) for variable in model.variables]
    setup = _setup(network, sample)
    try:
        for variable, value in zip(model.variables, network.initial, strict=True):
            variable.assign(value)
        if not all([change.make(setup) for change in changes]):  # noqa: C419 (each of them is made)
            return None
        keras.utils.set_random_seed(seed)
        trained = _Wrapped(model)
        trained.compile(setup.optimizer, setup.loss, jit_compile=False)
        stop = Stop(steps, seconds)
        x, y = setup.sample.x, setup.sample.y
        batch = min(setup.batch, len(x))
        epochs = -(-steps // max(1, len(x) // batch))
        options = {"shuffle": setup.shuffle, "class_weight": setup.weights, "callbacks": [stop], "verbose": 0}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a change may leave variables without a gradient
            history = trained.fit(x, y, batch, epochs, **options)
        score = setup.sample.score(setup.decode(outputs_of(model, setup.sample.test_x, setup.as_in_training)))
    finally:
        for restore in reversed(setup.undo):
            restore()
        for variable, value in zip(model.variables, values, strict=True):
            variable.assign(value)
    losses = tuple(float(loss) for loss in history.history["loss"])
    return Trial(changes, seed, score, losses, stop.steps, time.monotonic() - begun)


class _Wrapped(keras.Model):
    """Trains a model without touching how it was compiled."""

    def __init__(self, model: Any) -> None:
        super().__init__(name="trial")
        self.inner = model

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return _called(self.inner, inputs, bool(training))


def _setup(network: Network, sample: Sample) -> Setup:
    model = network.model
    optimizer = type(model.optimizer).from_config(network.settings or model.optimizer.get_config())
    return Setup(
        model, sample, model.loss, optimizer, network.batch, network.shuffle, network.weights, decoder(model, sample)
    )


def _called(model: Any, inputs: Any, training: bool) -> Any:
    return model(inputs, training=training) if model._call_has_training_arg else model(inputs)


def outputs_of(model: Any, x: np.ndarray, training: bool) -> np.ndarray:
    """The outputs of a model for rows, (rows, …)."""
    batch = int(np.clip(MAX_BYTES // max(1, 4 * x[0].size), 1, 1000))
    parts = [x[start : start + batch] for start in range(0, len(x), batch)]
    return np.concatenate([np.asarray(_called(model, part, training), np.float32) for part in parts])


def decoder(model: Any, sample: Sample) -> Callable[[np.ndarray], np.ndarray]:
    """How outputs become predictions: the largest of several units, or one unit above a threshold, or numbers."""
    objective = of_keras(model)
    logits = objective is not None and objective.from_logits

    def decode(outputs: np.ndarray) -> np.ndarray:
        if not np.isfinite(outputs).all():
            return np.full(len(outputs), np.nan)
        rows = outputs.reshape(len(outputs), -1)
        if not sample.is_classes:
            return rows
        if rows.shape[1] > 1:
            return np.asarray(rows.argmax(1))
        return np.asarray((rows[:, 0] > (0.0 if logits else 0.5)).astype(np.int64))

    return decode


def with_sample(setup: Setup, **parts: Any) -> None:
    """Replace arrays of the sample of a trial."""
    setup.sample = replace(setup.sample, **parts)
