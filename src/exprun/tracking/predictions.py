"""The record of what the selected weights predict: logits, metrics of classes, confusions and errors, in four files."""

import csv
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from exprun import classification
from exprun.classification import PerClass
from exprun.data import Dataset, Split
from exprun.data.label_values import SEPARATOR
from exprun.files import PART
from exprun.run_folder import RunFolder
from exprun.run_page.outcomes import Outcomes
from exprun.trainer.events import Event, Predicted

HALF_ABOVE = 25_000_000  # logits of a split above which they are written in float16: 100 MB in float32
MAX_FULL_MATRIX = 200  # classes up to which the full confusion matrix is written
MAX_ERRORS = 1000  # wrong predictions that are written
WORST = 3  # classes with the lowest recall that the summary of a run names


class Predictions:
    """A listener that keeps the logits of the validation and test images.

    Args:
        folder: the run's folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._predicted: Predicted | None = None

    def __call__(self, event: Event) -> None:
        """Keep the logits if the event has them."""
        if isinstance(event, Predicted):
            self._predicted = event

    def classes(self, split: str, dataset: Dataset) -> np.ndarray | None:
        """The predicted class of each image of a split, (images,), or its predicted labels, (images, classes).

        Args:
            split: the split, `val` or `test`.
            dataset: the data set of the run.

        Returns:
            The predictions; None if the split was not measured.
        """
        logits = self._predicted.logits.get(split) if self._predicted is not None else None
        return None if logits is None else classification.predicted(dataset.train.labels, logits)

    def outcomes(self, dataset: Dataset) -> Outcomes | None:
        """The predictions of the test images, or of the validation images without them; None if none were measured.

        Args:
            dataset: the data set of the run.
        """
        return None if self._predicted is None else Outcomes.of_logits(self._predicted.logits, dataset)

    def write(self, dataset: Dataset) -> None:
        """Write what the selected weights predict, if the run has measured them.

        `predictions.npz` has the logits, `classes.csv` the metrics of each class, `confusion.json` the confusion matrix
        of the test images, which several labels have not, and `errors.csv` the wrong predictions with the highest loss.

        Args:
            dataset: the data set of the run.

        Raises:
            OSError: a file cannot be written.
        """
        if self._predicted is None:
            return
        arrays: dict[str, Any] = {"classes": np.array(dataset.classes), "step": np.array(self._predicted.step)}
        for name, split in _splits(dataset).items():
            logits = self._predicted.logits[name]
            arrays |= {
                f"{name}_logits": logits.astype(np.float16 if logits.size > HALF_ABOVE else np.float32),
                f"{name}_labels": split.row_labels.astype(np.int32),
                f"{name}_rows": split.rows.astype(np.int64),
            }
            if dataset.files:
                arrays[f"{name}_files"] = np.array([dataset.files[row] for row in split.rows])
        temporary = self.folder.predictions.with_name(f".{self.folder.predictions.name}{PART}")
        try:
            with open(temporary, "wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
            os.replace(temporary, self.folder.predictions)
        finally:
            temporary.unlink(missing_ok=True)
        self._write_classes(dataset)
        found = self.classes("test", dataset)
        if dataset.test is not None and found is not None and not dataset.has_several:
            write_confusion(self.folder.path, dataset.classes, dataset.test.row_labels, found)
        outcomes = self.outcomes(dataset)
        if outcomes is not None and outcomes.is_finite:
            write_errors(self.folder.path, outcomes)

    def worst(self, dataset: Dataset) -> str:
        """The classes with the lowest recall, as text; empty if the classes are even or nothing was measured.

        Args:
            dataset: the data set of the run.
        """
        if self._predicted is None or not classification.uneven(dataset.train.row_labels, len(dataset.classes)):
            return ""
        name, split = list(_splits(dataset).items())[-1]
        found = self._per_class(name, split, dataset)
        measured = np.flatnonzero(found.images > 0)
        lowest = measured[np.argsort(found.recall[measured], kind="stable")[:WORST]]
        parts = [f"{dataset.classes[i]} {found.recall[i]:.1%} of {found.images[i]:,}" for i in lowest]
        return f"lowest on {'test' if name == 'test' else 'validation'} images: {', '.join(parts)}"

    def _write_classes(self, dataset: Dataset) -> None:
        with open(self.folder.path / "classes.csv", "w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["split", "class", *PerClass._fields])
            for name, split in _splits(dataset).items():
                found = self._per_class(name, split, dataset)
                for number, row in enumerate(zip(*found, strict=True)):
                    cells = ["" if isinstance(v, float) and math.isnan(v) else v for v in map(_plain, row)]
                    table.writerow([name, dataset.classes[number], *cells])

    def _per_class(self, name: str, split: Split, dataset: Dataset) -> PerClass:
        predictions = self.classes(name, dataset)
        assert predictions is not None
        return classification.per_class(split.row_labels, predictions, len(dataset.classes))


def write_confusion(folder: Path, classes: list[str], labels: np.ndarray, predictions: np.ndarray) -> None:
    """Write the confusion matrix to `confusion.json`.

    With up to `MAX_FULL_MATRIX` classes the file holds the full matrix, with more only the cells that are not 0.

    Args:
        folder: the run's folder.
        classes: the names of the classes.
        labels: the true classes of the images, (images,).
        predictions: the predicted classes of the images, (images,).
    """
    count = len(classes)
    cells, images = np.unique(labels.astype(np.int64) * count + predictions, return_counts=True)
    true, predicted = cells // count, cells % count
    note: dict[str, Any] = {"classes": classes, "rows": "true class", "columns": "predicted class"}
    if count <= MAX_FULL_MATRIX:
        matrix = np.zeros((count, count), int)
        matrix[true, predicted] = images
        note |= {"matrix": matrix.tolist()}
    else:
        note |= {"cells": np.stack((true, predicted, images), axis=1).tolist()}
    (folder / "confusion.json").write_text(json.dumps(note), encoding="utf-8")


def write_errors(folder: Path, outcomes: Outcomes) -> None:
    """Write the wrong predictions with the highest loss to `errors.csv`, the highest first.

    Args:
        folder: the run's folder.
        outcomes: the predictions.
    """
    wrong = outcomes.errors[np.argsort(-outcomes.losses[outcomes.errors], kind="stable")][:MAX_ERRORS]
    with open(folder / "errors.csv", "w", newline="", encoding="utf-8", errors="replace") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["split", "image", "true", "predicted", "confidence", "loss"])
        for one in wrong:
            name = outcomes.files[one] if outcomes.files else int(outcomes.rows[one])
            true, predicted = (outcomes.named(of[one], SEPARATOR) for of in (outcomes.labels, outcomes.predictions))
            numbers = (f"{of[one]:.4g}" for of in (outcomes.confidence, outcomes.losses))
            table.writerow([outcomes.split, name, true, predicted, *numbers])


def _splits(dataset: Dataset) -> dict[str, Split]:
    """The splits that the selected weights are measured on, by name."""
    return {"val": dataset.val} | ({"test": dataset.test} if dataset.test is not None else {})


def _plain(value: Any) -> int | float:
    """A number of NumPy as a number of Python, which is written without its type."""
    found: int | float = value.item()
    return found
