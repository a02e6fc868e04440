"""The doctor as a callback for any Keras script: `model.fit(…, callbacks=[exprun.doctor.Doctor()])`."""

import contextlib
import copy
import functools
import logging
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.doctor.cause import Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.diagnosis import BEFORE_TRAINING, UNFINISHED, Diagnosis, examine
from exprun.doctor.history import Epoch, History
from exprun.doctor.instruments.at_hand import AtHand, Drawn, at_hand
from exprun.doctor.instruments.chance import ChanceLevel, counted, level_of
from exprun.doctor.instruments.hooks import uncalled_hooks
from exprun.doctor.instruments.inputs import first_rows
from exprun.doctor.instruments.labels import Labels, counts_of, moved, read_labels
from exprun.doctor.instruments.layers import Layer, owners
from exprun.doctor.instruments.leaks import digests
from exprun.doctor.instruments.losses import of_keras
from exprun.doctor.instruments.packing import packing_for, packing_of
from exprun.doctor.instruments.packing import remember as remember_packing
from exprun.doctor.instruments.passes import spread
from exprun.doctor.instruments.passing import Passed, is_measured
from exprun.doctor.instruments.pipelines import drawn_once
from exprun.doctor.instruments.recording import called, fixed_rows, losses_of, passed
from exprun.doctor.instruments.sameness import mark_of
from exprun.doctor.instruments.spread import Spread
from exprun.doctor.instruments.states import unchanged
from exprun.doctor.instruments.trained import Trained
from exprun.doctor.keras.earlier import remember, trained_rows, values_of
from exprun.doctor.keras.handed import Handed
from exprun.doctor.keras.memory import SECONDS as MEMORY_SECONDS
from exprun.doctor.keras.memory import first_weights, having, is_open, tested
from exprun.doctor.keras.modes import Modes
from exprun.doctor.keras.stops import stopping_of
from exprun.doctor.keras.tap import Tap
from exprun.doctor.keras.trainable import Trainable
from exprun.doctor.limits import limits_of
from exprun.doctor.schedule import Sampling
from exprun.doctor.subject import Batch, Images, Pace, Subject
from exprun.doctor.use import Use
from exprun.doctor.watch import Watch
from exprun.text import plural

log = logging.getLogger(__name__)
MIN_LABELS = 100  # labels from which the chance level is computed
MAX_KEPT = 2000  # images of the first batches that are kept
SMALL_BATCH = 12  # rows; the network is examined on several batches if they have fewer
ENOUGH_ROWS = 32  # rows on which the network is then examined
FADING = ("vanishing-signal", "vanishing-gradient", "input-independent")  # refuted by a loop that has learned
LEARNED_APART = 10.0  # factor of the differences between outputs from which a loop has learned to tell images apart
LATER, OTHER_CLASSES = 10, 0.1  # first and latest batches, and the share of labels from which their classes differ
MAX_ORDERED = 64  # labels of a batch that are kept to compare the beginning of an epoch with its end
MAX_GIVEN = 20_000  # labels of given arrays from which the chance level is computed
MEAN = "sum_over_batch_size"  # how Keras names a loss that is the mean over the rows
NOT_FINITE = ("not-finite", "exploding-gradient", "learning-rate-high")  # causes of a loss that is not finite
KERAS_BATCH = 32  # rows of a batch, if the script does not say how many
MEASURED_EPOCHS = 8  # first epochs of which the first and the last batches are always watched
MIN_WAIT = 0.03  # seconds; shorter waits are the cost of calls on a busy machine
OPTIMIZERS = {  # by class name: the option of the group `optim`
    "SGD": "sgd",
    "RMSprop": "rmsprop",
    "Adam": "adam",
    "AdamW": "adamw",
    "Nadam": "nadam",
    "Adagrad": "adagrad",
    "Adadelta": "adadelta",
    "Lion": "lion",
}
DIVIDING = ("rmsprop", "adam", "adamw", "nadam", "adadelta")  # divide by a mean of gradients that starts at 0


@dataclass
class Seen:
    """Batches that passed through the steps of one split.

    Args:
        inputs: the inputs of each batch.
        labels: the labels of each batch.
        unused: whether the weight of an image in the loss is 0, for each batch, (images,).
        count: the number of images that were kept.
        spread: labels at regular intervals of all batches of the first epoch.
    """

    inputs: list[np.ndarray] = field(default_factory=list)
    labels: list[np.ndarray] = field(default_factory=list)
    unused: list[np.ndarray] = field(default_factory=list)
    count: int = 0
    spread: Spread = field(default_factory=Spread)

    def keep(self, inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Keep a batch.

        Args:
            inputs: the inputs, (images, …).
            labels: the labels, (images, …).
            weights: the weight of each image in the loss, (images,), or of each of its parts; None without.
        """
        self.inputs.append(inputs)
        self.labels.append(labels)
        used = np.ones(len(inputs), bool)
        if weights is not None and weights.shape[:1] == used.shape:
            used = np.any(weights.reshape(len(inputs), -1), 1)
        self.unused.append(~used)
        self.count += len(inputs)


@dataclass(frozen=True)
class _Fit:
    """What a fit trains, and on what.

    Args:
        model: a weak reference to the model.
        optimizer: a weak reference to its optimiser; None without one.
        mark: the mark of its data; None if the data cannot be recognised.
    """

    model: Any
    optimizer: Any
    mark: tuple[Any, ...] | None

    def repeats(self, other: "_Fit | None") -> bool:
        """Whether this fit trains the same model, with the same optimiser, on the same data as another one."""
        if other is None or self.mark is None or self.mark != other.mark or (self.optimizer and not self.optimizer()):
            return False
        same = self.model() is other.model() and (self.optimizer is None) == (other.optimizer is None)
        return same and (self.optimizer is None or self.optimizer() is other.optimizer())


def _accuracy_in(logs: dict[str, Any]) -> str | None:
    """The name of the training accuracy among the metrics that Keras reports; None if there is none."""
    return next((name for name in logs if "acc" in name and not name.startswith("val_")), None)


def _after_a_step(finding: Finding) -> Finding:
    """A finding about the network before training, as one about the network after its first step."""
    evidence = finding.evidence.replace("before training", "after the first step")
    return replace(finding, evidence=evidence.replace("Before training", "After the first step"))


_WATCHING: list["Doctor"] = []  # doctors in a `fit` that has begun and not ended
_TRAINED: "weakref.WeakSet[Any]" = weakref.WeakSet()  # models that a fit has trained


def _watch_fit() -> None:
    """Let `fit` show its doctors what Keras does not, and notify them when an exception ends it.

    Not when the first doctor is made: in `model.fit(x, callbacks=[Doctor()])`, Python looks up `fit` before that.
    """
    original = keras.Model.fit

    @functools.wraps(original)
    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = dict(zip(("x", "y"), args, strict=False)) | kwargs
        data, validation = (given.get("x"), given.get("y")), kwargs.get("validation_data")
        introduce(kwargs.get("callbacks"), data, bool(kwargs.get("shuffle", True)), validation)
        try:
            return original(self, *args, **kwargs)
        except BaseException as error:
            notify_of_exception(self, error)
            raise

    keras.Model.fit = fit


_watch_fit()


def introduce(callbacks: Any, data: tuple[Any, ...], shuffles: bool, validation: Any = None) -> None:
    """Let the doctors among the callbacks of a fit know what Keras does not show them.

    Args:
        callbacks: the callbacks, as the fit gets them.
        data: the inputs and labels, as the fit gets them.
        shuffles: whether the fit shuffles the rows of arrays.
        validation: the validation data, as the fit gets them; None without.
    """
    listed = getattr(callbacks, "callbacks", callbacks)
    listed = list(listed) if isinstance(listed, list | tuple) else []
    for doctor in listed:
        if isinstance(doctor, Doctor):
            doctor.others, doctor.data = [other for other in listed if other is not doctor], data
            doctor.mark, doctor.validation = mark_of(*data), validation
            doctor.shuffles = shuffles and isinstance(data[0], np.ndarray | tf.Tensor | list)


def notify_of_exception(model: Any, error: BaseException) -> None:
    """Let the doctors that watch a model know that an exception has ended its training."""
    for doctor in [doctor for doctor in _WATCHING if doctor.model is model]:
        doctor.ended(error)


class Doctor(keras.callbacks.Callback):
    """Watches `fit`, and reports why the network does not learn.

    The callback reads the batches that pass through the model's own training and evaluation steps, and does not change
    what is trained. It prints what it finds, and keeps it in `findings`.

    Args:
        train: the training images and labels, `(x, y)`, for checks that need more than the first batches.
        validation: the validation images and labels, `(x, y)`.
        silence: the identifiers of causes that are not reported.
        report: called with the text of each finding; the default prints to the standard error stream.
        memory: the seconds of the test whether the network can memorise a few images, after a training that has not
            learned for no known reason; 0 for no test.
        **limits: thresholds that differ from those in `conf/doctor/watch.yaml`.

    Raises:
        ValueError: a threshold is unknown or out of range, or `memory` is negative.
    """

    def __init__(
        self,
        train: tuple[Any, Any] | None = None,
        validation: tuple[Any, Any] | None = None,
        silence: Iterable[str] = (),
        report: Callable[[str], None] | None = None,
        memory: float = MEMORY_SECONDS,
        **limits: Any,
    ) -> None:
        super().__init__()
        if memory < 0:
            raise ValueError(f"memory is {memory}, but must not be negative; 0 is for no test.")
        self._memory = memory
        self.limits = limits_of(limits)
        self._given = (train, validation)
        self._diagnosis = Diagnosis(silence)
        self._report = report or functools.partial(print, file=sys.stderr)
        self._taps: dict[str, Tap | Handed] = {"train": Tap("train"), "val": Tap("test")}
        self._call = "fit"  # the method whose steps are watched
        self._in_epoch = 0  # steps done in the current epoch, if the batches are handed to the doctor
        self._are_means: bool | None = None  # whether metrics are means since the epoch began; None if unknown
        self._trainable, self._modes = Trainable(), Modes()
        self.others: list[Any] = []  # the other callbacks of the fit
        self.shuffles = False  # whether the fit shuffles rows
        self.data: tuple[Any, ...] = ()  # the inputs and labels of the fit, as it gets them
        self.validation: Any = None  # the validation data of the fit, as it gets them
        self.mark: tuple[Any, ...] | None = None  # the mark of its inputs and labels before the fit
        self._at_hand: AtHand | None = None  # what its data set holds
        self._loop_rates: tuple[float, ...] = ()  # the learning rate of each step of a loop; empty if unknown
        self._loop_steps: int | None = None  # the number of steps of a loop
        self._last_fit: _Fit | None = None
        self._epochs_before, self._evaluated = 0, 0  # epochs and evaluations of this training before the current fit
        self._first_number: int | None = None  # the number of the first epoch of the fit, as Keras counts from 0
        self._reset()

    @property
    def findings(self) -> list[Finding]:
        """The findings without symptoms, causes before the causes that they explain."""
        return self._diagnosis.findings

    @property
    def batch(self) -> int:
        """The number of images in the first batch that was kept; 0 if none was."""
        return len(self._seen["train"].inputs[0]) if self._seen["train"].count else 0

    @property
    def is_given(self) -> bool:
        """Whether the training images are those that were passed to the callback, and not those of batches."""
        return self._given[0] is not None

    @property
    def history(self) -> History:
        """The measurements of the training."""
        return self._unwatched if self._watch is None else self._watch.history

    @property
    def subject(self) -> Subject | None:
        """The network, with all images that were kept; None if no batch of one input and one output was kept."""
        if not self.model.built or self.rows("train") is None:
            return None
        return self._subject(whole=True)

    def val_labels(self) -> np.ndarray | None:
        """The labels of the validation images that were kept; None if there are none."""
        val = self.rows("val")
        return None if val is None else val[1]

    def rows(self, split: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Inputs and labels of the first epoch that were kept, at most some thousand.

        None if none were kept, or if their shapes differ, as those of sequences of different length.

        Args:
            split: `train` or `val`.
        """
        seen, batches = self._seen[split], slice(self._first_epoch if split == "train" else None)
        inputs, labels = seen.inputs[batches], seen.labels[batches]
        if len({part.shape[1:] for part in inputs}) != 1 or len({part.shape[1:] for part in labels}) != 1:
            return None
        return np.concatenate(inputs), np.concatenate(labels)

    def begin(self, model: Any, call: str) -> None:
        """Begin to watch steps outside of `fit`, whose batches and metrics the caller passes on.

        Args:
            model: the Keras model, which has been built.
            call: the method that makes the steps, for messages.
        """
        self._taps["train"], self._call, self._in_epoch = Handed(), call, 0
        self.set_params({})
        self.set_model(model)
        self._reset()
        self._are_means = False
        self._safely(self._begin)

    def examine(
        self,
        model: Any,
        batches: Sequence[tuple[Any, Any]],
        minimised: float | None = None,
        rates: Sequence[float] = (),
        steps: int | None = None,
    ) -> list[Finding]:
        """Examine a network that the script trains in a loop of its own; returns the findings.

        Args:
            model: the Keras model, with its first weights, and with its optimiser and loss as if it was compiled.
            batches: the inputs and labels of the first batches, labels None where they are unknown.
            minimised: the loss of the first batch, as the loop computes it; None if it is unknown.
            rates: the learning rate of each step, (any number,); empty for that of the optimiser.
            steps: the number of steps; None if it is unknown.
        """
        self.begin(model, "loop")
        self._loop_rates, self._loop_steps = tuple(rates), steps
        handed = self._taps["train"]
        assert isinstance(handed, Handed)
        handed.hand(*batches[0], None, False)
        read = self._batch("train")
        if read is None and handed.read_several() is not None:
            self._tell(self._without_images())
        elif read is None or not self._has_one_output(batches[0][0]):
            self._tell(examine(Context(self._network(), self.limits), Phase.STRUCTURE, Phase.SETUP))
        else:
            packing = packing_of(model)
            for inputs, labels in batches:
                if labels is not None:
                    self._seen["train"].keep(inputs if packing is None else packing.pack(inputs), labels)
            self._first_loss: float | None = minimised
            phases = (phase for phase in BEFORE_TRAINING if phase is not Phase.DATA)
            self._tell(examine(Context(self._subject(whole=False), self.limits), *phases))
            self._tell(examine(Context(self._subject(whole=True), self.limits, Phase.DATA)))
            self._apart: float | None = self._told_apart()
        return self.findings

    def examine_end(self) -> None:
        """Examine the weights after a loop, whose losses are not known."""
        now = self._told_apart()
        if self._apart is not None and now is not None and now > LEARNED_APART * self._apart:
            evidence = f"The outputs of the trained network differ {now / max(self._apart, 1e-12):.3g} times as much."
            self._tell(Finding(one, "note", "output", evidence, withdrawn=True) for one in FADING)
        if all(np.isfinite(np.asarray(variable)).all() for variable in self.model.trainable_variables):
            return
        history = History(None)
        history.record_steps(np.array([self._first_loss or 1.0, np.nan]), np.full(2, np.nan))
        context = Context(self._network(), self.limits, Phase.STEP, history=history)
        self._tell(finding for finding in examine(context) if finding.cause in NOT_FINITE)

    def _told_apart(self) -> float | None:
        """How much the outputs for the first images differ; None if there are none, or several outputs."""
        some = self._seen["train"].inputs[:1]
        if not some or len(some[0]) < 2:
            return None
        return spread(passed(self.model, first_rows(some[0], self.limits.images), training=False).outputs)

    def examine_omitted(self, variables: Sequence[Any]) -> None:
        """Examine trainable variables that a loop does not pass to its optimiser, at least one."""
        total = len(self.model.trainable_variables)
        layers = owners(self.model, variables)
        self._compare(Trained("omitted", len(variables), layers, total, total - len(variables)))

    def examine_uses(self, uses: Sequence[Use]) -> None:
        """Examine what calls of the network after its training get."""
        rows = self.rows("train")
        inputs = np.zeros((0, 1), np.float32) if rows is None else rows[0].astype(np.float32)
        subject = Subject(self.model, None, np.zeros(0), Images(inputs))
        for use in uses:
            self._tell(examine(Context(subject, self.limits, Phase.LATER, use=use)))

    def before_step(self, inputs: Any, labels: Any, weights: Any = None, weighted: bool = False) -> None:
        """Take the batch of the next step.

        Args:
            inputs: the inputs, as the model takes them.
            labels: the labels, as the loss takes them; None without.
            weights: the weight of each example in the loss, (batch,); None if there are none, or if they are unknown.
            weighted: whether there are weights in the loss.
        """
        handed = self._taps["train"]
        assert isinstance(handed, Handed)
        handed.hand(inputs, labels, weights, weighted)
        if self._in_epoch == 0:
            self.set_model(self.model)
        self.on_train_batch_begin(self._in_epoch)

    def after_step(self, metrics: dict[str, float]) -> None:
        """Examine the batch of the step that was made, and the metrics of this batch, `loss` among them."""
        self.on_train_batch_end(self._in_epoch, metrics)
        self._in_epoch += 1

    def end_epoch(self, metrics: dict[str, float]) -> None:
        """Examine the means of the metrics over the steps since the last call, `loss` among them."""
        self.on_epoch_end(self._epochs, metrics)
        self._in_epoch = 0

    def finish(self) -> None:
        """Examine the end of a training outside of `fit`."""
        if self._watch is not None:
            self._tell(self._watch.finished(self._step))

    def set_model(self, model: Any) -> None:
        """Called by Keras before it makes the function of a training step, or reuses an existing one."""
        super().set_model(model)
        self._safely(lambda: self._trainable.look(model))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keep the initial weights, and examine the model if images were passed to the callback.

        A fit after a fit of one epoch on the same data goes on with its training, as in a loop of such fits.
        """
        _WATCHING.append(self)
        self._safely(self._begin_fit)

    def _begin_fit(self) -> None:
        last, self._last_fit = self._last_fit, _Fit(weakref.ref(self.model), self._optimizer(), self.mark)
        self._at_hand = None
        self._safely(self._look_at_data)
        if last is not None and last.model() is self.model:
            self._take_back()
        if self._watch is not None and self._epochs - self._epochs_before == 1 and self._last_fit.repeats(last):
            self._watch.go_on()
            self._evaluated = len(self._watch.history.evaluations)
        else:
            self._begin_again()
        self._epochs_before, self._first_number = self._epochs, None
        self._examine_hooks()
        self.data, self.validation, self.mark = (), None, None  # the script may release them

    def _look_at_data(self) -> None:
        """Count the examples that the data set of the fit holds."""
        if self.data:
            self._at_hand = at_hand(self.data[0], self.validation)

    def _examine_hooks(self) -> None:
        """Report methods of the other callbacks and of the data set that Keras never calls."""
        kinds = (keras.callbacks.Callback, keras.utils.PyDataset)
        pairs = [(one, kind) for one in (*self.others, *self.data) for kind in kinds if isinstance(one, kind)]
        if hooks := [hook for one, kind in pairs for hook in uncalled_hooks(one, kind)]:
            self._tell(examine(Context(self._network(), self.limits, Phase.FIRST_STEP, hooks=hooks)))

    def _begin_again(self) -> None:
        """Begin to watch a training of which nothing is known yet."""
        self._reset()
        self._begin()

    def _optimizer(self) -> Any:
        """A weak reference to the optimiser; None if the step needs none."""
        return None if self.model.optimizer is None else weakref.ref(self.model.optimizer)

    def _take_back(self) -> None:
        """Withdraw what was said of a fit as if it was the whole training: another fit of the same model follows.

        In a loop of fits that are one training, this holds for the first fit only: later, the total is unknown.
        """
        if self._watch is None or self._watch.history.total_steps is not None:
            evidence = "The training goes on."
            self._tell(Finding(one, "note", "training", evidence, self._step, withdrawn=True) for one in UNFINISHED)

    def _reset(self) -> None:
        self._seen = {"train": Seen(), "val": Seen()}
        self._unlabelled: list[np.ndarray] = []  # the first batches of a training without labels
        self.of_outputs: list[tuple[Any, Any]] = []  # the first batches of a model with several outputs
        self._apart = None  # how much the outputs of an untrained network differ between images
        self._has_amounts = False  # whether labels are known to be no classes
        self._ordered: list[np.ndarray] = []  # the class numbers of the watched batches of the first epoch
        self._later: deque[np.ndarray] = deque(maxlen=LATER)  # the same of the latest ones
        self._weighed: list[tuple[np.ndarray, np.ndarray]] = []  # labels and weights of the first training batches
        self._watch: Watch | None = None
        self._unwatched = History(None)  # the losses of epochs whose steps are not watched
        self._looked = False  # whether the network was examined before it had learned
        self._step, self._epochs = 0, 0
        self._epochs_before, self._evaluated, self._first_number = 0, 0, None
        self._sizes: dict[str, int] = {}  # the number of examples in the first batch of each split
        self._judged = 0  # labels from which the chance level was computed
        self._outputs = 0  # units of the last layer; 0 if unknown
        self._steps_before = 0  # steps done before the current epoch
        self._epoch_steps: int | None = None  # steps of the last epoch
        self._passed = Passed()  # the scales of the inputs of the current epoch
        self._drawn = Drawn()  # the batches that were drawn
        self._are_means = None
        self._first_epoch: int | None = None  # training batches that were kept in the first epoch
        self._sums = {"loss": (0, 0.0), "accuracy": (0, 0.0)}
        self._sampling = Sampling(float(self.limits.share or 0.0))
        # Whether the present step is watched, whether its batch is copied, and the seconds spent before it.
        self._watches, self._copies, self._preparing = True, True, 0.0
        self._initial: list[np.ndarray] = []
        self._untrained: list[np.ndarray] = []  # the first weights, as long as a test from these may follow
        self._values = np.zeros(0, np.float32)  # some of the weights before the fit
        self._rows: tuple[bytes, ...] = ()  # the digests of rows that the fit has trained on
        self._first_loss = None
        self._pending: list[tuple[int, dict[str, Any]]] = []  # metrics of the steps in which rows were gathered

    def _begin(self) -> None:
        for split, given in zip(("train", "val"), self._given, strict=True):
            if given is not None:
                chosen = np.random.default_rng(0).permutation(len(given[0]))[:MAX_KEPT]
                self._seen[split].keep(np.asarray(given[0])[chosen], np.asarray(given[1])[chosen])
        if self.model.built:
            self._values = values_of(self.model)
        if self.model.built and self._memory:
            self._untrained = first_weights(self.model)
        if self.model.built and self._seen["train"].count:
            self._start()
        elif self.model.built:
            self._initial = self._untrained or [np.array(variable) for variable in self.model.variables]

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the number of the first epoch, which `initial_epoch` decides."""
        if self._first_number is None:
            self._first_number = epoch
            if epoch and self._watch is not None and not self._epochs:
                self._watch.history.total_steps = self._steps()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Prepare to copy the next training batch, which Keras fetches after it has called this method."""
        due = self._watch is not None and self._watch.due(self._step + 1)
        steps = (self.params or {}).get("steps") or self._epoch_steps
        is_of_scale = self._epochs < MEASURED_EPOCHS and is_measured(batch, steps)
        self._copies = self._sampling.takes() or is_of_scale or self._pending != []
        self._watches = self._copies or due
        begun = time.perf_counter()
        if batch == 0:
            self._sums = {"loss": (0, 0.0), "accuracy": (0, 0.0)}
            self._safely(lambda: self._trainable.before(self.model))
            self._safely(lambda: self._modes.before(self.model))
        if not self._copies:
            return
        self._safely(lambda: self._taps["train"].put_on(self.model))
        self._preparing = time.perf_counter() - begun

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Examine a training batch and the metrics after it."""
        # With steps_per_execution, one call makes several steps, and Keras counts beyond the end of the epoch.
        self._step = self._steps_before + min(batch + 1, (self.params or {}).get("steps") or batch + 1)
        if not self._watches and np.isfinite((logs or {}).get("loss", 0.0)):
            if batch < max(1, self.model.steps_per_execution):
                self._safely(self._compare_step)
            return
        begun = time.perf_counter()
        self._safely(self._taps["train"].take_off)
        self._safely(lambda: self._after_batch(batch, logs or {}))
        if self._copies:
            spent = self._preparing + self._taps["train"].spent()
            self._sampling.copied(spent + time.perf_counter() - begun)

    def _after_batch(self, batch: int, logs: dict[str, Any]) -> None:
        ended = time.time()
        if batch < max(1, self.model.steps_per_execution):
            self._compare_step()
        if self._copies:
            self._keep("train")
            self._measure(batch)
        if not self._looked:
            if self._gathers(logs):
                self._pending.append((batch, dict(logs)))
                return
            self._look(logs.get("loss"))
            self._catch_up()
            tap = self._taps["train"]
            if self._watch is not None and isinstance(tap, Tap) and tap.dataset is not None:
                self._watch.history.drawn_once = drawn_once(tap.dataset)
        if self._watch is None:
            return
        if self._epochs == 0:
            self._update_chance(self._watch)
        if self._copies:
            self._waited(ended)
        if "loss" in logs:
            self._after_loss(batch, logs)
        if self._watch.due(self._step) and np.isfinite(logs.get("loss", 0.0)):
            self._tell(self._watch.probe(self._step))

    def _gathers(self, logs: dict[str, Any]) -> bool:
        """Whether batches are so small that the network is examined when more rows have been seen.

        The weights of the first step must be known by then, and the loss finite, or there is something to report.
        """
        batches, variables = self._seen["train"].inputs, self.model.variables
        if not batches or len(batches[0]) >= SMALL_BATCH or len(self._initial) != len(variables):
            return False
        known = sum(len(batch) for batch in batches)
        return known < ENOUGH_ROWS and bool(np.isfinite(logs.get("loss", np.nan))) and fixed_rows(self.model) is None

    def _catch_up(self) -> None:
        """Examine the losses of the steps in which rows were gathered."""
        pending, self._pending = self._pending, []
        if self._watch is not None:
            for batch, logs in pending:
                self._after_loss(batch, logs)

    def _look(self, loss: Any = None) -> None:
        """Examine the network and its first batch, as far as inputs and outputs allow, and begin to watch.

        Args:
            loss: the loss that the first step has reported; None if it has failed or reported none.
        """
        is_known = loss is not None and self._step == 1 and np.size(loss) == 1
        self._first_loss = float(np.asarray(loss).reshape(())) if is_known else None
        self._looked = True
        if not self._seen["train"].count:
            self._tell(self._without_images())
        elif not self._has_one_output(self._seen["train"].inputs[0]):
            self._tell(examine(Context(self._network(), self.limits, Phase.SETUP)))
        else:
            is_first = self._step == 0 or len(self._initial) == len(self.model.variables)
            with self._first_weights():
                self._start(is_first)

    def _compare_step(self) -> None:
        """Report what the first step of an epoch has done with the variables of the model."""
        self._compare(self._trainable.after(self.model), self._modes.after(self.model))

    def _compare(self, trained: Trained | None, idle: Sequence[Layer] = ()) -> None:
        """Report what a step has done with the variables of the model.

        Args:
            trained: the variables of which the step and `layer.trainable` say different things.
            idle: the layers that have run in inference mode.
        """
        if trained is None and not idle:
            return
        context = Context(self._network(), self.limits, Phase.FIRST_STEP, self._step, trained=trained, idle=idle)
        self._tell(examine(context))

    def _network(self) -> Subject:
        """The network alone, without images and settings."""
        return Subject(self.model, None, np.zeros(0), Images(np.zeros(0, np.float32)))

    def _has_one_output(self, inputs: np.ndarray) -> bool:
        """Whether the model returns one tensor; if Keras does not know, a pass of one image shows it."""
        outputs = getattr(self.model, "outputs", None)
        if outputs is None:
            with unchanged(self.model):
                return tf.is_tensor(called(self.model, inputs[:1], False))
        return len(keras.tree.flatten(outputs)) == 1

    def _without_images(self) -> list[Finding]:
        """The findings from a first batch of several inputs; from the network alone if the batch cannot be read."""
        batch = self._taps["train"].read_several()
        if batch is None:
            return examine(Context(self._network(), self.limits, Phase.SETUP))
        inputs, labels, _ = batch
        subject = replace(
            self._network(),
            objective=of_keras(self.model, self._units(inputs)),
            labels=labels,
            pace=self._pace(len(labels)),
            weighted=self._taps["train"].weighted,
            says_accuracy=self._says_accuracy(),
        )
        with self._first_weights():
            return examine(Context(subject, self.limits, several=inputs), Phase.SETUP, Phase.FIRST_BATCH)

    def _after_loss(self, batch: int, logs: dict[str, Any]) -> None:
        assert self._watch is not None
        if self._are_means is None:  # a custom training step may report metrics of its batch only
            self._are_means = set(logs) == set(self.model.get_metrics_result())
        steps = batch + 1 - min(self._sums["loss"][0] if batch else 0, batch) if self._are_means else 1
        loss = self._since("loss", batch, self._of_an_example(float(logs["loss"])))
        name = _accuracy_in(logs)
        accuracy = self._since("accuracy", batch, float(logs[name])) if name else np.nan
        if not np.isfinite(loss) and self._copies:
            self._tell(self._bad_batch())
        self._tell(self._watch.steps(self._step, np.full(steps, loss), np.full(steps, accuracy)))

    def _of_an_example(self, loss: float, split: str = "train") -> float:
        """The loss of a batch for each of its examples, if it is their sum.

        Args:
            loss: the mean loss of one or several batches.
            split: the split of these batches.
        """
        return loss / self._sizes.get(split, 1) if getattr(self.model.loss, "reduction", "") == "sum" else loss

    def _waited(self, ended: float) -> None:
        """Record how long the step waited for its batch; the first step is skipped, because it is traced meanwhile."""
        arrived = self._taps["train"].arrived
        if arrived is None or self._step == 1 or self.model.steps_per_execution != 1:
            return
        assert self._watch is not None
        begun = self._taps["train"].begun
        waited = arrived - begun
        share = waited / max(ended - begun, 1e-9) if waited > MIN_WAIT else 0.0
        self._tell(self._watch.waited(self._step, min(1.0, share)))

    def _bad_batch(self, split: str = "train", failed: bool = False) -> list[Finding]:
        """The findings about a batch without a finite loss: values that are not finite, or labels without a unit.

        Args:
            split: the split of the batch, `train` or `val`.
            failed: whether the step on the batch has raised an exception.
        """
        read = self._batch(split)
        if read is None:
            return []
        inputs, labels, _ = read
        units = self._units(inputs)
        earlier = np.concatenate([some.ravel() for some in (labels[:0], *self._seen[split].labels)])
        batch = Batch(inputs, labels, earlier, "validation" if split == "val" else "training", failed, units)
        subject = replace(self._network(), objective=of_keras(self.model, units))
        return examine(Context(subject, self.limits, Phase.BAD_BATCH, self._step, batch=batch))

    def _measure(self, batch: int) -> None:
        """Measure the scale of a batch, if it is one of the first or last ones of its epoch, and recognise it."""
        steps = (self.params or {}).get("steps") or self._epoch_steps
        measures = is_measured(batch, steps)
        counts = self._at_hand is not None and (measures or not self._drawn.is_full)
        if isinstance(self._taps["train"], Handed) or not (measures or counts):
            return
        read = self._taps["train"].read()
        if read is not None and measures:
            self._passed.take(read[0], batch, steps)
        if read is not None and counts:
            self._drawn.take(read[0], batch)

    def _keep(self, split: str) -> None:
        if split == "train" and self._epochs and isinstance(self._taps["train"], Handed):
            self._keep_order()
            return  # a later epoch has the same images
        if split == "train" and not self._epochs and self._taps["train"].weighted:
            self._keep_weights()
        if split not in self._sizes and (labels := self._taps[split].labels()) is not None:
            self._sizes[split] = len(labels)
            if split == "train" and self._watch is not None:
                self._watch.history.batch = len(labels)
        if not self._epochs and self._given[split == "val"] is None and self._is_of_numbers():
            self._seen[split].spread.take(self._taps[split].labels())
        if split == "train" and not self._epochs:
            self._keep_outputs()
            self._keep_order()
            self._keep_unlabelled()
        if self._given[split == "val"] is None and self._seen[split].count < MAX_KEPT:
            batch = self._batch(split)
            if batch is not None:
                self._seen[split].keep(*batch)

    def _keep_order(self) -> None:
        """Keep the classes of a batch, which show whether the data set is sorted."""
        labels = None if self._has_amounts else self._taps["train"].labels()
        if labels is None or labels.size > MAX_GIVEN:
            return
        classes = labels.reshape(-1) if labels.dtype.kind in "iu" else read_labels(labels).classes
        self._has_amounts = classes is None
        if classes is None or classes.min(initial=0) < 0 or classes.max(initial=0) > MAX_GIVEN:
            return
        if len(self._ordered) < MAX_KEPT:
            self._ordered.append(classes[:MAX_ORDERED])
        self._later.append(classes[:MAX_ORDERED])
        if self._call != "fit" and self._watch is not None and self._has_other_classes():
            self._watch.history.chance = None  # as where a network is trained on what another one proposes

    def _has_other_classes(self) -> bool:
        """Whether the latest steps of a script's own had other classes than the first ones."""
        if len(self._ordered) < 2 * LATER:
            return False
        first, now = counts_of(np.concatenate(self._ordered[:LATER]), np.concatenate(self._later))
        return moved(first, now) > OTHER_CLASSES

    def _keep_unlabelled(self) -> None:
        """Keep the inputs of a batch without labels, unless there are enough."""
        if sum(map(len, self._unlabelled)) < MAX_KEPT and (read := self._taps["train"].read_inputs()) is not None:
            self._unlabelled.append(read)

    def _examine_unlabelled(self) -> None:
        """Examine the inputs of a training without labels, such as that of a generator."""
        parts = [part for part in self._unlabelled if part.shape[1:] == self._unlabelled[0].shape[1:]]
        inputs = np.concatenate(parts).astype(np.float32)
        images = Images(inputs, digests=digests(inputs, np.arange(len(inputs))))
        subject = Subject(self.model, None, np.zeros(0), images, pace=self._pace(len(parts[0])))
        self._tell(examine(Context(subject, self.limits, Phase.DATA)))

    def _keep_outputs(self) -> None:
        """Keep a batch of a model with several outputs, unless there are enough."""
        kept = sum(len(keras.tree.flatten(labels)[0]) for _, labels in self.of_outputs)
        if kept < MAX_KEPT and (read := self._taps["train"].read_outputs()) is not None:
            self.of_outputs.append(read)

    def _batch(self, split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray | None] | None:
        """The last batch: inputs, packed if there are several, labels and weights; None if it cannot be read."""
        tap = self._taps[split]
        if (read := tap.read()) is not None or (several := tap.read_several()) is None:
            return read
        inputs, labels, weights = several
        new = packing_for(inputs)
        packing = packing_of(self.model) or new
        if new is None or packing is None or new.values != packing.values:
            return None  # such as texts, or sequences of other lengths
        remember_packing(self.model, packing)
        return packing.pack(inputs), labels, weights

    def _is_of_numbers(self) -> bool:
        """Whether the network predicts numbers, or if that is not known yet, may do so."""
        objective = None if self._watch is None else self._watch.subject.objective
        return objective is None or objective.kind == "error"

    def _keep_weights(self) -> None:
        """Keep the labels of a batch and their weights in the loss."""
        if sum(len(labels) for labels, _ in self._weighed) >= MAX_KEPT or (read := self._taps["train"].read()) is None:
            return
        _, labels, weights = read
        if weights is not None and weights.size == len(labels):
            self._weighed.append((labels, weights.reshape(-1)))

    def _since(self, name: str, batch: int, mean: float) -> float:
        """The mean of a metric over the steps since the last call, computed from the means that Keras reports."""
        if not self._are_means:
            return mean
        count, total = self._sums[name] if batch else (0, 0.0)
        count = min(count, batch)
        self._sums[name] = batch + 1, mean * (batch + 1)
        return (mean * (batch + 1) - total) / (batch + 1 - count)

    @contextlib.contextmanager
    def _first_weights(self) -> Iterator[None]:
        """Give the model its initial weights inside a `with` block."""
        if len(self._initial) != len(self.model.variables):
            yield
            return
        try:
            with having(self.model, self._initial):
                yield
        finally:
            self._initial = []

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Prepare to copy the next validation batch, which Keras fetches after it has called this method."""
        if not self._epochs or self._seen["val"].count < MAX_KEPT:
            self._safely(lambda: self._taps["val"].put_on(self.model))

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep a validation batch."""
        self._safely(self._taps["val"].take_off)
        self._safely(lambda: self._keep("val"))

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Release the iterator of validation batches."""
        self._safely(self._taps["val"].release)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Examine the metrics of an epoch."""
        self._safely(self._taps["train"].release)
        self._safely(lambda: self._after_epoch(logs or {}))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Restore the model's own functions, and examine the end of the training."""
        self._leave()
        self._safely(self._after_training)

    def _after_training(self) -> None:
        if self._call == "fit":
            _TRAINED.add(self.model)
        if self._rows and self._call == "fit":
            remember(self.model, self._rows, self._values)
        planned = self._planned()
        if self._watch is not None and planned:
            before = self._first_number or 0, self._epochs_before, self._evaluated
            early = [one for one in self.others if isinstance(one, keras.callbacks.EarlyStopping)]
            stops = [stopping_of(one, planned, *before) for one in early]
            stops.sort(key=lambda one: one.has_stopped)
            self._tell(self._watch.ended(self._step, stops[-1] if stops else None))
            self._test_memory(self._watch)

    def _test_memory(self, watch: Watch) -> None:
        """Test whether the network can memorise a few images, once, if it has not learned for no known reason."""
        first, self._untrained = self._untrained, []
        if len(first) != len(self.model.variables) or not is_open(self.findings, watch.history):
            return
        if fixed_rows(self.model) is not None:  # rows out of their order tell nothing about a state that is kept
            return
        subject = self._subject(whole=False)
        context = Context(subject, self.limits, step=self._step, history=watch.history, seconds=self._memory)
        for text in tested(context, first, self._diagnosis):
            self._report(f"doctor: {text}")

    def _leave(self) -> None:
        _WATCHING[:] = [doctor for doctor in _WATCHING if doctor is not self]
        for tap in self._taps.values():
            self._safely(tap.take_off)
            self._safely(tap.release)

    def ended(self, error: BaseException) -> None:
        """Called when an exception ends the training: examine the batch of its last step, and print a summary."""
        split = "val" if self._taps["val"].is_on else "train"
        in_step = self._taps[split].is_on
        self._safely(self._taps[split].take_off)
        if in_step:
            self._safely(lambda: self._after_failure(split))
        self._leave()
        causes = ", ".join(f"[{finding.cause}]" for finding in self.findings)
        steps = plural(self._step, "step")
        self._report(
            f"doctor: {self._call} was ended by {type(error).__name__} after {steps}. "
            + (f"Causes found: {causes}." if causes else "No cause had been found by then.")
        )

    def _after_failure(self, split: str) -> None:
        """Report what a failed step and its batch show.

        If the step failed while it was traced, no batch was fetched; then the next batch is examined.
        """
        self._compare(self._trainable.failed(self.model))
        if not self.model.built:
            return
        self._taps[split].fetch()
        if split == "train" and not self._looked:
            self._keep("train")
            self._look()
        self._tell(self._bad_batch(split, failed=True))

    def _start(self, is_first: bool = True) -> None:
        """Examine the network, and begin to watch.

        Args:
            is_first: whether it has its initial weights; a model without an input shape has none before a first step.
        """
        self._looked = True
        subject = self._subject(whole=False)
        limits = self.limits
        if (rows := fixed_rows(self.model)) is not None:
            limits = copy.copy(limits)
            object.__setattr__(limits, "images", rows)  # which a person may not set to 1
        findings = examine(Context(subject, limits), *BEFORE_TRAINING)
        self._tell(findings if is_first else [_after_a_step(finding) for finding in findings])
        self._watch, self._outputs = Watch(subject, None, self._steps(), limits), self._units(subject.train.inputs)
        self._watch.history.follows, self._watch.history.drawn = self.model in _TRAINED, self._drawn
        if self._given[0] is not None:
            self._watch.history.chance = self._level("train", whole=True)

    def _update_chance(self, watch: Watch) -> None:
        """Compute the chance level, once enough labels have been seen, and again when there are twice as many."""
        count = self._seen["train"].count
        if self._given[0] is None and count >= max(MIN_LABELS, 2 * self._judged):
            self._judged = count
            watch.history.chance = self._level("train", whole=False)

    def _level(self, split: str, whole: bool) -> ChanceLevel | None:
        """The chance level of the labels of a split; None if the labels or the loss do not show it.

        Args:
            split: `train` or `val`.
            whole: whether all labels of the split were seen.
        """
        assert self._watch is not None
        objective, seen = self._watch.subject.objective, self._seen[split]
        given = self._given[split == "val"]
        batches = slice(self._first_epoch if whole and split == "train" else None)
        parts = seen.labels[batches] if given is None else [np.asarray(given[1])[:: max(1, len(given[1]) // MAX_GIVEN)]]
        if objective is None or not self._reports_the_mean():
            return None
        if objective.kind == "error" and given is None and not whole:
            parts = [seen.spread.labels] if self._epochs or seen.spread.is_steady else []
        if not parts or len({part.shape[1:] for part in parts}) > 1:
            return None
        known = whole or given is not None
        level = level_of(
            objective, np.concatenate(parts), self._outputs, functools.partial(losses_of, objective), known
        )
        return None if level is not None and np.isnan(level.accuracy) and not self._reports_it_alone() else level

    def _reports_the_mean(self) -> bool:
        """Whether the reported loss is the mean of the losses of the rows, so that their level can be compared."""
        compiled = getattr(self.model, "_compile_loss", None)
        if getattr(self.model.loss, "reduction", MEAN) != MEAN or getattr(compiled, "_user_loss_weights", None):
            return False
        return not self._masks_positions()

    def _reports_it_alone(self) -> bool:
        """Whether nothing but the losses of the rows is in the reported loss, if no accuracy belongs to the loss."""
        own_step = type(self.model).train_step is not keras.Model.train_step  # it may report any loss
        return not own_step and not self.model.losses and not self._taps["train"].weighted

    def _masks_positions(self) -> bool:
        """Whether the loss may leave out positions of an example, such as the padding of a sequence."""
        layers = self.model._flatten_layers(include_self=False)
        masks = any(isinstance(one, keras.layers.Masking) or getattr(one, "mask_zero", False) for one in layers)
        return masks and len(getattr(self.model, "output_shape", None) or ()) != 2

    def _after_epoch(self, logs: dict[str, Any]) -> None:
        if not self._looked and self._seen["train"].count:  # the epoch has fewer rows than were to be gathered
            self._look()
            self._catch_up()
        self._epochs += 1
        if self._first_epoch is None:
            self._first_epoch = len(self._seen["train"].inputs)
        self._epoch_steps, self._steps_before = self._step - self._steps_before, self._step
        scales, self._passed = self._passed, Passed()
        if self._epochs == 1 and self._unlabelled:
            self._examine_unlabelled()
        if self._watch is None:
            self._after_unwatched_epoch(logs)
            return
        self._watch.history.passed.append(scales)
        epochs = self._planned()
        if self._watch.history.total_steps is None and epochs and not self._epochs_before:
            self._watch.history.total_steps = epochs * self._epoch_steps  # a generator does not know its length
        if self._epochs <= 2 and self._given[0] is None:
            self._watch.history.chance = self._level("train", whole=self._epochs == 2 and self._repeats)
        name = _accuracy_in(logs)
        accuracy = float(logs[name]) if name else np.nan
        if "loss" in logs:
            self._tell(
                self._watch.epoch(Epoch(self._step, self._of_an_example(float(logs["loss"])), accuracy, self._rate()))
            )
        findings = self._after_first_epoch() if self._epochs == 1 else []
        if "val_loss" in logs:
            val_accuracy = float(logs.get(f"val_{name}", np.nan))
            val_loss = self._of_an_example(float(logs["val_loss"]), "val")
            findings += self._watch.evaluated(self._step, val_loss, val_accuracy)
        self._tell(findings)  # together, so that findings that validation refutes are not reported

    def _after_unwatched_epoch(self, logs: dict[str, Any]) -> None:
        """Report a loss that is not finite, of a network whose steps cannot be watched."""
        if "loss" in logs and (not self._unwatched.recent or self._unwatched.is_finite):
            self._unwatched.record_steps(np.array([float(logs["loss"])]), np.array([np.nan]))
            if not np.isfinite(logs["loss"]):
                context = Context(self._network(), self.limits, Phase.STEP, self._step, history=self._unwatched)
                self._tell(finding for finding in examine(context) if finding.cause in NOT_FINITE)

    @property
    def _repeats(self) -> bool:
        """Whether the second epoch had the labels of the first one, so that these are all labels of the training."""
        labels, first = self._seen["train"].labels, self._first_epoch
        if len({part.shape[1:] for part in labels}) != 1 or self._seen["train"].count >= MAX_KEPT:
            return False
        if not labels[:first] or not labels[first:]:
            return False
        one, two = (np.sort(np.concatenate(some), axis=None) for some in (labels[:first], labels[first:]))
        return np.array_equal(one, two)

    def _rate(self) -> float:
        rate = getattr(self.model.optimizer, "learning_rate", np.nan)
        return float(np.asarray(rate))

    def _after_first_epoch(self) -> list[Finding]:
        """The findings that need more images than the first batch."""
        subject = self._subject(whole=True)
        assert self._watch is not None
        findings = examine(Context(subject, self.limits, Phase.DATA, history=self._watch.history))
        if self._call != "fit":  # a step of its own may have its own labels, as those of a GAN do
            findings = [finding for finding in findings if finding.cause != "single-class"]
        self._watch.suspect(findings, subject.val)
        self._rows = subject.train.digests
        if subject.val is not None and self._watch.history.chance is not None:
            self._watch.history.val_chance = self._level("val", whole=False)
        return findings

    def _subject(self, whole: bool) -> Subject:
        """The subject that the doctor examines, as far as it is known.

        Args:
            whole: whether to use all batches that were kept, not only the first one.
        """
        train = self._images("train", whole or self._given[0] is not None)
        val = self._images("val", True) if self._seen["val"].count else None
        labels = np.concatenate(self._seen["train"].labels[: None if whole else self._gathered])
        in_order = whole and self._given[0] is None  # the batches show the order of the data
        batch = len(self._seen["train"].inputs[0]) if self._given[0] is None else self._sizes.get("train", KERAS_BATCH)
        return Subject(
            self.model,
            of_keras(self.model, self._units(train.inputs)),
            labels,
            train,
            val,
            pace=self._pace(batch),
            weighted=self._taps["train"].weighted,
            says_accuracy=self._says_accuracy(),
            class_weights=self._class_weights(train.counts) if whole else None,
            earlier=trained_rows(self.model, self._values) if whole and self._values.size else frozenset(),
            weights=[weights for _, weights in self._weighed] if whole else (),
            weighted_classes=self._weighted_classes() if whole else None,
            first_loss=None if whole else self._first_loss,
            shuffles=self.shuffles,
            at_hand=self._at_hand,
            in_order=self._ordered if whole and self._call == "fit" else (),
            batches=[self._read(some, train.inputs).classes for some in self._seen["train"].labels] if in_order else (),
        )

    @property
    def _gathered(self) -> int:
        """The number of first batches on which the network is examined: one, or several small ones of one shape."""
        seen = self._seen["train"]
        if not seen.inputs or len(seen.inputs[0]) >= SMALL_BATCH:
            return 1
        shapes = {(x.shape[1:], y.shape[1:]) for x, y in zip(seen.inputs, seen.labels, strict=True)}
        return max(1, -(-ENOUGH_ROWS // len(seen.inputs[0]))) if len(shapes) == 1 else 1

    def _says_accuracy(self) -> bool:
        return "acc" in str(getattr(self.model._compile_metrics, "_user_metrics", "")).lower()

    def _units(self, inputs: Any) -> int:
        """The number of units of the last layer; if Keras does not know it, a pass of one image shows it."""
        shape = getattr(self.model, "output_shape", None)
        if shape is None:
            try:
                shape = passed(self.model, first_rows(inputs, 1), training=False).outputs.shape
            except Exception:  # the outputs may not be a tensor
                return 0
        return int(shape[-1] or 0) if isinstance(shape, tuple) and isinstance(shape[-1], int) else 0

    def _class_weights(self, known: np.ndarray | None) -> np.ndarray | None:
        """The mean weight of an image of each class, (classes,); None if unknown.

        Args:
            known: how often each class occurs in the split, (classes,); None if the labels are not classes.
        """
        classes = self._weighted_classes()
        if known is None or classes is None or classes.min(initial=0) < 0:
            return None
        weights, counts = np.concatenate([some for _, some in self._weighed]), np.bincount(classes, minlength=2)
        if len(counts) != len(known):
            return None
        return np.bincount(classes, weights, minlength=2) / np.maximum(counts, 1)

    def _weighted_classes(self) -> np.ndarray | None:
        """The class number of each example whose weight was kept; None if there are none, or they are not classes."""
        if not self._weighed:
            return None
        return read_labels(np.concatenate([labels for labels, _ in self._weighed])).classes

    def _read(self, labels: np.ndarray, inputs: np.ndarray) -> Labels:
        """The kind of labels; with one unit, several labels of an example are those of its positions.

        Args:
            labels: labels, as the loss gets them.
            inputs: inputs, for a network whose number of units only a pass shows.
        """
        of_positions = labels.ndim == 2 and labels.shape[1] > 1 and self._units(inputs) == 1
        return read_labels(labels[..., None] if of_positions else labels)

    def _images(self, split: str, whole: bool) -> Images:
        seen = self._seen[split]
        batches = slice(None if whole else self._gathered)
        inputs = np.concatenate(seen.inputs[batches]).astype(np.float32)
        labels = self._read(np.concatenate(seen.labels[batches]), seen.inputs[0])
        known, counts = digests(inputs, np.arange(len(inputs))), counted(labels)
        unused = np.concatenate(seen.unused[batches])
        if counts is None:
            values = labels.values.reshape(len(labels.values), -1)
            amounts = values if whole and labels.kind == "amounts" and labels.values.ndim < 3 else None
            return Images(inputs, digests=known, unused=unused, amounts=amounts)
        if not whole:  # one batch has too few labels for these checks
            return Images(inputs, digests=known, unused=unused)
        is_representative = self._given[split == "val"] is not None or seen.count < MAX_KEPT
        return Images(inputs, counts, inputs, labels.classes, known, unused, is_representative=is_representative)

    def _steps(self) -> int | None:
        epochs, steps = self._planned(), (self.params or {}).get("steps")
        return epochs * int(steps) if epochs and steps else self._loop_steps

    def _planned(self) -> int | None:
        """The number of epochs of the fit; None if unknown."""
        epochs = (self.params or {}).get("epochs")
        return int(epochs) - (self._first_number or 0) if epochs else None

    def _pace(self, batch: int) -> Pace | None:
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if optimizer is None:
            return None
        schedule, steps = optimizer._learning_rate, self._steps()
        by_schedule = isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule)
        numbers = np.linspace(0, (steps or 1000) - 1, 200)
        if by_schedule:
            rates = [float(schedule(float(n))) for n in numbers]
        else:
            rates = list(self._loop_rates) or [float(np.asarray(schedule))]
        name = OPTIMIZERS.get(type(optimizer).__name__, "")
        if name == "sgd" and float(getattr(optimizer, "momentum", 0.0)):
            name = "sgd_momentum"
        decay = float(getattr(optimizer, "weight_decay", None) or 0.0)
        epsilon = getattr(optimizer, "epsilon", None) if name in DIVIDING else None
        return Pace(name, np.asarray(rates), steps, batch, decay, None if epsilon is None else float(epsilon))

    def _safely(self, action: Callable[[], Any]) -> None:
        """Call `action`; an exception in the doctor is logged and never reaches the run."""
        try:
            action()
        except Exception:
            log.info("A check of the doctor failed", exc_info=True)

    def _tell(self, findings: Iterable[Finding]) -> None:
        for finding in self._diagnosis.add(findings):
            self._report(f"doctor: {finding}")
