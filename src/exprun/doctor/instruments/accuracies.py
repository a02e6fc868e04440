"""Accuracies, compared with predictions of which it is known whether they are right."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from exprun.doctor.instruments.labels import Labels
from exprun.doctor.instruments.objective import Objective
from exprun.doctor.instruments.passes import Pass
from exprun.doctor.instruments.task import are_probabilities, output_activations


@dataclass(frozen=True)
class Accuracy:
    """An accuracy that a model measures.

    Args:
        name: the name under which it is reported.
        kind: the name of its class or function.
        value: computes the accuracy of a batch from labels and outputs; None if it cannot take them.
        is_own: whether the script defines it, so that it may count something else on purpose.
    """

    name: str
    kind: str
    value: Callable[[np.ndarray, np.ndarray], float | None]
    is_own: bool = False


@dataclass(frozen=True)
class Guesses:
    """Labels that are classes, and how outputs express a class.

    Args:
        labels: the labels as the model gets them, (examples, …).
        classes: the class number of each example, (examples,).
        units: the number of units of the last layer; one unit is for yes or no.
        are_logits: whether the outputs are logits, and not probabilities.
    """

    labels: np.ndarray
    classes: np.ndarray
    units: int
    are_logits: bool

    @property
    def may_have_threshold(self) -> bool:
        """Whether a threshold other than a probability of 0.5 may be meant, as for a rare class."""
        return self.units == 1 and not self.are_logits

    def made(self, margin: float, are_right: bool) -> np.ndarray:
        """Outputs that predict the right class of each example, or a wrong one, (examples, units).

        Args:
            margin: how far the logit of the predicted class is from the others.
            are_right: whether the predicted class is the right one.
        """
        if self.units == 1:
            predicted = self.classes if are_right else 1 - self.classes
            logits = np.where(predicted[:, None] == 1, margin, -margin).astype(np.float32)
            return logits if self.are_logits else 1 / (1 + np.exp(-logits))
        predicted = self.classes if are_right else (self.classes + 1) % self.units
        logits = margin * np.eye(self.units, dtype=np.float32)[predicted]
        return logits if self.are_logits else np.exp(logits) / np.exp(logits).sum(1, keepdims=True)

    def share_right(self, outputs: np.ndarray) -> float:
        """The share of the first examples whose class the outputs, (some examples, units), predict."""
        if self.units == 1:
            predicted = (outputs.reshape(-1) > (0.0 if self.are_logits else 0.5)).astype(np.int64)
        else:
            predicted = outputs.argmax(-1)
        return float((predicted == self.classes[: len(outputs)]).mean())


def guesses_of(found: Pass, objective: Objective | None, labels: Labels) -> Guesses | None:
    """How the outputs of a network express the classes of its labels; None if the labels are not one class each.

    Args:
        found: a pass of a batch through the model.
        objective: the loss; None if it is unknown.
        labels: the labels, those of the batch first.
    """
    outputs, classes = found.outputs, labels.classes
    if outputs.ndim != 2 or classes is None or not len(classes) or not np.isfinite(outputs).all():
        return None
    units = outputs.shape[-1]
    if classes.min() < 0 or classes.max() >= max(2, units):
        return None
    if labels.kind == "rows" and labels.values.shape[1:] != (units,):
        return None
    activation = (output_activations(found.calls) or ["linear"])[-1]
    if units > 1:
        are_logits = activation == "linear" and not are_probabilities(outputs)
    elif labels.kind != "binary" or objective is None:
        return None
    else:
        are_logits = objective.kind == "sigmoid" and objective.from_logits
        if activation != "sigmoid" and not are_logits and objective.kind != "error":
            return None
    return Guesses(labels.values.astype(np.float32), classes, units, are_logits)
