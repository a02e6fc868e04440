"""Predictions of images by classifiers that were not fitted to these images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exprun import classification
from exprun.config.errors import ConfigError, DataError
from exprun.data import Dataset
from exprun.doctor.instruments.classifiers import FOLDS, linear_scores
from exprun.finished_page import dataset_of
from exprun.records import Run
from exprun.run_folder import RunFolder
from exprun.text import plural

MOST_IMAGES = 50_000  # images that simple classifiers are fitted to; the features of so many take 300 MB
LEAST_ACCURACY = 0.7  # of simple classifiers; with lower ones, most images of the list have the right label


@dataclass(frozen=True)
class HeldOut:
    """Images with the predictions of classifiers that were not fitted to them.

    Args:
        dataset: the data set of the images.
        rows: the positions of the images in the pool of the data set, (images,).
        labels: the class numbers of the images, (images,).
        probabilities: the probability of each class, calibrated on these images, (images, classes).
        source: a sentence on where the predictions come from.
    """

    dataset: Dataset
    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    source: str

    @property
    def accuracy(self) -> float:
        """The share of the images whose label is the most probable class."""
        return float((self.probabilities.argmax(axis=1) == self.labels).mean())


def by_simple_classifiers(dataset: Dataset) -> HeldOut:
    """The predictions of a ridge regression on fixed features, fitted to the other four fifths of the images.

    Args:
        dataset: the data set; the images of all splits are used.

    Raises:
        DataError: the classifiers are too weak to judge labels.
    """
    splits = [split for split in (dataset.train, dataset.val, dataset.test) if split is not None]
    rows = np.unique(np.concatenate([split.rows for split in splits]))
    whole = len(rows)
    if whole > MOST_IMAGES:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:MOST_IMAGES])
    labels = dataset.train.labels[rows]
    scores = linear_scores(dataset.train.images, rows, labels, len(dataset.classes))
    what = f"the {whole:,} images" if len(rows) == whole else f"{len(rows):,} of the {whole:,} images"
    source = f"Simple classifiers, each fitted to {FOLDS - 1} of {FOLDS} parts of {what}, predict the other part."
    found = HeldOut(dataset, rows, labels, _calibrated(scores, labels), source)
    if found.accuracy < LEAST_ACCURACY:
        raise DataError(
            f"Simple classifiers predict only {found.accuracy:.0%} of the labels, too few to judge them: train the "
            "network on all folds, with -m data.folds=5 data.fold=0,1,2,3,4, and use python -m exprun runs labels RUN …"
        )
    return found


def by_runs(runs: Sequence[Run]) -> HeldOut:
    """The predictions of runs for their validation and test images, averaged for images that several runs held out.

    Args:
        runs: the runs, at least one; together, runs of all folds predict all images.

    Raises:
        ConfigError: a run has no predictions, or the runs have other images.
        DataError: the images of a run cannot be read, or have changed.
    """
    first: Dataset | None = None
    total: dict[int, np.ndarray] = {}
    count: dict[int, int] = {}
    for run in runs:
        folder = RunFolder(run.folder)
        if not folder.predictions.exists():
            raise ConfigError(f"{run.name} has no predictions: name a run that has finished.")
        dataset = dataset_of(folder.read_config(), folder)
        if first is not None and not _same_images(first, dataset):
            raise ConfigError(f"{run.name} has other images than {runs[0].name}: name runs of the same data.")
        first = first or dataset
        with np.load(folder.predictions, allow_pickle=False) as file:
            for split in ("val", "test"):
                if f"{split}_logits" in file:
                    logits, labels = file[f"{split}_logits"].astype(np.float32), file[f"{split}_labels"]
                    for row, one in zip(file[f"{split}_rows"].tolist(), _calibrated(logits, labels), strict=True):
                        total[row] = total.get(row, 0.0) + one
                        count[row] = count.get(row, 0) + 1
    assert first is not None
    rows = np.array(sorted(total), np.int64)
    probabilities = np.stack([total[row] / count[row] for row in rows.tolist()])
    source = f"{plural(len(runs), 'run')} held out {plural(len(rows), 'image')} and predicted them."
    return HeldOut(first, rows, first.train.labels[rows], probabilities, source)


def _same_images(one: Dataset, other: Dataset) -> bool:
    same_pool = one.train.images.shape == other.train.images.shape and list(one.files) == list(other.files)
    return same_pool and one.classes == other.classes and np.array_equal(one.train.labels, other.train.labels)


def _calibrated(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Probabilities from scores, (images, classes), with the temperature that fits the labels best."""
    return classification.softmax(scores / (classification.temperature(labels, scores) or 1.0))
