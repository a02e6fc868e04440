"""What a check may look at. Nothing is computed before a check asks for it."""

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from exprun.config.doctor import Doctor
from exprun.doctor.cause import Finding, Phase, Severity
from exprun.doctor.history import History
from exprun.doctor.instruments import graph
from exprun.doctor.instruments.accuracies import Accuracy
from exprun.doctor.instruments.chance import ChanceLevel, level_of
from exprun.doctor.instruments.divergence import Divergence, divergence_of
from exprun.doctor.instruments.gradients import Unreached, unreached_by
from exprun.doctor.instruments.harm import LargePart, harm_of, large_part
from exprun.doctor.instruments.hooks import Hook
from exprun.doctor.instruments.inputs import first_rows, parts
from exprun.doctor.instruments.labels import ClassCounts, Labels, class_counts, read_labels
from exprun.doctor.instruments.layers import Layer, all_layers, leaves
from exprun.doctor.instruments.leaks import Leak, Prints, equal_by_luck, find_leaks, repeated
from exprun.doctor.instruments.loss_trials import is_sum
from exprun.doctor.instruments.packing import as_taken
from exprun.doctor.instruments.passes import Pass
from exprun.doctor.instruments.signal import Signal, signal_of
from exprun.doctor.instruments.task import batch_findings, task_findings
from exprun.doctor.instruments.trained import Trained
from exprun.doctor.instruments.weights import Weight, left_out, typical_move
from exprun.doctor.subject import Batch, Subject
from exprun.doctor.use import Use

IMAGE = re.compile(r"\b(an )?image(?=s?\b)", re.IGNORECASE)
REPEATED = 0.3  # share of sequences that equal others in training, above which copies elsewhere are to be expected
FEW = 4  # images that show which layers and variables a network uses


@dataclass
class Context:
    """What the checks of one phase may look at.

    Args:
        subject: the network, data and settings.
        limits: the settings of the doctor, with the thresholds.
        phase: the phase.
        step: the number of steps done; None before training.
        history: what was measured while the network trained; empty before training.
        several: the first batch of a model with several inputs, as the model takes it; None for one input.
        batch: the batch on which training went wrong; None in all other phases.
        trained: the variables of which the first step of an epoch and `layer.trainable` say different things; None if
            they agree.
        idle: the layers that a step has trained, or made use of, in inference mode; empty if there are none.
        hooks: the methods of callbacks and data sets that look like hooks, but that Keras never calls.
        use: the calls after the training that are checked; None in all other phases.
        cause: the identifier of the cause that is being checked.
        finds: whether the check of another cause finds it in this phase, by its identifier.
    """

    subject: Subject
    limits: Doctor
    phase: Phase = Phase.DATA
    step: int | None = None
    history: History = field(default_factory=lambda: History(None))
    several: Any = None
    batch: Batch | None = None
    trained: Trained | None = None
    idle: Sequence[Layer] = ()
    hooks: Sequence[Hook] = ()
    use: Use | None = None
    cause: str = field(default="", init=False)
    finds: Callable[[str], bool] = field(default_factory=lambda: lambda identifier: False, init=False)

    def __post_init__(self) -> None:
        some = self.subject.train.inputs
        if self.several is None and (taken := as_taken(self.subject.model, some)) is not some and len(some):
            self.several = taken

    def streak(self, name: str, holds: bool) -> int:
        """How often in a row something has held in this phase, this time included."""
        return self.history.streak(f"{name} {self.phase.name}", holds)

    def at(self, phase: Phase) -> "Context":
        """This context in another phase."""
        return self if phase is self.phase else replace(self, phase=phase)

    def threshold(self, name: str) -> float:
        """The value of a threshold."""
        value = getattr(self.limits, name)
        assert value is not None
        return float(value)

    def finding(
        self,
        severity: Severity,
        where: str,
        evidence: str,
        numbers: dict[str, float] | None = None,
        keras: str = "",
        remedies: tuple[str, ...] | None = None,
    ) -> Finding:
        """A finding of the cause that is being checked, at the current step."""
        found = Finding(self.cause, severity, where, evidence, self.step, numbers or {}, keras, remedies=remedies)
        return self._worded(replace(found, is_later=self.use is not None))

    def _worded(self, finding: Finding) -> Finding:
        """The finding with the word for what the network sees: images, rows of a table, or other examples."""
        inputs = self.subject.train.inputs if self.several is None else None
        rank = 3 if inputs is None else inputs.ndim if len(inputs) else None
        if rank is None or rank > 3:  # maps of pixels, or unknown
            return finding
        word, article = ("row", 1) if rank < 3 else ("example", 2)

        def named(text: str) -> str:
            return IMAGE.sub(lambda found: f"{found[1][:article]} {word}" if found[1] else word, text)

        return replace(
            finding, where=named(finding.where), evidence=named(finding.evidence), keras=named(finding.keras)
        )

    @property
    def model(self) -> Any:
        """The Keras model."""
        return self.subject.model

    @property
    def chance(self) -> ChanceLevel | None:
        """The chance level of the training labels; None if they are not classes, or if too few are known."""
        return self.history.chance

    @cached_property
    def comparable_chance(self) -> ChanceLevel | None:
        """The chance level, if training losses can be compared with it: without class weights and regularisers."""
        return None if self.chance is None or self.subject.weighted or self.model.losses else self.chance

    @property
    def inputs(self) -> Any:
        """A few training images as the network takes them; the first batch of a model with several inputs."""
        some = self.subject.train.inputs if self.several is None else self.several
        return first_rows(some, self.limits.images)

    @property
    def rows(self) -> np.ndarray:
        """The images of `inputs` as one array, in which several inputs of a model lie side by side."""
        return self.subject.train.inputs[: self.limits.images]

    @cached_property
    def labels(self) -> np.ndarray:
        """The labels of `inputs`, as the loss gets them."""
        _, first = next(parts(self.inputs))
        return self.subject.labels[: len(first)]

    @cached_property
    def all_labels(self) -> Labels:
        """All known training labels, with their kind."""
        return read_labels(self.subject.labels)

    @property
    def has_positions(self) -> bool:
        """Whether each image has a label at many positions, such as pixels or words."""
        labels = self.all_labels
        return labels.values.ndim > 2 or (labels.values.ndim == 2 and labels.kind != "rows" and not labels.are_single)

    @cached_property
    def ignores_labels(self) -> bool:
        """Whether a loss of one's own does not use the labels, such as that of triplets, which gets any numbers."""
        objective = self.subject.objective
        if objective is None or objective.kind != "unknown":
            return False
        try:
            outputs = self.forward.outputs
            labels = self.labels[: len(outputs)]
            one, other = (self.losses(outputs, some.astype(labels.dtype)) for some in (labels, labels + 1))
        except Exception:  # a custom loss may expect other labels
            return False
        return np.array_equal(one, other)

    @property
    def class_counts(self) -> ClassCounts | None:
        """How often each class occurs in training; None if the labels are not classes, or fewer than two are known."""
        return class_counts(self.subject.train.counts)

    @cached_property
    def leaks(self) -> dict[str, Leak]:
        """Images of a split that are also in a split that is used earlier, by the name of the later split."""
        if self.subject.val is None or self.has_equal_rows:
            return {}
        return find_leaks(self.prints, self.threshold("leak"))

    @cached_property
    def prints(self) -> list[Prints]:
        """The fingerprints of the images of each split, training first."""
        return self.subject.prints()

    @cached_property
    def has_equal_rows(self) -> bool:
        """Whether rows are equal by luck, so that copies in other splits are to be expected.

        A part of the threshold is enough, because columns that depend on one another make equal rows more frequent.
        """
        train = self.subject.train
        if train.inputs.ndim == 3 and repeated(train.digests) > REPEATED:  # windows of a series that repeats itself
            return True
        return equal_by_luck(train.inputs) > self.threshold("leak") / 4

    @cached_property
    def layers(self) -> list[Layer]:
        """The layers that contain no other layers, in the order of the model."""
        return leaves(self.model)

    @cached_property
    def all_layers(self) -> list[Layer]:
        """All layers in the order of the model, those that contain other layers included."""
        return all_layers(self.model)

    @cached_property
    def dropped(self) -> list[Layer]:
        """The layers that were called but whose output does not reach the output of the model."""
        return graph.dropped(self.model)

    @cached_property
    def has_own_code(self) -> bool:
        """Whether the model may compute something between its layers that no list of layers shows."""
        return graph.has_own_code(self.model)

    @cached_property
    def trained_norms(self) -> list[Layer]:
        """The layers of batch norm that are not frozen, without those of classes derived from Keras' own."""
        return [layer for layer in self.layers if layer.is_plain_batch_norm and layer.layer.trainable]

    @property
    def usual_rates(self) -> list[float] | None:
        """The lowest and the highest usual learning rate of the optimiser; None if unknown."""
        pace = self.subject.pace
        return None if pace is None else (self.limits.rates or {}).get(pace.optimizer)

    @cached_property
    def untracked(self) -> list[str]:
        """The trainable variables that affect the output but that the model does not track, each with its shape."""
        from exprun.doctor.instruments.untracked import untracked

        return untracked(self.model, first_rows(self.inputs, FEW))

    def is_fresh(self, layer: Layer) -> bool:
        """Whether the weights of a layer look as its initialiser left them."""
        from exprun.doctor.instruments.freshness import is_fresh

        return is_fresh(layer)

    @cached_property
    def forward(self) -> Pass:
        """A pass of `inputs` in training mode, with gradients if the loss takes the labels."""
        from exprun.doctor.instruments.recording import there_and_back

        return there_and_back(self.model, self.subject.objective, self.inputs, self.labels)

    @cached_property
    def evaluated(self) -> Pass:
        """A pass of `inputs` in inference mode, without gradients."""
        from exprun.doctor.instruments.recording import passed

        return passed(self.model, self.inputs, training=False)

    def evaluated_on(self, inputs: np.ndarray, exactly: bool = False) -> Pass:
        """A pass of other images in inference mode, without gradients.

        Args:
            inputs: the images, (images, …).
            exactly: whether layers of mixed precision compute in float32.
        """
        from exprun.doctor.instruments.recording import in_float32, passed

        with in_float32(self.model) if exactly else contextlib.nullcontext():
            return passed(self.model, inputs, training=False)

    @cached_property
    def accuracies(self) -> list[Accuracy]:
        """The accuracies that the model was compiled with."""
        from exprun.doctor.instruments.metrics import accuracies_of

        return accuracies_of(self.model)

    @cached_property
    def first_outputs(self) -> list[np.ndarray]:
        """The outputs for the whole first batch, in training mode and in inference mode."""
        from exprun.doctor.instruments.recording import passed

        some = self.subject.train.inputs if self.several is None else self.several
        batch = first_rows(some, len(self.subject.labels))
        return [passed(self.model, batch, training).outputs for training in (True, False)]

    @cached_property
    def sums(self) -> bool:
        """Whether the loss of a batch is the sum of the losses of its examples."""
        objective = self.subject.objective
        if objective is None or self.forward.losses is None:
            return False
        return is_sum(objective, self.forward.outputs, self.labels)

    @cached_property
    def training_loss(self) -> float | None:
        """The mean loss of `inputs` in training mode; None without a loss."""
        from exprun.doctor.instruments.recording import passed

        return self._mean_loss(lambda: passed(self.model, self.inputs, training=True))

    @cached_property
    def inference_loss(self) -> float | None:
        """The mean loss of `inputs` in inference mode; None without a loss."""
        return self._mean_loss(lambda: self.evaluated)

    def _mean_loss(self, make: Callable[[], Pass]) -> float | None:
        return None if self.subject.objective is None else float(self.losses(make().outputs, self.labels).mean())

    @cached_property
    def lag(self) -> tuple[float, float] | None:
        """The loss of `inputs` in training mode and in inference mode, if batch norm makes the second far worse."""
        has_norm = any(layer.isa("BatchNormalization") for layer in self.layers)
        evaluated = self.inference_loss if has_norm else None
        if self.chance is None or evaluated is None:
            return None
        # The training loss mostly shows without a second pass that no moving average lags.
        if evaluated <= max(self.chance.loss, self.history.evaluations[-1].trained):
            return None
        trained = self.training_loss
        return (trained, evaluated) if trained is not None and evaluated > 2 * trained else None

    @cached_property
    def has_learned(self) -> bool:
        """Whether the loss of the images of a probe is clearly below chance level, or below that of the first probe."""
        loss, first = self.forward.loss, self.history.first_probe_loss
        if loss is None or first is None:
            return False
        if self.chance is not None and self.chance.of_numbers:
            return loss < 0.5 * first or self.explains_numbers
        return loss < (0.5 * first if self.chance is None else 0.9 * self.chance.loss)

    @cached_property
    def first_level(self) -> ChanceLevel | None:
        """The chance level of the labels at hand; None if they do not show it."""
        objective, labels = self.subject.objective, self.all_labels.values
        return None if objective is None else level_of(objective, labels, self.forward.outputs.shape[-1], self.losses)

    @cached_property
    def explains_numbers(self) -> bool:
        """Whether the loss of the images of a probe is clearly below that of predicting the mean of their targets."""
        loss, objective, outputs = self.forward.loss, self.subject.objective, self.forward.outputs
        if loss is None or objective is None or self.chance is None:
            return False
        own = level_of(objective, self.labels, outputs.shape[-1], self.losses)
        return loss < 0.9 * max(self.chance.loss, 0.0 if own is None else own.loss)

    @cached_property
    def weights(self) -> list[Weight]:
        """The trainable variables, each with some of its values."""
        from exprun.doctor.instruments.sampling import sampled

        return sampled(self.model)

    @property
    def has_finite_weights(self) -> bool:
        """Whether all trainable variables are finite."""
        return all(weight.is_finite for weight in self.weights)

    @cached_property
    def left_out(self) -> list[Weight]:
        """The matrices of weights that have not changed since the last probe, for no other reason than the step."""
        moves = self.history.moves
        if moves is None or self.finds("dead-relu") or self.finds("vanishing-gradient"):
            return []
        return left_out(self.weights, self.forward.gradients, moves)

    @property
    def typical_move(self) -> float | None:
        """The median change of a matrix of weights in a step since the last probe, relative to its norm."""
        return None if self.history.moves is None else typical_move(self.history.moves, self.left_out)

    @cached_property
    def divergence(self) -> Divergence | None:
        """How the training loss is not finite or has risen; None if it is neither."""
        return divergence_of(self.history, self.model, self.step or 0)

    def losses(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The loss of each example, (batch,), of outputs other than those of the network or with other labels."""
        from exprun.doctor.instruments.recording import losses_of

        assert self.subject.objective is not None
        return losses_of(self.subject.objective, outputs, labels)

    @cached_property
    def task(self) -> dict[str, list[Finding]]:
        """The findings about how the last layer, the loss and the labels fit together, by cause."""
        objective, found = self.subject.objective, {}
        if objective is not None and self.batch is not None:
            found = batch_findings(objective, self.batch)
        elif objective is not None:
            found = task_findings(
                self.forward,
                objective,
                self.all_labels,
                self.subject.says_accuracy,
                lambda: self.losses(self.forward.outputs, self.labels),
                self.several is not None,
            )
        return {
            cause: [self._worded(replace(finding, step=self.step)) for finding in some] for cause, some in found.items()
        }

    @property
    def fits(self) -> bool:
        """Whether last layer, loss and labels fit together, so that the size of the loss means something."""
        return not self.task and bool(np.isfinite(self.all_labels.values).all())

    @cached_property
    def signal(self) -> Signal | None:
        """The differences between images on their way; None if they cannot be followed."""
        return signal_of(self.forward, self.several)

    @cached_property
    def harm(self) -> str:
        """The clause that says how large inputs harm the network; empty if they do not, or if nothing shows it."""
        objective = self.subject.objective
        if objective is None or self.forward.losses is None:
            return ""
        return harm_of(self.forward, objective, self.labels, self.threshold("large_loss"), self.fits)

    @cached_property
    def large_part(self) -> LargePart | None:
        """The first of several inputs that is large and harms the network; None if there is none."""
        if self.several is None or not self.harm:
            return None
        return large_part(self.forward, self.inputs, self.threshold("large_input"))

    @cached_property
    def unreached(self) -> Unreached | None:
        """The trainable variables that get no gradient from the loss; None if all of them get one."""
        return unreached_by(self.forward, self.model)

    @cached_property
    def ignores_unreached(self) -> bool:
        """Whether the outputs stay the same if the layers that hold these variables give zeros."""
        from exprun.doctor.instruments.recording import passed

        if self.unreached is None or not self.unreached.layers:
            return False
        few, layers = first_rows(self.inputs, FEW), self.unreached.layers
        plain, silent = (passed(self.model, few, training=False, muted=muted).outputs for muted in ((), layers))
        return np.array_equal(plain, silent)

    def memorised(self, images: int, seconds: float, is_enough: Callable[[list[float]], bool]) -> list[float]:
        """The losses before each step on the first images alone.

        Args:
            images: the number of images.
            seconds: the time after which no further step is made.
            is_enough: whether the losses so far are enough.
        """
        from exprun.doctor.instruments.memory import memorised

        subject = self.subject
        assert subject.objective is not None
        inputs, labels = subject.train.inputs[:images], subject.labels[:images]
        return memorised(self.model, subject.objective, inputs, labels, seconds, is_enough)
