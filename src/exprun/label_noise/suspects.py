"""Which labels are probably wrong, given predictions of images that were held out."""

from dataclasses import dataclass

import numpy as np

from exprun.config.errors import ConfigError
from exprun.config.images import Data
from exprun.config.labels import ROWS
from exprun.label_noise.held_out import HeldOut

MOST_PROBABLE = 0.02  # a label in the list has at most this probability; above, many labels in the list are right


@dataclass(frozen=True)
class Suspects:
    """The images whose label is probably wrong.

    Args:
        held_out: all images that were judged, with their predictions.
        places: the positions of the suspects among these images, the most certain first, (suspects,).
        estimate: the number of wrong labels among all images, as confident learning estimates it.
    """

    held_out: HeldOut
    places: np.ndarray
    estimate: int

    @property
    def likely(self) -> np.ndarray:
        """The most probable class of each suspect, (suspects,)."""
        return np.asarray(self.held_out.probabilities[self.places].argmax(axis=1))

    @property
    def confidence(self) -> np.ndarray:
        """The probability of that class, (suspects,)."""
        return np.asarray(self.held_out.probabilities[self.places].max(axis=1))


def require_one_class(data: Data, what: str) -> None:
    """Refuse images with several labels or soft labels, which confident learning does not judge.

    Args:
        data: the group `data` of the config.
        what: what judges the labels, as it was typed.

    Raises:
        ConfigError: the images do not have one class each.
    """
    if data.labels in ROWS:
        raise ConfigError(f"{what} judges images of one class each, but these have data.labels={data.labels}.")


def suspects(held_out: HeldOut) -> Suspects:
    """The images whose label is probably wrong.

    Both filters of confident learning must choose an image: by the confident joint, and by the number of wrong labels
    that it estimates for each pair of classes (section 3.2 of the paper, the methods 2 and 5). Among these images, only
    labels with a very low probability are listed.

    Args:
        held_out: images with predictions.
    """
    from cleanlab.count import compute_confident_joint, estimate_joint
    from cleanlab.filter import find_label_issues

    present, labels = np.unique(held_out.labels, return_inverse=True)
    if held_out.accuracy == 1.0 or len(present) < 2:
        return Suspects(held_out, np.array([], int), 0)
    probabilities = held_out.probabilities[:, present].astype(np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    chosen = find_label_issues(labels, probabilities, filter_by="both", n_jobs=1)
    given = probabilities[np.arange(len(labels)), labels]
    places = np.flatnonzero(chosen & (given <= MOST_PROBABLE))
    margin = given[places] - probabilities[places].max(axis=1)
    joint = estimate_joint(labels, probabilities, confident_joint=compute_confident_joint(labels, probabilities))
    estimate = round(float(joint.sum() - np.trace(joint)) * len(labels))
    return Suspects(held_out, places[np.argsort(margin, kind="stable")], estimate)
