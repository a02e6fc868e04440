"""The data that the pictures of a page are drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exprun.doctor.history import History
from exprun.doctor.subject import Subject
from exprun.doctor_page.statistics import Statistics
from exprun.pages.depth import Depth


@dataclass(frozen=True)
class Material:
    """The known values of a network, its data and its training; each may be unknown.

    Args:
        subject: the network and some of its images, as the network gets them; None if no batch is known.
        labels: the label of each of the first training images, as the loss gets it, (images, …).
        val_labels: the same of the validation images.
        outputs: the outputs of the network for the first training images, (images, classes); None if unknown.
        depths: the signal through the depth: of the network first, then of what to compare it with.
        batch: the number of images in a batch, if the first training images are those of the first batches, in their
            order; otherwise 0.
        history: what was measured while the network trained; None before training.
        statistics: the standard deviations at the batch norms of the network; None without one.
        trained: the outputs for the first training images in training mode, (images, outputs); None if unknown.
    """

    subject: Subject | None = None
    labels: np.ndarray | None = None
    val_labels: np.ndarray | None = None
    outputs: np.ndarray | None = None
    depths: Sequence[Depth] = ()
    batch: int = 0
    history: History | None = None
    statistics: Statistics | None = None
    trained: np.ndarray | None = None
