"""Short trainings of a network from its own first weights, each with one change."""

import copy
import functools
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.doctor.instruments.losses import of_keras
from exprun.doctor.instruments.packing import as_taken
from exprun.doctor.instruments.recording import fixed_rows
from exprun.doctor.instruments.states import undrawn
from exprun.experiments.sample import Sample

RISEN = 2.0  # ratio of the last loss of a trial and the first from which it diverges
CHANGED = 1.05  # ratio of two learning rates from which they differ
FEW = 400  # steps after which a trial goes on only while it is fast
FURTHER = 1 / 4  # share of the time of a trial from which it is not
GROUPED = 50  # steps for which Keras' epoch is made of several passes over few rows, as each epoch of its takes time
CURVE = 20  # epochs of such a trial, at least
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
        rates: the learning rate of each epoch, if callbacks of the script have changed it; empty otherwise.
    """

    model: Any
    initial: list[np.ndarray]
    batch: int
    shuffle: bool = True
    weights: dict[int, float] | None = None
    settings: dict[str, Any] | None = None
    rates: tuple[float, ...] = ()


def rate_of(optimizer: Any) -> float | None:
    """The present learning rate of an optimiser; None if it follows a schedule or a function, or is unknown."""
    if not isinstance(getattr(optimizer, "_learning_rate", None), keras.Variable | float):
        return None
    return float(np.asarray(optimizer.learning_rate))


def changed_rates(rates: Sequence[float]) -> tuple[float, ...]:
    """The learning rate of each epoch, (epochs,); empty if it was not changed."""
    return tuple(rates) if rates and max(rates) > CHANGED * min(rates) else ()


@dataclass
class Setup:
    """What a change may change before a trial; everything is restored after it.

    Args:
        model: the model of the script.
        network: the network that is trained, which is the model, or shares its layers.
        sample: the rows.
        loss: the loss, as `compile` takes it.
        optimizer: the optimiser, new for each trial.
        batch: the rows in a step.
        shuffle: whether rows are shuffled.
        weights: the weight of each class in the loss; None without.
        decode: turns the outputs of the network into predictions, which `Sample.score` takes.
        steps: the number of steps.
        whole: the number of steps of the script.
        rates: the learning rate of each epoch of the script; empty if its callbacks do not change it.
        factor: the factor by which these learning rates are changed.
        has_diverged: whether the network as it is diverges.
        causes: the causes that are likely if the change helps, where it depends on the network; empty otherwise.
        as_in_training: whether the tested rows are predicted in training mode.
        undo: the calls that restore what was changed.
    """

    model: Any
    network: Any
    sample: Sample
    loss: Any
    optimizer: Any
    batch: int
    shuffle: bool
    weights: dict[int, float] | None
    decode: Callable[[np.ndarray], np.ndarray]
    steps: int
    whole: int
    rates: tuple[float, ...] = ()
    factor: float = 1.0
    has_diverged: bool = False
    causes: tuple[str, ...] = ()
    as_in_training: bool = False
    undo: list[Callable[[], None]] = field(default_factory=list)

    def layers(self, *kinds: Any) -> list[Any]:
        """The layers of the model of some classes."""
        return [layer for layer in self.model._flatten_layers(include_self=False) if isinstance(layer, kinds)]

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
        keeps_step: whether the training step stays the same, because only rows, weights or learning rate change.
        compensates: whether the change often helps against causes that it does not remove.
    """

    name: str
    keras: str
    causes: tuple[str, ...]
    make: Callable[[Setup], bool]
    consequences: tuple[str, ...] = ()
    keeps_step: bool = False
    compensates: bool = False


@dataclass(frozen=True)
class Trial:
    """The result of a short training.

    Args:
        changes: the changes that it was trained with; empty for the network as it is.
        causes: the causes that are likely if the changes help, the most likely first.
        seed: the seed of the order of rows.
        score: how good it is on the tested rows: 0 is as good as guessing, 1 is perfect; -inf if not finite.
        losses: the mean training loss of each epoch.
        steps: the number of steps.
        seconds: how long it took, tracing included.
    """

    changes: tuple[Change, ...]
    causes: tuple[str, ...]
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
        few: the steps after which it ends when a share of the seconds is over; None for no such steps.
    """

    def __init__(self, steps: int, seconds: float, few: int | None = None) -> None:
        super().__init__()
        self.most, self.seconds, self.few = steps, seconds, steps if few is None else few
        self.steps, self.started = 0, 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count a step."""
        self.steps += 1
        self.started = self.started or time.monotonic()  # the first step is traced
        seconds = self.seconds if self.steps < self.few else FURTHER * self.seconds
        if self.steps >= self.most or time.monotonic() - self.started > seconds:
            self.model.stop_training = True


class _Rates(keras.callbacks.Callback):
    """Changes the learning rate as callbacks of the script did.

    Args:
        rates: the learning rate of each epoch of the script, (epochs,).
        steps: the number of steps of the trial, which are as many epochs.
    """

    def __init__(self, rates: Sequence[float], steps: int) -> None:
        super().__init__()
        self.rates, self.most, self.steps = rates, steps, 0

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the learning rate of a step."""
        place = min(self.steps * len(self.rates) // self.most, len(self.rates) - 1)
        self.model.optimizer.learning_rate = self.rates[place]
        self.steps += 1


class Trials:
    """Trains a network again and again from its first weights; a training step is traced once where it is the same.

    Args:
        network: the network.
        sample: the rows.
        whole: the number of steps of the script.
    """

    def __init__(self, network: Network, sample: Sample, whole: int) -> None:
        self.network, self.sample, self.whole = network, sample, whole
        self.has_diverged = False  # whether the network as it is diverges, once it was trained
        self._traced: Any = None  # the network as it is, compiled
        self._fresh: list[np.ndarray] = []  # the variables of its optimiser before the first step

    def run(self, changes: tuple[Change, ...], seed: int, steps: int, seconds: float) -> Trial | None:
        """Train the network from its first weights; None if one of the changes does not apply to it.

        The random states of the process stay as they are.

        Args:
            changes: the changes; none for the network as it is.
            seed: the seed of the order of rows, if they are shuffled.
            steps: the number of steps, at most.
            seconds: the time after the first step, at most.
        """
        with undrawn():
            return self._run(changes, seed, steps, seconds)

    def _run(self, changes: tuple[Change, ...], seed: int, steps: int, seconds: float) -> Trial | None:
        begun = time.monotonic()
        model = self.network.model
        values = [np.array(variable.numpy()) for variable in model.variables]
        setup = self._setup(steps)
        causes: list[str] = []
        try:
            for variable, value in zip(model.variables, self.network.initial, strict=True):
                variable.assign(value)
            for change in changes:
                setup.causes = ()
                if not change.make(setup):
                    return None
                causes += setup.causes or change.causes
            trained = self._compiled(setup, all(change.keeps_step for change in changes))
            stop = Stop(setup.steps, seconds, FEW if setup.steps == steps else None)
            order = np.random.default_rng(seed).permutation(len(setup.sample.x)) if setup.shuffle else slice(None)
            x, y = setup.sample.x[order], setup.sample.y[order]
            batch = min(setup.batch, len(x))
            epochs = -(-setup.steps // max(1, len(x) // batch))
            passes = min(GROUPED * batch // len(x), epochs // CURVE)
            rates = [rate * setup.factor for rate in setup.rates]
            followed = [_Rates(rates, setup.steps)] if rates else []
            options = {"class_weight": setup.weights, "verbose": 0, "callbacks": [stop, *followed]}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a change may leave variables without a gradient
                if passes > 1:
                    rows = _repeated(x, y, batch, passes, seed if setup.shuffle else None)
                    history = trained.fit(rows, epochs=-(-epochs // passes), **options)
                else:
                    history = trained.fit(x, y, batch, epochs, shuffle=setup.shuffle, **options)
            outputs = outputs_of(setup.network, setup.sample.test_x, setup.as_in_training)
            score = setup.sample.score(setup.decode(outputs))
        finally:
            for restore in reversed(setup.undo):
                restore()
            for variable, value in zip(model.variables, values, strict=True):
                variable.assign(value)
        losses = tuple(float(loss) for loss in history.history["loss"])
        if not changes:
            self.has_diverged = not np.isfinite(losses).all() or losses[-1] > max(losses[0], 0.0) * RISEN
        return Trial(changes, tuple(causes), seed, score, losses, stop.steps, time.monotonic() - begun)

    def _setup(self, steps: int) -> Setup:
        network = self.network
        model = network.model
        return Setup(
            model,
            model,
            self.sample,
            model.loss,
            _optimizer_of(network),
            network.batch,
            network.shuffle,
            network.weights,
            decoder(model, self.sample),
            steps,
            self.whole,
            network.rates,
            has_diverged=self.has_diverged,
        )

    def _compiled(self, setup: Setup, keeps_step: bool) -> Any:
        """The network of a trial, compiled; the same object as before if its training step is the same."""
        rate = setup.optimizer._learning_rate
        if not keeps_step or isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
            trained = _Wrapped(setup.network)
            trained.compile(setup.optimizer, setup.loss, jit_compile=False)
            return trained
        if self._traced is None:
            self._traced = _Wrapped(setup.network)
            self._traced.compile(setup.optimizer, setup.loss, jit_compile=False)
            self._traced.optimizer.build(setup.model.trainable_variables)  # which may scale the loss, too
            self._fresh = [np.array(variable.numpy()) for variable in self._traced.optimizer.variables]
        optimizer = self._traced.optimizer
        for variable, value in zip(optimizer.variables, self._fresh, strict=True):
            variable.assign(value)
        optimizer.learning_rate = float(np.asarray(rate))
        return self._traced


def _repeated(x: np.ndarray, y: np.ndarray, batch: int, passes: int, seed: int | None) -> tf.data.Dataset:
    """Batches of several passes over the rows.

    Args:
        x: the inputs, (rows, …).
        y: the targets, (rows, …).
        batch: the rows of a batch.
        passes: the number of passes.
        seed: the seed of the order of rows, another one in each pass; None for the order that they have.
    """
    x, y = (part.astype(keras.config.floatx()) if part.dtype.kind == "f" else part for part in (x, y))
    rows = tf.data.Dataset.from_tensor_slices((x, y))
    if seed is not None:
        rows = rows.shuffle(len(x), seed=seed)
    return rows.batch(batch).repeat(passes)


def _optimizer_of(network: Network) -> Any:
    """A new optimiser with the settings of the network's; without scaling of the loss, which `compile` adds."""
    optimizer = network.model.optimizer
    config = copy.deepcopy(network.settings or optimizer.get_config())
    if "inner_optimizer" in config:
        return keras.optimizers.deserialize(config["inner_optimizer"])
    return type(optimizer).from_config(config)


class _Wrapped(keras.Model):
    """Trains a model without touching how it was compiled."""

    def __init__(self, model: Any) -> None:
        super().__init__(name="trial")
        self.inner = model

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return _called(self.inner, inputs, bool(training))


def _called(model: Any, inputs: Any, training: bool) -> Any:
    inputs = as_taken(model, inputs)
    return model(inputs, training=training) if model._call_has_training_arg else model(inputs)


def outputs_of(model: Any, x: np.ndarray, training: bool) -> np.ndarray:
    """The outputs of a model for rows, (rows, …)."""
    batch = fixed_rows(model) or int(np.clip(MAX_BYTES // max(1, 4 * x[0].size), 1, 1000))
    parts = [x[start : start + batch] for start in range(0, len(x), batch)]
    return np.concatenate([np.asarray(_called(model, part, training), np.float32) for part in parts])


def decoder(model: Any, sample: Sample) -> Callable[[np.ndarray], np.ndarray]:
    """How outputs become predictions: the largest of several units, or one unit above a threshold, or numbers."""
    objective = of_keras(model)
    logits = objective is not None and objective.from_logits

    def decode(outputs: np.ndarray) -> np.ndarray:
        if objective is not None and logits and not sample.is_classes:  # targets are probabilities
            squash = keras.ops.softmax if objective.kind == "softmax" else keras.ops.sigmoid
            outputs = np.asarray(squash(outputs))
        return decoded(outputs, sample, 0.0 if logits else 0.5)

    return decode


def decoded(outputs: np.ndarray, sample: Sample, threshold: float) -> np.ndarray:
    """Predictions of outputs, which `Sample.score` takes; NaN for all of them if an output is not finite.

    Args:
        outputs: the outputs of a network, (rows, …, units).
        sample: the rows.
        threshold: the output of a single unit above which it says class 1.
    """
    rows = outputs.reshape(len(outputs), -1) if sample.axes == 2 else outputs
    if not np.isfinite(rows).all():
        return np.full(rows.shape[:-1] if sample.is_classes else rows.shape, np.nan)
    if not sample.is_classes:
        return rows
    return np.asarray(rows.argmax(-1) if rows.shape[-1] > 1 else (rows[..., 0] > threshold).astype(np.int64))


def with_sample(setup: Setup, **parts: Any) -> None:
    """Replace arrays of the sample of a trial."""
    setup.sample = replace(setup.sample, **parts)
