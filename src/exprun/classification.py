"""Metrics of a classifier, computed from the labels and the logits or predictions of a set of images.

Labels and predictions are class numbers, (images,). If an image may have several labels, both are 0 or 1, (images,
classes), and a label is predicted if its probability, the sigmoid of its logit, is above 0.5.

scikit-learn computes what only `evaluate` and few runs need. The other metrics are computed here, because each run
would wait a second until scikit-learn is imported. Metrics that are not defined for a set, such as the recall of a
class without images, are left out or NaN. Nothing here imports TensorFlow.
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


def predicted(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """The predictions of logits, (images, classes): class numbers, or with several labels 0 or 1 for each class.

    Args:
        labels: the labels of the images, whose shape says which.
        logits: the logits of the images.
    """
    return (logits > 0).astype(np.int32) if labels.ndim > 1 else logits.argmax(axis=1)


def accuracy(labels: np.ndarray, predictions: np.ndarray) -> float:
    """The share of the images that are classified correctly; of several labels, the share of all labels that are right.

    The second is the mean of `keras.metrics.BinaryAccuracy`.
    """
    return float((predictions == labels).mean())


def per_class(labels: np.ndarray, predictions: np.ndarray, classes: int) -> PerClass:
    """The metrics of each class.

    Args:
        labels: the true classes of the images, (images,) or (images, classes).
        predictions: the predicted classes of the images, with the same shape.
        classes: the number of classes.
    """
    if labels.ndim > 1:
        images, chosen, hits = (each.sum(axis=0) for each in (labels, predictions, labels * predictions))
    else:
        right = labels[labels == predictions]
        images, chosen, hits = (np.bincount(each, minlength=classes) for each in (labels, predictions, right))
    with np.errstate(invalid="ignore"):  # of a class without images, 0 / 0 is NaN
        return PerClass(images, chosen, hits / images, hits / chosen, 2 * hits / (images + chosen))


def of_predictions(
    labels: np.ndarray, predictions: np.ndarray, classes: int, ordered: bool = False
) -> dict[str, float]:
    """Balanced accuracy and macro F1, by name; of several labels, subset accuracy, macro F1 and micro F1.

    As in scikit-learn, the balanced accuracy is the mean recall of the classes that have images (Brodersen et al. 2010,
    doi:10.1109/ICPR.2010.764), and the macro F1 is the mean F1 of the classes that have images or are predicted. The
    subset accuracy is the share of the images whose labels are all right.

    Args:
        labels: the true classes of the images, (images,) or (images, classes).
        predictions: the predicted classes of the images, with the same shape.
        classes: the number of classes.
        ordered: whether the classes have an order; then the mean absolute error and the quadratic weighted kappa
            (Cohen 1968, doi:10.1037/h0026256) are computed, too. The kappa is not defined for images of one class that
            are all predicted as this class.
    """
    found = per_class(labels, predictions, classes)
    if labels.ndim > 1:
        subset, both = float((labels == predictions).all(axis=1).mean()), float(labels.sum() + predictions.sum())
        if not both:  # no image has a label, and none is predicted
            return {names.SUBSET_ACCURACY: subset}
        micro = 2 * float((labels * predictions).sum()) / both
        return {names.SUBSET_ACCURACY: subset, names.MACRO_F1: float(np.nanmean(found.f1)), names.MICRO_F1: micro}
    more = {}
    if ordered:
        more[names.MEAN_ABSOLUTE_ERROR] = float(np.abs(labels - predictions).mean())
        kappa = quadratic_kappa(labels, predictions, classes)
        more |= {names.KAPPA: kappa} if math.isfinite(kappa) else {}
    return more | {
        names.BALANCED_ACCURACY: float(np.nanmean(found.recall)),
        names.MACRO_F1: float(np.nanmean(found.f1)),
    }


def quadratic_kappa(labels: np.ndarray, predictions: np.ndarray, classes: int) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968, doi:10.1037/h0026256); NaN if it is not defined.

    Args:
        labels: the true classes of the images, (images,).
        predictions: the predicted classes of the images, (images,).
        classes: the number of classes, which are numbered in their order.
    """
    from sklearn.metrics import cohen_kappa_score

    if len(np.unique(np.concatenate([labels, predictions]))) < 2:
        return math.nan
    return float(cohen_kappa_score(labels, predictions, labels=np.arange(classes), weights="quadratic"))


def of_logits(
    labels: np.ndarray, logits: np.ndarray, wanted: Sequence[str] = (), temperature: float | None = None
) -> dict[str, float]:
    """Top-5 accuracy, AUROC and calibration error, by name, as far as they are defined.

    Of several labels, these are the mean average precision and the AUROC.

    Args:
        labels: the true classes of the images, (images,) or (images, classes).
        logits: the logits of the images, (images, classes).
        wanted: the names of the metrics to compute; empty for all.
        temperature: the temperature of the scaled calibration error, which is computed too; None to leave it out.
    """
    if not np.isfinite(logits).all():
        return {}
    if labels.ndim > 1:
        return {
            name: value
            for name, measure in (
                (names.MEAN_AVERAGE_PRECISION, mean_average_precision),
                (names.AUROC, auroc_of_labels),
            )
            if (not wanted or name in wanted) and math.isfinite(value := measure(labels, logits))
        }
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
        labels: the true classes of the images, (images,) or (images, classes).
        classes: the number of classes of the network.
    """
    if labels.ndim > 1:
        counts = labels.sum(axis=0)
        if name == names.MEAN_AVERAGE_PRECISION and not counts.any():
            return "the mean average precision needs an image with a label, and there is none"
        if name == names.AUROC and not ((counts > 0) & (counts < len(labels))).any():
            return "the AUROC needs images with and without a label, and each label belongs to all images or to none"
        return ""
    if name == names.TOP5_ACCURACY and classes <= names.TOP:
        return f"the top-5 accuracy needs more than {names.TOP} classes, and there are {classes}"
    if name == names.AUROC and len(np.unique(labels)) < 2:
        return "the AUROC needs images of at least two classes, and all images are of one"
    return ""


def top5_accuracy(labels: np.ndarray, logits: np.ndarray) -> float:
    """The share of images whose class is among the five with the highest logits; NaN with up to five classes."""
    if undefined(names.TOP5_ACCURACY, labels, logits.shape[1]):
        return math.nan
    right = 0
    classes = np.arange(logits.shape[1])
    for rows in _pieces(logits):
        piece, label = logits[rows], labels[rows, None]
        own = np.take_along_axis(piece, label, axis=1)
        # Of equal logits, the later classes come first, as in scikit-learn.
        before = (piece > own) | ((piece == own) & (classes > label))
        right += int((np.count_nonzero(before, axis=1) < names.TOP).sum())
    return right / len(labels)


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


def auroc_of_labels(labels: np.ndarray, logits: np.ndarray) -> float:
    """The mean area under the ROC curve of the labels that some images have and some have not; NaN without such labels.

    Args:
        labels: several labels, 0 or 1, (images, classes).
        logits: the logits of the images, (images, classes).
    """
    counts = labels.sum(axis=0)
    both = np.flatnonzero((counts > 0) & (counts < len(labels)))
    areas = [_area(labels[:, one] > 0, logits[:, one]) for one in both]
    return float(np.mean(areas)) if areas else math.nan


def average_precisions(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """The average precision of each label, (classes,); NaN for labels that no image has.

    Args:
        labels: several labels, 0 or 1, (images, classes).
        logits: the logits of the images, (images, classes).
    """
    from sklearn.metrics import average_precision_score

    found = np.full(labels.shape[1], np.nan)
    for one in np.flatnonzero(labels.any(axis=0)):
        found[one] = average_precision_score(labels[:, one], logits[:, one])
    return found


def mean_average_precision(labels: np.ndarray, logits: np.ndarray) -> float:
    """The mean of the average precisions of the labels that images have; NaN if no image has a label."""
    found = average_precisions(labels, logits)
    return float(np.nanmean(found)) if np.isfinite(found).any() else math.nan


def _area(positive: np.ndarray, scores: np.ndarray) -> float:
    """The area under the ROC curve, from ranks (Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747).

    The `roc_auc_score` of scikit-learn takes three times as long, which is minutes with 50,000 images and 1,000
    classes.

    Args:
        positive: whether each image is of the positive class, bool, (images,).
        scores: the probability of the positive class for each image, (images,).
    """
    if np.isnan(scores).any():
        return math.nan
    _, places, equal = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(equal) - (equal - 1) / 2  # equal scores share the mean of their ranks
    count = int(positive.sum())
    above = ranks[places[positive]].sum() - count * (count + 1) / 2
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
        The temperature; None if none is best, for example because all images are classified correctly, and for several
        labels, which have no softmax.
    """
    if labels.ndim > 1 or not np.isfinite(logits).all() or (logits.argmax(axis=1) == labels).all():
        return None
    from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

    loss = lambda logarithm: cross_entropy(labels, logits, math.exp(logarithm))  # noqa: E731
    ends = math.log(LOWEST_TEMPERATURE), math.log(HIGHEST_TEMPERATURE)
    found = float(minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-6}).x)
    inside = min(found - ends[0], ends[1] - found) > 1e-3
    return math.exp(found) if inside else None


def cross_entropy(labels: np.ndarray, logits: np.ndarray, temperature: float = 1.0) -> float:
    """The mean cross-entropy of the images; of several labels, that of 0 and 1, which is a mean over the classes, too.

    Args:
        labels: the true classes of the images, (images,) or (images, classes).
        logits: the logits of the images, (images, classes).
        temperature: the number by which the logits are divided.
    """
    if labels.ndim > 1:
        return float(binary_cross_entropies(labels, logits / temperature).mean())
    total = 0.0
    for rows in _pieces(logits):
        scaled = logits[rows].astype(np.float64) / temperature
        of_label = scaled[np.arange(len(scaled)), labels[rows]] - scaled.max(axis=1)
        total += float((np.log(_exponentials(scaled).sum(axis=1)) - of_label).sum())
    return total / len(labels)


def binary_cross_entropies(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """The cross-entropy of each label, float64, (images, classes).

    Args:
        labels: several labels, 0 or 1, (images, classes).
        logits: the logits of the images, (images, classes).
    """
    values = logits.astype(np.float64)
    return np.asarray(np.logaddexp(0, values) - labels * values)


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
    counts = labels.sum(axis=0) if labels.ndim > 1 else np.bincount(labels, minlength=classes)
    return bool(2 * counts.max() > 3 * counts.min())


def _pieces(logits: np.ndarray) -> Iterator[slice]:
    """The rows of the logits in pieces of at most `PIECE` numbers."""
    rows = max(1, PIECE // logits.shape[1])
    return (slice(start, start + rows) for start in range(0, len(logits), rows))


def softmax(logits: np.ndarray) -> np.ndarray:
    """The probabilities of logits, (images, classes), in their precision."""
    found = _exponentials(logits)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _exponentials(logits: np.ndarray) -> np.ndarray:
    """The exponentials of the differences from the highest logit of each row, (images, classes)."""
    found: np.ndarray = np.exp(logits - logits.max(axis=1, keepdims=True))
    return found
