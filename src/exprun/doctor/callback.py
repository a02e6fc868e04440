"""The doctor of any Keras script: `model.fit(…, callbacks=[exprun.doctor.Doctor()])`."""

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import yaml
from pydantic import TypeAdapter

from exprun.config.options import shipped_conf
from exprun.config.schema import Doctor as Limits
from exprun.config.schema import strictly
from exprun.doctor import data, graph, task
from exprun.doctor.curves import Epoch
from exprun.doctor.data import Images, digests
from exprun.doctor.examine import Subject, examine, examine_data, said
from exprun.doctor.finding import Diagnosis, Finding
from exprun.doctor.guess import guess_of
from exprun.doctor.objective import of_keras
from exprun.doctor.pace import Pace
from exprun.doctor.watch import Watch

log = logging.getLogger(__name__)
LEAST_LABELS = 100  # before their frequencies say what guessing costs
KEPT = 2000  # images of the first batches that are kept
LEAST_WAIT = 0.03  # seconds; less is what calls cost on a busy machine
OPTIMIZERS = {
    "SGD": "sgd",
    "RMSprop": "rmsprop",
    "Adam": "adam",
    "AdamW": "adamw",
    "Nadam": "nadam",
    "Adagrad": "adagrad",
    "Adadelta": "adadelta",
    "Lion": "lion",
}


def limits_of(options: dict[str, Any]) -> Limits:
    """The thresholds that ship, some of them replaced.

    Raises:
        ValueError: an option is not known or out of range.
    """
    shipped = yaml.safe_load((shipped_conf() / "doctor" / "watch.yaml").read_text(encoding="utf-8"))
    return strictly(TypeAdapter(Limits), {**shipped, **options})


@dataclass
class Seen:
    """Batches that passed through the steps of one split.

    Args:
        inputs: of each batch.
        labels: theirs.
    """

    inputs: list[np.ndarray] = field(default_factory=list)
    labels: list[np.ndarray] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Images kept."""
        return sum(len(batch) for batch in self.inputs)

    def keep(self, inputs: np.ndarray, labels: np.ndarray) -> None:
        """Take a batch."""
        self.inputs.append(inputs)
        self.labels.append(labels)


class _Tap:
    """Copies what a model's own step gets into variables, where a callback can read it.

    The step is traced with the copy in front of it, so what it computes stays the same.

    Args:
        model: a Keras model, compiled.
        name: `train` or `test`.
    """

    def __init__(self, model: Any, name: str) -> None:
        self.model, self.name = model, name
        self.inputs: Any = None
        self.labels: Any = None
        self.arrived: Any = None  # when the batch was there, in seconds since the epoch
        self.weighted = False
        # XLA takes no variable of changing shape, so there the copy goes around what it compiles.
        self.attribute = "_make_function" if getattr(model, "jit_compile", False) else f"{name}_step"
        self.inner = getattr(model, self.attribute)
        setattr(model, self.attribute, self._made if self.attribute == "_make_function" else self.take)
        setattr(model, f"{name}_function", None)

    def remove(self) -> None:
        """Leave the model as it was."""
        vars(self.model).pop(self.attribute, None)
        setattr(self.model, f"{self.name}_function", None)

    def take(self, data: Any) -> Any:
        """Take the model's step."""
        self._copy(data)
        return self.inner(data)

    def _made(self, step: Any) -> Any:
        """The function of a step, made as Keras makes it, the copy outside of what XLA compiles."""
        if getattr(step, "__name__", "") != f"{self.name}_step":
            return self.inner(step)
        around = self.model._autoconvert_optionals

        def copied(compiled: Callable[[Any], Any]) -> Callable[[Any], Any]:
            whole = around(compiled)

            def step_on(data: Any) -> Any:
                self._copy(data)
                return whole(data)

            return step_on

        self.model._autoconvert_optionals = copied
        try:
            return self.inner(step)
        finally:
            vars(self.model).pop("_autoconvert_optionals", None)

    def _copy(self, data: Any) -> None:
        try:
            self._keep_last(data)
        except Exception:  # what cannot be copied is left alone
            log.exception("The doctor cannot see these batches")
            self.inputs = self.labels = self.arrived = None

    def _keep_last(self, data: Any) -> None:
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        self.weighted = weights is not None
        if not (isinstance(x, tf.Tensor) and isinstance(y, tf.Tensor)):
            return
        if self.inputs is None:
            self.inputs, self.labels = _variable(x), _variable(y)
            with tf.device("CPU:0"):
                self.arrived = _variable(tf.zeros([], tf.float64))
        self.inputs.assign(x)
        self.labels.assign(y)
        with tf.control_dependencies([x]), tf.device("CPU:0"):
            self.arrived.assign(tf.timestamp())

    def read(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The last batch: inputs and labels."""
        return None if self.inputs is None else (self.inputs.numpy(), self.labels.numpy())


def _variable(tensor: Any) -> tf.Variable:
    """A variable that takes tensors of any shape and of this one's type."""
    with tf.init_scope():
        return tf.Variable(tf.zeros([], tensor.dtype), trainable=False, shape=tf.TensorShape(None))


def _counted(labels: task.Labels) -> np.ndarray | None:
    """How often each class occurs, (classes,); None where the labels are no classes."""
    if labels.classes is None or labels.classes.min(initial=0) < 0:
        return None
    return np.bincount(labels.classes, minlength=2)


def _accuracy_in(logs: dict[str, Any]) -> str | None:
    """The name of the accuracy of training among what Keras tells."""
    return next((name for name in logs if "acc" in name and not name.startswith("val_")), None)


class Doctor(keras.callbacks.Callback):
    """Watches `fit`, and says why the network does not learn.

    It sees what passes through the model's own training and evaluation steps, and never changes what is trained. What
    it finds is printed, and kept in `findings`.

    Args:
        train: images and labels that are trained on, `(x, y)`, for checks that need more than the first batches.
        validation: likewise.
        silence: causes not to report, by identifier.
        report: called with the text of each finding; prints it where left out.
        **limits: thresholds other than those of `conf/doctor/watch.yaml`.

    Raises:
        ValueError: a threshold is not known or out of range.
    """

    def __init__(
        self,
        train: tuple[Any, Any] | None = None,
        validation: tuple[Any, Any] | None = None,
        silence: Iterable[str] = (),
        report: Callable[[str], None] | None = None,
        **limits: Any,
    ) -> None:
        super().__init__()
        self.limits = limits_of(limits)
        self._given = (train, validation)
        self._diagnosis = Diagnosis(silence)
        self._report = report or partial(print, file=sys.stderr)
        self._taps: dict[str, _Tap] = {}
        self._reset()

    @property
    def findings(self) -> list[Finding]:
        """What was found, what explains the rest first."""
        return self._diagnosis.findings

    def set_model(self, model: Any) -> None:
        """Called by Keras before the steps are traced."""
        super().set_model(model)
        self._safely(self._tap)

    def _tap(self) -> None:
        self._untap()
        self._taps = {"train": _Tap(self.model, "train"), "val": _Tap(self.model, "test")}

    def _untap(self) -> None:
        for tap in reversed(self._taps.values()):
            tap.remove()
        self._taps = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keep the first weights: checks of the start look at them."""
        self._reset()
        self._safely(self._begin)

    def _reset(self) -> None:
        self._seen = {"train": Seen(), "val": Seen()}
        self._watch: Watch | None = None
        self._step, self._epochs, self._begun = 0, 0, 0.0
        self._before = 0  # steps of the epochs that are done
        self._are_means: bool | None = None
        self._sums = {"loss": (0, 0.0), "accuracy": (0, 0.0)}
        self._fresh: list[np.ndarray] = []

    def _begin(self) -> None:
        for split, given in zip(("train", "val"), self._given, strict=True):
            if given is not None:
                chosen = np.random.default_rng(0).permutation(len(given[0]))[:KEPT]
                self._seen[split].keep(np.asarray(given[0])[chosen], np.asarray(given[1])[chosen])
        if self.model.built and self._seen["train"].count:
            self._start()
        elif self.model.built:
            self._fresh = [np.array(variable) for variable in self.model.variables]

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keras fetches the batch after this."""
        self._begun = time.time()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at a training batch."""
        # Several at a time with steps_per_execution, which Keras counts beyond the end of the epoch.
        self._step = self._before + min(batch + 1, self.params.get("steps") or batch + 1)
        self._safely(lambda: self._after_batch(batch, logs or {}))

    def _after_batch(self, batch: int, logs: dict[str, Any]) -> None:
        ended = time.time()
        self._keep("train")
        if self._watch is None:
            if not self._seen["train"].count:
                if self._step == 1:  # inputs of another kind, such as several: the network itself can be looked at
                    self._tell(said([lambda: graph.check_graph(self.model, set(), self.limits)]))
                return
            with self._first_weights():
                self._start()
        assert self._watch is not None
        if self._epochs == 0:
            self._guess(self._watch)
        self._waited(ended)
        if "loss" in logs:
            self._after_loss(batch, logs)
        if self._watch.due(self._step) and np.isfinite(logs.get("loss", 0.0)):
            self._tell(self._watch.probe(self._step))

    def _after_loss(self, batch: int, logs: dict[str, Any]) -> None:
        assert self._watch is not None
        if self._are_means is None:  # a training step of one's own may give the figures of its batch alone
            self._are_means = set(logs) == set(self.model.get_metrics_result())
        loss = self._since("loss", batch, float(logs["loss"]))
        name = _accuracy_in(logs)
        accuracy = self._since("accuracy", batch, float(logs[name])) if name else np.nan
        if not np.isfinite(loss):
            self._tell(self._bad_batch())
        self._tell(self._watch.steps(self._step, np.array([loss]), np.array([accuracy])))

    def _waited(self, ended: float) -> None:
        """How long the step has waited for its batch; the first one is traced meanwhile."""
        arrived = self._taps["train"].arrived
        if arrived is None or self._step == 1 or self.model.steps_per_execution != 1:
            return
        assert self._watch is not None
        waited = float(arrived.numpy()) - self._begun
        share = waited / max(ended - self._begun, 1e-9) if waited > LEAST_WAIT else 0.0
        self._tell(self._watch.waited(self._step, min(1.0, share)))

    def _bad_batch(self) -> list[Finding]:
        """Whether the batch whose loss is not finite was finite itself."""
        batch = self._taps["train"].read()
        pairs = zip(("images", "labels"), batch or (), strict=False)
        bad = " and ".join(name for name, values in pairs if not np.isfinite(values).all())
        if not bad:
            return []
        evidence = f"The {bad} of this batch hold NaN or infinity, and since then the loss is not a number."
        return [Finding("non-finite-input", "error", "training", evidence, self._step)]

    def _keep(self, split: str) -> None:
        if self._given[split == "val"] is None and self._seen[split].count < KEPT and (tap := self._taps.get(split)):
            batch = tap.read()
            if batch is not None:
                self._seen[split].keep(*batch)

    def _since(self, name: str, batch: int, mean: float) -> float:
        """What the steps since the last call gave, from the mean over the epoch that Keras tells."""
        if not self._are_means:
            return mean
        count, total = self._sums[name] if batch else (0, 0.0)
        count = min(count, batch)
        self._sums[name] = batch + 1, mean * (batch + 1)
        return (mean * (batch + 1) - total) / (batch + 1 - count)

    @contextlib.contextmanager
    def _first_weights(self) -> Iterator[None]:
        """The weights as they were before the first step, for a while."""
        variables = self.model.variables
        if len(self._fresh) != len(variables):
            yield
            return
        now = [tf.identity(v.value) for v in variables]
        try:
            for variable, value in zip(variables, self._fresh, strict=True):
                variable.assign(value)
            yield
        finally:
            for variable, value in zip(variables, now, strict=True):
                variable.assign(value)
            self._fresh = []

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep validation batches."""
        self._safely(lambda: self._keep("val"))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the figures of an epoch."""
        self._safely(lambda: self._after_epoch(logs or {}))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Leave the model as it was."""
        self._safely(self._untap)

    def _start(self) -> None:
        """Look at the network at its first weights, and begin to watch."""
        subject = self._subject(whole=False)
        self._tell(examine(subject, self.limits))
        self._watch = Watch(subject, None, self._steps(), self.limits)

    def _guess(self, watch: Watch) -> None:
        """What guessing costs, once enough labels have been seen to know."""
        if watch.objective is None or watch.objective.kind not in ("softmax", "sigmoid"):
            return
        if self._seen["train"].count >= LEAST_LABELS:
            counts = _counted(task.read_labels(np.concatenate(self._seen["train"].labels)))
            watch.guess = None if counts is None else guess_of(counts)

    def _after_epoch(self, logs: dict[str, Any]) -> None:
        self._epochs += 1
        self._before = self._step
        if self._watch is None:
            return
        name = _accuracy_in(logs)
        accuracy = float(logs[name]) if name else np.nan
        if "loss" in logs:
            self._tell(self._watch.epoch(Epoch(self._step, float(logs["loss"]), accuracy, self._rate())))
        if self._epochs == 1:
            self._after_first_epoch()
        if "val_loss" in logs:
            right = float(logs.get(f"val_{name}", np.nan))
            self._tell(self._watch.evaluated(self._step, float(logs["val_loss"]), right))

    def _rate(self) -> float:
        rate = getattr(self.model.optimizer, "learning_rate", np.nan)
        return float(np.asarray(rate))

    def _after_first_epoch(self) -> None:
        """What more images can tell than the first batch."""
        subject = self._subject(whole=True)
        found = examine_data(subject, self.limits)
        assert self._watch is not None
        self._watch.suspect(found)
        self._tell(found)
        if self._given[0] is None:
            self._tell(data.check_order([task.read_labels(b).classes for b in self._seen["train"].labels]))

    def _subject(self, whole: bool) -> Subject:
        """What is known of the run: by its first batch alone, or by all batches kept."""
        train = self._images("train", whole or self._given[0] is not None)
        val = self._images("val", True) if self._seen["val"].count else None
        labels = np.concatenate(self._seen["train"].labels[: None if whole else 1])
        metrics = str(getattr(self.model._compile_metrics, "_user_metrics", "")).lower()
        return Subject(
            self.model,
            of_keras(self.model),
            labels,
            train,
            val,
            pace=self._pace(),
            weighted=self._taps["train"].weighted,
            says_accuracy="acc" in metrics,
        )

    def _images(self, split: str, whole: bool) -> Images:
        seen = self._seen[split]
        part = slice(None if whole else 1)
        inputs = np.concatenate(seen.inputs[part]).astype(np.float32)
        labels = task.read_labels(np.concatenate(seen.labels[part]))
        known, counts = digests(inputs, np.arange(len(inputs))), _counted(labels)
        if counts is None:
            return Images(inputs, digests=known)
        # One batch says nothing of the frequencies in the set.
        return Images(inputs, counts if whole else None, inputs, labels.classes, known)

    def _steps(self) -> int | None:
        epochs, steps = (self.params or {}).get("epochs"), (self.params or {}).get("steps")
        return int(epochs) * int(steps) if epochs and steps else None

    def _pace(self) -> Pace | None:
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if optimizer is None:
            return None
        schedule, steps = optimizer._learning_rate, self._steps()
        by_schedule = isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule)
        numbers = np.linspace(0, (steps or 1000) - 1, 200)
        rates = [float(schedule(float(n))) for n in numbers] if by_schedule else [float(np.asarray(schedule))]
        name = OPTIMIZERS.get(type(optimizer).__name__, "")
        if name == "sgd" and float(getattr(optimizer, "momentum", 0.0)):
            name = "sgd_momentum"
        batch = (
            len(self._seen["train"].inputs[0]) if self._given[0] is None else int(self.params.get("batch_size") or 32)
        )
        return Pace(name, np.asarray(rates), steps, batch, float(getattr(optimizer, "weight_decay", None) or 0.0))

    def _safely(self, action: Callable[[], Any]) -> None:
        """Do something; a mistake of the doctor's own never reaches who is watched."""
        try:
            action()
        except Exception:
            log.exception("The doctor could not look at this")

    def _tell(self, findings: Iterable[Finding]) -> None:
        for finding in self._diagnosis.add(findings):
            self._report(f"doctor: {finding}")
