"""What a check may look at. Nothing is computed before a check asks for it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from exprun.config.doctor import Doctor
from exprun.doctor.cause import Finding, Phase, Severity
from exprun.doctor.history import History
from exprun.doctor.instruments.chance import ChanceLevel
from exprun.doctor.instruments.gradients import Unreached, unreached_by
from exprun.doctor.instruments.harm import LargePart, harm_of, large_part
from exprun.doctor.instruments.inputs import first_rows, parts
from exprun.doctor.instruments.labels import Labels, read_labels
from exprun.doctor.instruments.layers import Layer, all_layers, leaves
from exprun.doctor.instruments.passes import Pass
from exprun.doctor.instruments.signal import Signal, signal_of
from exprun.doctor.instruments.task import batch_findings, task_findings
from exprun.doctor.subject import Batch, Subject

FEW = 4  # images for which outputs are compared


@dataclass
class Context:
    """What the checks of one phase may look at.

    Args:
        subject: the network, data and settings.
        limits: the settings of the doctor, with the thresholds.
        phase: the phase.
        step: the number of steps done; None before training.
        history: what was measured while the network trained; None before training.
        several: the first batch of a model with several inputs, as the model takes it; None for one input.
        batch: the batch on which training went wrong; None in all other phases.
        cause: the identifier of the cause that is being checked.
    """

    subject: Subject
    limits: Doctor
    phase: Phase = Phase.DATA
    step: int | None = None
    history: History | None = None
    several: Any = None
    batch: Batch | None = None
    cause: str = field(default="", init=False)

    def streak(self, name: str, holds: bool) -> int:
        """How often in a row something has held in this phase, this time included."""
        return int(holds) if self.history is None else self.history.streak(f"{name} {self.phase.name}", holds)

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
        return Finding(self.cause, severity, where, evidence, self.step, numbers or {}, keras, remedies=remedies)

    @property
    def model(self) -> Any:
        """The Keras model."""
        return self.subject.model

    @property
    def chance(self) -> ChanceLevel | None:
        """The chance level of the training labels; None if they are not classes, or if too few are known."""
        return None if self.history is None else self.history.chance

    @property
    def inputs(self) -> Any:
        """A few training images as the network takes them; the first batch of a model with several inputs."""
        some = self.subject.train.inputs if self.several is None else self.several
        return first_rows(some, self.limits.images)

    @cached_property
    def labels(self) -> np.ndarray:
        """The labels of `inputs`, as the loss gets them."""
        _, first = next(parts(self.inputs))
        return self.subject.labels[: len(first)]

    @cached_property
    def all_labels(self) -> Labels:
        """All known training labels, with their kind."""
        return read_labels(self.subject.labels)

    @cached_property
    def layers(self) -> list[Layer]:
        """The layers that contain no other layers, in the order of the model."""
        return leaves(self.model)

    @cached_property
    def all_layers(self) -> list[Layer]:
        """All layers in the order of the model, those that contain other layers included."""
        return all_layers(self.model)

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
            )
        return {cause: [replace(finding, step=self.step) for finding in some] for cause, some in found.items()}

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
        if objective is None or self.forward.losses is None or not self.fits:
            return ""
        return harm_of(self.forward, objective, self.labels, self.threshold("large_loss"))

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
