"""Metrics of a classifier, computed from the labels and the logits or predictions of a set of images.

scikit-learn computes all that it has. Metrics that are not defined for a set, such as the recall of a class without
images, are left out or NaN. Nothing here imports TensorFlow.
"""

import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from exprun import metrics as names

BINS = 15  # bins of the calibration error, as in Guo et al. 2017
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.01, 100.0  # a temperature at one of these ends is not an estimate
MAX_CLASSES_LOGGED = 20  # classes up to which each class has metrics of its own; `classes.csv` has all classes
NAME_LIMIT = 200  # characters of a class in the name of a metric; MLflow accepts 250 in the whole name
PIECE = 1 << 22  # logits that are converted to float64 at a time


class PerClass(NamedTuple):
    """Metrics of each class, (classes,) each; NaN where a metric is not defined.

    Args:
        images: the number of images of the class.
        predicted: the number of images for which the class is the prediction.
        recall: the share of the images of the class that are classified correctly.
        precision: the share of the predictions of the class that are correct.
        f1: the harmonic mean of recall and precision.
    """

    images: np.ndarray
    predicted: np.ndarray
    recall: np.ndarray
    precision: np.ndarray
    f1: np.ndarray


def per_class(labels: np.ndarray, predictions: np.ndarray, classes: int) -> PerClass:
    """The metrics of each class.

    Args:
        labels: the true classes of the images, (images,).
        predictions: the predicted classes of the images, (images,).
        classes: the number of classes.
    """
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, images = precision_recall_fscore_support(
        labels, predictions, labels=np.arange(classes), zero_division=np.nan
    )
    predicted = np.bincount(predictions, minlength=classes)
    return PerClass(images, predicted, recall, precision, np.where(images + predicted > 0, f1, np.nan))


def of_predictions(labels: np.ndarray, predictions: np.ndarray, classes: int) -> dict[str, float]:
    """Balanced accuracy and macro F1, by name.

    As in scikit-learn, the balanced accuracy is the mean recall of the classes that have images (Brodersen et al. 2010,
    doi:10.1109/ICPR.2010.764), and the macro F1 is the mean F1 of the classes that have images or are predicted.

    Args:
        labels: the true classes of the images, (images,).
        predictions: the predicted classes of the images, (images,).
        classes: the number of classes.
    """
    found = per_class(labels, predictions, classes)
    return {names.BALANCED_ACCURACY: float(np.nanmean(found.recall)), names.MACRO_F1: float(np.nanmean(found.f1))}


def of_logits(
    labels: np.ndarray, logits: np.ndarray, wanted: Sequence[str] = (), temperature: float | None = None
) -> dict[str, float]:
    """Top-5 accuracy, AUROC and calibration error, by name, as far as they are defined.

    Args:
        labels: the true classes of the images, (images,).
        logits: the logits of the images, (images, classes).
        wanted: the names of the metrics to compute; empty for all.
        temperature: the temperature of the scaled calibration error, which is computed too; None to leave it out.
    """
    if not np.isfinite(logits).all():
        return {}
    measures = {
        names.TOP5_ACCURACY: top5_accuracy,
        names.AUROC: auroc,
        names.CALIBRATION_ERROR: calibration_error,
    }
    found = {name: measure(labels, logits) for name, measure in measures.items() if not wanted or name in wanted}
    if temperature is not None:
        found[names.SCALED_CALIBRATION_ERROR] = calibration_error(labels, logits, temperature)
    return {name: value for name, value in found.items() if math.isfinite(value)}


def undefined(name: str, labels: np.ndarray, classes: int) -> str:
    """The reason why a metric is not defined for some images; empty if it is.

    Args:
        name: the name of the metric, such as `auroc`.
        labels: the true classes of the images, (images,).
        classes: the number of classes of the network.
    """
    if name == names.TOP5_ACCURACY and classes <= names.TOP:
        return f"the top-5 accuracy needs more than {names.TOP} classes, and there are {classes}"
    if name == names.AUROC and len(np.unique(labels)) < 2:
        return "the AUROC needs images of at least two classes, and all images are of one"
    return ""


def top5_accuracy(labels: np.ndarray, logits: np.ndarray) -> float:
    """The share of images whose class is among the five with the highest logits; NaN with up to five classes."""
    from sklearn.metrics import top_k_accuracy_score

    classes = logits.shape[1]
    if undefined(names.TOP5_ACCURACY, labels, classes):
        return math.nan
    right = sum(
        top_k_accuracy_score(labels[rows], logits[rows], k=names.TOP, normalize=False, labels=np.arange(classes))
        for rows in _pieces(logits)
    )
    return float(right) / len(labels)


def auroc(labels: np.ndarray, logits: np.ndarray) -> float:
    """The area under the ROC curve of the softmax; NaN if all images are of one class.

    It is the mean over the classes that have images, each against all others. With two classes, it is the area of the
    second, as in scikit-learn; the first has the same area unless probabilities are rounded to 1.
    """
    if undefined(names.AUROC, labels, logits.shape[1]):
        return math.nan
    present = np.unique(labels).tolist()
    positive = present[1:] if logits.shape[1] == 2 else present
    highest = logits.max(axis=1).astype(np.float64)
    sums = np.concatenate([_exponentials(logits[rows].astype(np.float64)).sum(axis=1) for rows in _pieces(logits)])
    areas = [_area(labels == one, np.exp(logits[:, one] - highest) / sums) for one in positive]
    return float(np.mean(areas))


def _area(positive: np.ndarray, scores: np.ndarray) -> float:
    """The area under the ROC curve, from ranks (Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747).

    The `roc_auc_score` of scikit-learn takes three times as long, which is minutes with 50,000 images and 1,000
    classes.

    Args:
        positive: whether each image is of the positive class, bool, (images,).
        scores: the probability of the positive class for each image, (images,).
    """
    from scipy.stats import rankdata  # type: ignore[import-untyped]

    count = int(positive.sum())
    above = rankdata(scores)[positive].sum() - count * (count + 1) / 2
    return float(above / (count * (len(scores) - count)))


def calibration_error(labels: np.ndarray, logits: np.ndarray, temperature: float = 1.0) -> float:
    """The expected calibration error with 15 bins of equal width.

    It is the mean difference between the confidence (the highest probability) and the accuracy in each bin, weighted by
    the number of images in the bin: Guo et al. 2017, On Calibration of Modern Neural Networks (arXiv:1706.04599),
    equation 3.

    Args:
        labels: the true classes of the images, (images,).
        logits: the logits of the images, (images, classes).
        temperature: the number by which the logits are divided.
    """
    confidence, right = np.empty(len(labels)), logits.argmax(axis=1) == labels
    for rows in _pieces(logits):
        scaled = logits[rows].astype(np.float64) / temperature
        confidence[rows] = 1 / _exponentials(scaled).sum(axis=1)
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)  # a bin includes its upper end
    difference = np.bincount(bins, right, BINS) - np.bincount(bins, confidence, BINS)
    return float(np.abs(difference).sum() / len(labels))


def temperature(labels: np.ndarray, logits: np.ndarray) -> float | None:
    """The temperature at which the mean cross-entropy is lowest (Guo et al. 2017, section 4.2).

    Args:
        labels: the true classes of the images, (images,).
        logits: the logits of the images, (images, classes).

    Returns:
        The temperature; None if none is best, for example because all images are classified correctly.
    """
    from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

    if not np.isfinite(logits).all() or (logits.argmax(axis=1) == labels).all():
        return None
    loss = lambda logarithm: cross_entropy(labels, logits, math.exp(logarithm))  # noqa: E731
    ends = math.log(LOWEST_TEMPERATURE), math.log(HIGHEST_TEMPERATURE)
    found = float(minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-6}).x)
    inside = min(found - ends[0], ends[1] - found) > 1e-3
    return math.exp(found) if inside else None


def cross_entropy(labels: np.ndarray, logits: np.ndarray, temperature: float = 1.0) -> float:
    """The mean cross-entropy of the images.

    Args:
        labels: the true classes of the images, (images,).
        logits: the logits of the images, (images, classes).
        temperature: the number by which the logits are divided.
    """
    total = 0.0
    for rows in _pieces(logits):
        scaled = logits[rows].astype(np.float64) / temperature
        of_label = scaled[np.arange(len(scaled)), labels[rows]] - scaled.max(axis=1)
        total += float((np.log(_exponentials(scaled).sum(axis=1)) - of_label).sum())
    return total / len(labels)


def by_class(found: PerClass, classes: Sequence[str]) -> dict[str, float]:
    """Recall and precision of each class by name, such as `recall/cat`; empty with more than `MAX_CLASSES_LOGGED`.

    Args:
        found: the metrics of each class.
        classes: the names of the classes.
    """
    if len(classes) > MAX_CLASSES_LOGGED:
        return {}
    values = {
        f"{metric}/{name}": float(value)
        for metric, array in ((names.RECALL, found.recall), (names.PRECISION, found.precision))
        for name, value in zip(metric_names(classes), array, strict=True)
    }
    return {name: value for name, value in values.items() if math.isfinite(value)}


def metric_names(classes: Sequence[str]) -> list[str]:
    """The names of classes with only those characters that MLflow accepts in the name of a metric, each name once."""
    taken: list[str] = []
    for name in classes:
        plain = re.sub(r"[^\w.\- ]", "_", name).strip()[:NAME_LIMIT]
        plain = plain if plain.strip(".") else "_" * max(1, len(plain))  # `.` and `..` would be parts of a path
        number, unique = 1, plain
        while unique in taken:
            number += 1
            unique = f"{plain}_{number}"
        taken.append(unique)
    return taken


def uneven(labels: np.ndarray, classes: int) -> bool:
    """Whether the largest class has more than 1.5 times as many images as the smallest, which may have none."""
    counts = np.bincount(labels, minlength=classes)
    return bool(2 * counts.max() > 3 * counts.min())


def _pieces(logits: np.ndarray) -> Iterator[slice]:
    """The rows of the logits in pieces of at most `PIECE` numbers."""
    rows = max(1, PIECE // logits.shape[1])
    return (slice(start, start + rows) for start in range(0, len(logits), rows))


def _exponentials(logits: np.ndarray) -> np.ndarray:
    """The exponentials of the differences from the highest logit of each row, (images, classes)."""
    found: np.ndarray = np.exp(logits - logits.max(axis=1, keepdims=True))
    return found
