"""The predictions of the selected weights for the images of a split: losses, confusions, errors and calibration."""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from exprun.classification import BINS
from exprun.data import Dataset
from exprun.run_folder import RunFolder

PIECE = 1 << 22  # logits that are converted to float64 at a time
SPLITS = {"test": "test", "val": "validation"}  # the splits in `predictions.npz`, the one that a page shows first


@dataclass(frozen=True)
class Outcomes:
    """The predictions of the images of a split.

    Args:
        split: the name of the split, for people.
        classes: the names of the classes, in the order of the logits.
        labels: the true classes, (images,).
        logits: the logits, (images, classes).
        rows: the positions of the images in the data set, (images,).
        files: the file of each image; empty without files.
    """

    split: str
    classes: Sequence[str]
    labels: np.ndarray
    logits: np.ndarray
    rows: np.ndarray
    files: Sequence[str] = ()

    @classmethod
    def of_logits(cls, logits: dict[str, np.ndarray], dataset: Dataset) -> "Outcomes | None":
        """The outcomes of the test images, or of the validation images without them; None without logits.

        Args:
            logits: the logits of each split, `val` and `test`.
            dataset: the data set of the run.
        """
        for key, split in (("test", dataset.test), ("val", dataset.val)):
            if key in logits and split is not None:
                files = [dataset.files[row] for row in split.rows] if dataset.files else ()
                return cls(SPLITS[key], dataset.classes, split.row_labels, logits[key], split.rows, files)
        return None

    @classmethod
    def read(cls, folder: RunFolder) -> "Outcomes | None":
        """The outcomes that a run has stored; None if there are none, or if they cannot be read."""
        try:
            return _read(folder.predictions)
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            return None

    @cached_property
    def predictions(self) -> np.ndarray:
        """The predicted classes, (images,)."""
        found: np.ndarray = self.logits.argmax(axis=1)
        return found

    @cached_property
    def is_finite(self) -> bool:
        """Whether all logits are finite, so that there are probabilities."""
        return bool(np.isfinite(self.logits).all())

    @cached_property
    def _log_sums(self) -> np.ndarray:
        """The logarithm of the sum of exponentials of the logits of each image, (images,)."""
        found = [
            (logits.max(axis=1, keepdims=True), logits)
            for logits in (self.logits[rows].astype(np.float64) for rows in self._pieces())
        ]
        return np.concatenate([np.log(np.exp(one - high).sum(axis=1)) + high[:, 0] for high, one in found])

    def _pieces(self) -> Iterator[slice]:
        rows = max(1, PIECE // self.logits.shape[1])
        return (slice(start, start + rows) for start in range(0, len(self.logits), rows))

    @cached_property
    def losses(self) -> np.ndarray:
        """The cross-entropy of each image, (images,)."""
        found: np.ndarray = self._log_sums - self.logits[np.arange(len(self.labels)), self.labels]
        return found

    @cached_property
    def confidence(self) -> np.ndarray:
        """The probability of the predicted class of each image, (images,)."""
        found: np.ndarray = np.exp(self.logits.max(axis=1) - self._log_sums)
        return found

    @cached_property
    def errors(self) -> np.ndarray:
        """The positions of the images that are classified wrongly, in ascending order."""
        return np.flatnonzero(self.predictions != self.labels)

    @property
    def accuracy(self) -> float:
        """The share of the images that are classified correctly."""
        return 1 - len(self.errors) / len(self.labels)

    def alternatives(self, image: int, most: int = 3) -> list[tuple[str, float]]:
        """The classes with the highest probability of an image, with that probability.

        Args:
            image: the position of the image.
            most: the largest number of classes.
        """
        logits = self.logits[image].astype(np.float64)
        best = np.argsort(-logits, kind="stable")[:most]
        return [(self.classes[one], float(np.exp(logits[one] - self._log_sums[image]))) for one in best]

    @cached_property
    def cells(self) -> np.ndarray:
        """The cells of the confusion matrix that are not 0: true class, predicted class, images, (cells, 3)."""
        count = len(self.classes)
        numbers, images = np.unique(self.labels.astype(np.int64) * count + self.predictions, return_counts=True)
        return np.stack((numbers // count, numbers % count, images), axis=1)

    @cached_property
    def confusions(self) -> np.ndarray:
        """The cells with wrong predictions, the most frequent first, (cells, 3)."""
        wrong = self.cells[self.cells[:, 0] != self.cells[:, 1]]
        return wrong[np.argsort(-wrong[:, 2], kind="stable")]

    def calibration(self) -> list[tuple[float, float, int]]:
        """The mean confidence, the accuracy and the number of images of each bin that has images.

        The bins have equal widths: Guo et al. 2017, On Calibration of Modern Neural Networks (arXiv:1706.04599),
        section 2.
        """
        bins = np.clip(np.ceil(self.confidence * BINS).astype(int) - 1, 0, BINS - 1)
        images = np.bincount(bins, minlength=BINS)
        confidence = np.bincount(bins, self.confidence, BINS)
        right = np.bincount(bins, self.predictions == self.labels, BINS)
        return [
            (float(confidence[one] / images[one]), float(right[one] / images[one]), int(images[one]))
            for one in np.flatnonzero(images)
        ]


def _read(path: Path) -> Outcomes | None:
    with np.load(path) as file:
        for key, name in SPLITS.items():
            if f"{key}_logits" in file:
                files = file[f"{key}_files"].tolist() if f"{key}_files" in file else ()
                logits, labels, rows = (file[f"{key}_{part}"] for part in ("logits", "labels", "rows"))
                return Outcomes(name, file["classes"].tolist(), labels, logits, rows, files)
    return None
