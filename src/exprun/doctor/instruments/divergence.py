"""A training loss that is not finite or has risen far above its first value, and which cause explains it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from exprun.doctor.history import History
from exprun.doctor.instruments.graph import unclipped_recurrence
from exprun.doctor.instruments.rates import unusual_rate
from exprun.doctor.subject import Pace
from exprun.text import rounded


@dataclass(frozen=True)
class Divergence:
    """A training loss that is not finite, or that has risen.

    Args:
        cause: the identifier of the cause that explains it best.
        where: what the finding is about.
        evidence: the numbers that show it, in one sentence.
        numbers: the numbers of the evidence, by name.
        at_once: whether no loss of the run was finite, so that no step is to blame.
    """

    cause: str
    where: str
    evidence: str
    numbers: dict[str, float] = field(default_factory=dict)
    at_once: bool = False


def divergence_of(history: History, model: Any, step: int) -> Divergence | None:
    """How the training loss has diverged; None if it has not.

    Args:
        history: the losses of the run, at least one.
        model: a Keras model, which may have a recurrent layer that explains the divergence.
        step: the number of steps done.
    """
    if not history.is_finite:
        return _not_finite(history, unclipped_recurrence(model), step)
    if not history.has_diverged:
        return None
    assert history.first_loss is not None
    unclipped, mean, lowest = unclipped_recurrence(model), history.mean_loss, history.lowest_loss
    return Divergence(
        "exploding-gradient" if unclipped else "learning-rate-high",
        "training",
        f"Over the last {len(history.recent)} steps, the loss is {rounded(mean)}; it started at "
        f"{rounded(history.first_loss)}, and its lowest value was {rounded(lowest)}.{unclipped}",
        {"loss": mean, "lowest": lowest},
    )


def _not_finite(history: History, unclipped: str, step: int) -> Divergence:
    finite = [value for value, _ in history.recent if np.isfinite(value)]
    rose = bool(finite) and finite[-1] > 3 * max(history.lowest_loss, 1e-6)
    at_once = history.first_loss is not None and not np.isfinite(history.first_loss)
    at_once = at_once and not (unclipped and step > 1)  # Keras may report one loss for several steps
    late = "exploding-gradient" if unclipped else "learning-rate-high" if rose else "not-finite"
    return Divergence(
        "not-finite" if at_once else late,
        "loss",
        f"The loss is {history.recent[-1][0]}"
        + (", and has not been finite since the first reported loss" if at_once else "")
        + (
            f"; before that, it had risen from {rounded(history.lowest_loss)} to {rounded(finite[-1])}."
            if rose
            else "."
        )
        + ("" if at_once else unclipped),
        at_once=at_once,
    )


def is_of_a_usual_rate(found: Divergence | None, pace: Pace | None, usual: Sequence[float] | None) -> bool:
    """Whether steps overshoot although the learning rate is usual, so that the size of the numbers is to blame.

    Args:
        found: how the loss has diverged; None if it has not.
        pace: the learning rates of the run; None if unknown.
        usual: the lowest and the highest usual learning rate of the optimiser; None if unknown.
    """
    if found is None or found.cause != "learning-rate-high" or usual is None:
        return False
    return pace is not None and pace.highest_rate is not None and unusual_rate(pace, usual, 1) is None
