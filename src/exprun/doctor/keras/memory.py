"""After a training that has not learned: whether the network could memorise a few images from its first weights."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from exprun.doctor.cause import Finding, Phase, cause_of
from exprun.doctor.causes.cannot_overfit import CAUSE, OTHERS, acquittal, has_memorised
from exprun.doctor.context import Context
from exprun.doctor.diagnosis import Diagnosis, examine
from exprun.doctor.history import History

SECONDS = 3.0  # time of the test
MAX_BYTES = 40 * 2**20  # bytes of first weights that are kept for the test; a larger network makes few steps in it
UNEXPLAINED = frozenset((*CAUSE.explains, "slow-learning"))  # findings that the test decides about


def first_weights(model: Any, most: float = MAX_BYTES) -> list[np.ndarray]:
    """The values of all variables of a model; empty if they are larger than `most` bytes."""
    sizes = [int(np.prod(variable.shape)) * np.dtype("float32").itemsize for variable in model.variables]
    return [np.array(variable) for variable in model.variables] if sum(sizes) <= most else []


def is_open(findings: Sequence[Finding], history: History) -> bool:
    """Whether a training has not learned, and nothing that was found explains why.

    Args:
        findings: the findings.
        history: the losses of the training.
    """
    serious = [one for one in findings if one.severity != "note"]
    if not all(_says_nothing_more(one) for one in serious) or not history.epochs or history.has_diverged:
        return False
    return bool(serious) or history.is_no_better_than_chance


def _says_nothing_more(finding: Finding) -> bool:
    """Whether a finding says only that nothing was learned, and not why."""
    return finding.is_suspicion or finding.cause in UNEXPLAINED


def tested(context: Context, values: Sequence[np.ndarray], diagnosis: Diagnosis) -> list[str]:
    """Test whether the network can memorise a few images from its first weights; returns what is new, as texts.

    That is the finding that it cannot, or more evidence for the first finding that says only that nothing was learned.
    The model is left as it was, bit for bit.

    Args:
        context: the context of the end of a training, whose subject has the first batch.
        values: the first weights, as from `first_weights`.
        diagnosis: the findings of the training.
    """
    with having(context.model, values):
        found = diagnosis.add(examine(replace(context, phase=Phase.MEMORY)))
    losses = context.history.memory
    if found or not has_memorised(losses):
        return [str(finding) for finding in found]
    first = next((one for one in diagnosis.findings if one.severity != "note"), None)
    if first is None or not _says_nothing_more(first):
        return []
    sentence = context.worded(acquittal(losses, len(context.subject.labels)))
    remedy = first.keras if first.is_suspicion else OTHERS
    diagnosis.amend(replace(first, evidence=f"{first.evidence} {sentence}", keras=remedy))
    return [f"[{first.cause}] more evidence: {sentence} Try: {remedy or cause_of(first.cause).keras}"]


@contextlib.contextmanager
def having(model: Any, values: Sequence[np.ndarray]) -> Iterator[None]:
    """Give a model other values of its variables inside a `with` block."""
    now = [tf.identity(variable.value) for variable in model.variables]
    try:
        _assign(model.variables, values)
        yield
    finally:
        _assign(model.variables, now)


def _assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
