"""The predictions of the selected weights for the images of a split: losses, confusions, errors and calibration.

If images may have several labels, an image is classified wrongly if one of its labels is; there are no confusions.
"""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from exprun import classification
from exprun.classification import BINS
from exprun.data import Dataset
from exprun.data.label_values import named
from exprun.run_folder import RunFolder

PIECE = 1 << 22  # logits that are converted to float64 at a time
SPLITS = {"test": "test", "val": "validation"}  # the splits in `predictions.npz`, the one that a page shows first


@dataclass(frozen=True)
class Outcomes:
    """The predictions of the images of a split.

    Args:
        split: the name of the split, for people.
        classes: the names of the classes, in the order of the logits.
        labels: the true classes, (images,); or several labels, 0 or 1, (images, classes).
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

    @property
    def has_several(self) -> bool:
        """Whether an image may have several labels."""
        return self.labels.ndim > 1

    @cached_property
    def predictions(self) -> np.ndarray:
        """The predicted classes, (images,); or the predicted labels, (images, classes)."""
        return classification.predicted(self.labels, self.logits)

    def named(self, label: np.ndarray | int, separator: str = " + ") -> str:
        """The name of a class, or the names of several labels, as `label_values.named` returns them."""
        return named(label, self.classes, separator)

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
        if self.has_several:
            return np.asarray(classification.binary_cross_entropies(self.labels, self.logits).mean(axis=1))
        found: np.ndarray = self._log_sums - self.logits[np.arange(len(self.labels)), self.labels]
        return found

    @cached_property
    def _certainty(self) -> np.ndarray:
        """The probability of the prediction for each of several labels, 0.5 or more, (images, classes)."""
        return np.asarray(1 / (1 + np.exp(-np.abs(self.logits.astype(np.float64)))))

    @cached_property
    def doubtful(self) -> np.ndarray:
        """Of several labels, the one that `confidence` is about, as the number of its class, (images,).

        It is the most certain of the wrong predictions of an image; if all are right, the least certain of them.
        """
        wrong = self.predictions != self.labels
        most_wrong = np.where(wrong, self._certainty, 0).argmax(axis=1)
        return np.where(wrong.any(axis=1), most_wrong, self._certainty.argmin(axis=1))

    @cached_property
    def confidence(self) -> np.ndarray:
        """The probability of the predicted class of each image, or of the label in `doubtful`, (images,)."""
        if self.has_several:
            return np.asarray(self._certainty[np.arange(len(self.labels)), self.doubtful])
        found: np.ndarray = np.exp(self.logits.max(axis=1) - self._log_sums)
        return found

    @cached_property
    def errors(self) -> np.ndarray:
        """The positions of the images that are classified wrongly, in ascending order."""
        wrong = self.predictions != self.labels
        return np.flatnonzero(wrong.any(axis=1) if self.has_several else wrong)

    @property
    def accuracy(self) -> float:
        """The share of the images that are classified correctly, with all of their labels."""
        return 1 - len(self.errors) / len(self.labels)

    def alternatives(self, image: int, most: int = 3) -> list[tuple[str, float]]:
        """The classes with the highest probability of an image, with that probability.

        Args:
            image: the position of the image.
            most: the largest number of classes.
        """
        logits = self.logits[image].astype(np.float64)
        best = np.argsort(-logits, kind="stable")[:most]
        if self.has_several:
            return [(self.classes[one], float(1 / (1 + np.exp(-logits[one])))) for one in best]
        return [(self.classes[one], float(np.exp(logits[one] - self._log_sums[image]))) for one in best]

    @cached_property
    def cells(self) -> np.ndarray:
        """The cells of the confusion matrix that are not 0: true class, predicted class, images, (cells, 3)."""
        if self.has_several:
            return np.zeros((0, 3), np.int64)
        count = len(self.classes)
        numbers, images = np.unique(self.labels.astype(np.int64) * count + self.predictions, return_counts=True)
        return np.stack((numbers // count, numbers % count, images), axis=1)

    @cached_property
    def confusions(self) -> np.ndarray:
        """The cells with wrong predictions, the most frequent first, (cells, 3)."""
        wrong = self.cells[self.cells[:, 0] != self.cells[:, 1]]
        return wrong[np.argsort(-wrong[:, 2], kind="stable")]

    @property
    def decisions(self) -> tuple[np.ndarray, np.ndarray]:
        """The confidence of each prediction and whether it is right: of each image, or of each of several labels."""
        right = self.predictions == self.labels
        return (self._certainty.ravel(), right.ravel()) if self.has_several else (self.confidence, right)

    def calibration(self) -> list[tuple[float, float, int]]:
        """The mean confidence, the accuracy and the number of images, or labels, of each bin that has some.

        The bins have equal widths: Guo et al. 2017, On Calibration of Modern Neural Networks (arXiv:1706.04599),
        section 2.
        """
        confidences, are_right = self.decisions
        bins = np.clip(np.ceil(confidences * BINS).astype(int) - 1, 0, BINS - 1)
        images = np.bincount(bins, minlength=BINS)
        confidence = np.bincount(bins, confidences, BINS)
        right = np.bincount(bins, are_right, BINS)
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
