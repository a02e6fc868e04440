"""What a cause and a finding are. Nothing here needs TensorFlow."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from exprun.text import html_lines

Severity = Literal["note", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("note", "warning", "error")
MEASURED = "measured on the presets of this project"


class Phase(Enum):
    """When a check is made, and what it may look at."""

    DATA = "the images and labels, before training or after the first epoch"
    STRUCTURE = "how the network computes, whatever its weights and learning rate are"
    SETUP = "the network as it was built, and the settings of the run"
    FIRST_BATCH = "a batch on its way through the network with its initial weights, and back"
    MEMORY = "whether the network can memorise a few images: in the command `check`, and after a fit without success"
    FIRST_STEP = "the first step of an epoch: which variables it has changed, and which methods Keras never calls"
    STEP = "the losses of training steps"
    PROBE = "at regular steps, a few images on their way through the network and back"
    WAIT = "the time that steps wait for images"
    EPOCH = "the metrics of training epochs"
    EVALUATION = "the metrics of a validation pass"
    END = "the end of a training, and what the callbacks of the script have to do with it"
    LATER = "what a call gets after the training: `evaluate`, `predict` or a call of the network itself"
    BAD_BATCH = "a batch whose loss is not finite, or whose step has failed"


@dataclass(frozen=True)
class Threshold:
    """A number that decides whether a cause is found, which a person may change.

    Args:
        default: the value, unless a person sets another one.
        meaning: what the value decides, in one sentence.
        source: where the value comes from.
        gt: the value must be greater than this number; None for no limit.
        ge: the value must be at least this number; None for no limit.
        lt: the value must be less than this number; None for no limit.
        le: the value must be at most this number; None for no limit.
    """

    default: float
    meaning: str
    source: str = MEASURED
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None


@dataclass(frozen=True)
class Cause:
    """A reason why a network does not learn, or learns less than it could.

    Args:
        id: the identifier, in kebab case.
        why: why the cause matters, in one sentence.
        source: the publication or documentation that supports `why`.
        phases: when the check is made.
        keras: what to change in a Keras script, unless a finding has a remedy of its own.
        overrides: overrides of exprun to try, each on its own; the config gives the values of {slower}, {slowest},
            {faster}, {fastest} (learning rates) and {larger} (a batch size).
        thresholds: the thresholds of the check, by name.
        confirm: how many times in a row the check has to find the cause in a phase before it is reported, if more than
            once.
        explains: the identifiers of causes that are only consequences when this cause is found, and are not shown.
        explains_symptoms: whether all symptoms are such consequences, too.
        preempts: the identifiers of causes whose checks mean nothing in the phase in which this cause is found.
        is_symptom: whether other causes usually explain this one.
        is_refutable: whether a validation pass that is more accurate than luck explains withdraws the finding.
        is_disprovable: whether a training loss far below chance level withdraws the finding.
        in_code: whether only a change of code or data removes the cause, so that overrides can only compensate for it.
    """

    id: str
    why: str
    source: str
    phases: tuple[Phase, ...]
    keras: str
    overrides: tuple[str, ...] = ()
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    confirm: Mapping[Phase, int] = field(default_factory=dict)
    explains: tuple[str, ...] = ()
    explains_symptoms: bool = False
    preempts: tuple[str, ...] = ()
    is_symptom: bool = False
    is_refutable: bool = False
    is_disprovable: bool = False
    in_code: bool = False

    def __post_init__(self) -> None:
        _catalogue[self.id] = self


_catalogue: dict[str, Cause] = {}  # filled when `exprun.doctor.causes` is imported


def cause_of(identifier: str) -> Cause:
    """The cause with an identifier.

    Raises:
        KeyError: there is no such cause.
    """
    if identifier not in _catalogue:
        importlib.import_module("exprun.doctor.causes")  # not above, because the causes import this module
    return _catalogue[identifier]


@dataclass(frozen=True)
class Finding:
    """A cause that was found, with its evidence.

    Args:
        cause: the identifier of the cause.
        severity: `note` (worth knowing), `warning` (likely to hurt) or `error` (cannot learn as meant).
        where: the layer, split or setting that the finding is about.
        evidence: the numbers that show the cause, in one sentence.
        step: the step of the optimiser at which the cause was found; None before training.
        numbers: the numbers of the evidence, by name.
        keras: what to change in a Keras script; empty if the remedy of the cause fits this evidence.
        overrides: overrides of exprun to try, each on its own; filled in if there is a config.
        remedies: the overrides of the cause that fit this evidence; None for all of them.
        withdrawn: whether the finding withdraws an earlier one of the same cause, for the reason in `evidence`.
        is_later: whether the finding is about a call after the training, of which the training knows nothing.
    """

    cause: str
    severity: Severity
    where: str
    evidence: str
    step: int | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    keras: str = ""
    overrides: tuple[str, ...] = ()
    remedies: tuple[str, ...] | None = None
    withdrawn: bool = False
    is_later: bool = False

    @property
    def is_suspicion(self) -> bool:
        """Whether the only evidence is that nothing was learned, which any error explains as well."""
        return self.cause == "shuffled-labels" and self.severity == "warning"

    @property
    def change_of_code(self) -> str:
        """The change of the code that removes the cause, as a sentence; empty if overrides are enough."""
        cause = cause_of(self.cause)
        return "" if self.overrides and not cause.in_code else self.keras or cause.keras

    def _repr_html_(self) -> str:
        """The finding for a notebook: what was found and where, the evidence, and what to do."""
        text = str(self)
        title, _, rest = text.partition(": ")
        return html_lines(title, rest)

    def __str__(self) -> str:
        """The finding as one paragraph."""
        cause = cause_of(self.cause)
        at = "" if self.step is None else f" at step {self.step}"
        if self.withdrawn:
            return f"[{self.cause}] withdrawn{at}, {self.where}: {self.evidence}"
        overrides = ("one of: " if len(self.overrides) > 1 else "") + "; ".join(self.overrides)
        remedy = f"Try: {self.keras or cause.keras}"
        if self.overrides and cause.in_code:
            remedy += f" If you cannot change the code, try {overrides}."
        elif self.overrides:
            remedy = f"Try {overrides}."
        return f"[{self.cause}] {self.severity}{at}, {self.where}: {self.evidence} {cause.why} {remedy}"
