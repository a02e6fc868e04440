"""Loss and accuracy of always giving the same prediction: the class frequencies, or the mean or median of numbers."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from exprun.doctor.instruments.labels import ROUNDING, Labels, read_labels
from exprun.doctor.instruments.objective import Objective
from exprun.text import rounded

MIN_ROWS = 4  # rows from which the best constant prediction is known
MAX_VALUES = 2_000_000  # target values on which the best constant prediction is tested
LEAST = 1e-4  # share of an event that is nearly never or nearly always the case, so that its logit is finite
PLAIN = 1e-3  # share by which a plain cross-entropy differs from the entropy, by rounding
MAX_SOFT = 500  # images with soft labels whose lowest loss is computed
HALVINGS = 50  # of an interval in which a number is looked for
FLATTER = (1.0, 0.5, 0.0)  # powers of the class frequencies, one of which is about the best constant for other losses


@dataclass(frozen=True)
class ChanceLevel:
    """Loss and accuracy of the best prediction that is the same for all rows.

    Args:
        loss: the loss of this prediction; for classes, the cross-entropy of the class frequencies.
        accuracy: share of the most frequent class; NaN if no accuracy belongs to the loss.
        classes: number of classes; 0 if the labels are not one class of many.
        constant: the prediction if it is not one of the class frequencies: "mean", "median" or "frequency" (of each
            of several labels).
        error: the standard error of the loss, because only some labels are known; 0 if all are.
        floor: the lowest training loss that predictions can have, above 0 if labels are mixed or smoothed.
    """

    loss: float
    accuracy: float
    classes: int
    constant: str = ""
    error: float = 0.0
    floor: float = 0.0

    def at(self, share: float) -> float:
        """The training loss at a share of the way from the lowest one to chance level."""
        return self.floor + share * (self.loss - self.floor)

    @property
    def of_numbers(self) -> bool:
        """Whether the labels are numbers to predict."""
        return self.constant in ("mean", "median")

    @property
    def shortly(self) -> str:
        """A clause with the loss."""
        if self.of_numbers:
            return f"always predicting the {self.constant} of the targets gives {self.shown(self.loss)}"
        return f"chance level is {self.shown(self.loss)}"

    def shown(self, loss: float) -> str:
        """A loss as text; losses of numbers may have any size."""
        return rounded(loss, 4) if self.of_numbers else f"{loss:.3f}"

    @property
    def described(self) -> str:
        """A clause with the loss, and with the accuracy if it is known."""
        if self.of_numbers:
            return f"always predicting the {self.constant} of the targets gives a loss of {self.shown(self.loss)}"
        accuracy = "" if np.isnan(self.accuracy) else f" and an accuracy of about {self.accuracy:.1%}"
        return f"chance level is a loss of {self.shown(self.loss)}{accuracy}"


def chance_level(
    counts: np.ndarray, smoothing: float = 0.0, gamma: float = 0.0, mixing: np.ndarray | None = None
) -> ChanceLevel:
    """The chance level of labels.

    Args:
        counts: how often each class occurs, (classes,).
        smoothing: the label smoothing of the loss.
        gamma: the focusing parameter of a focal loss; 0 for the cross-entropy.
        mixing: shares of the first label in images that are mixed, typical ones, (numbers,); None without mixing.
    """
    frequencies = counts / max(1, counts.sum())

    def lowest(shares: np.ndarray) -> float:
        return _lowest((1 - smoothing) * shares + smoothing / len(counts), gamma)

    floor = lowest(np.eye(len(counts))[0])
    if mixing is not None and len(counts) > 1:
        differ = 1 - float((frequencies**2).sum())  # share of the pairs of images with two labels
        pairs = [lowest(share * np.eye(len(counts))[0] + (1 - share) * np.eye(len(counts))[1]) for share in mixing]
        floor += differ * (float(np.mean(pairs)) - floor)
    return ChanceLevel(lowest(frequencies), float(frequencies.max()), len(counts), floor=floor)


def chance_of_several(
    frequencies: np.ndarray,
    smoothing: float = 0.0,
    gamma: float = 0.0,
    mixing: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> ChanceLevel:
    """The chance level of several labels for each image: the means of those of each label, with or without it.

    Args:
        frequencies: the share of the images that have each label, (classes,).
        smoothing: the label smoothing of the loss.
        gamma: the focusing parameter of a focal loss; 0 for the cross-entropy.
        mixing: shares of the first label in images that are mixed, typical ones, (numbers,); None without mixing.
        weights: the weight of the loss of images that have the label, next to 1 for the others, (classes,); None for 1.
    """
    present = frequencies if weights is None else frequencies * weights
    sums = present + 1 - frequencies
    shares = np.stack([present / sums, (1 - frequencies) / sums], axis=1)
    levels = [chance_level(one, smoothing, gamma, mixing) for one in shares]
    return ChanceLevel(
        float(np.mean([level.loss * total for level, total in zip(levels, sums, strict=True)])),
        float(np.maximum(frequencies, 1 - frequencies).mean()),
        0,
        "frequency",
        floor=float(np.mean([level.floor for level in levels])),
    )


def chance_of_soft(
    labels: np.ndarray, smoothing: float = 0.0, gamma: float = 0.0, mixing: np.ndarray | None = None
) -> ChanceLevel:
    """The chance level of soft labels: of always predicting the mean distribution.

    No prediction has a training loss below the mean entropy of the labels.

    Args:
        labels: a distribution over the classes for each image, (images, classes).
        smoothing: the label smoothing of the loss.
        gamma: the focusing parameter of a focal loss; 0 for the cross-entropy.
        mixing: shares of the first label in images that are mixed, typical ones, (numbers,); None without mixing.
    """
    level = chance_level(labels.sum(axis=0), smoothing, gamma, mixing)
    some = labels[np.linspace(0, len(labels) - 1, min(len(labels), MAX_SOFT)).astype(np.int64)].astype(np.float64)
    lowest = [_lowest((1 - smoothing) * one + smoothing / len(one), gamma) for one in some]
    likeliest = np.bincount(labels.argmax(axis=1), minlength=labels.shape[1])
    return replace(level, accuracy=float(likeliest.max() / len(labels)), floor=max(level.floor, float(np.mean(lowest))))


def _lowest(shares: np.ndarray, gamma: float) -> float:
    """The lowest mean loss of one prediction for labels that have shares, (classes,)."""
    shares = shares[shares > 0]
    constant = _best_constant(shares, gamma) if gamma else shares
    return -float((shares * (1 - constant) ** gamma * np.log(constant)).sum())


def _best_constant(shares: np.ndarray, gamma: float) -> np.ndarray:
    """The constant probabilities with the lowest focal loss, (classes,), which are flatter than the class frequencies.

    There, a little more probability lowers the loss of each class by the same slope. Both the slope and, for each
    slope, the probabilities are found by bisection.
    """
    if len(shares) == 1:
        return shares

    def constant(slope: float) -> np.ndarray:
        low, high = np.full(len(shares), 1e-12), np.full(len(shares), 1 - 1e-12)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            falls = (1 - middle) ** (gamma - 1) * ((1 - middle) / middle - gamma * np.log(middle))
            low, high = np.where(shares * falls > slope, middle, low), np.where(shares * falls > slope, high, middle)
        return low

    low, high = -30.0, 30.0  # logarithms of the slope
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if constant(np.exp(middle)).sum() > 1 else (low, middle)
    best = constant(np.exp(high))
    return best / best.sum()


def uniform_loss(kind: str, units: int) -> float | None:
    """The loss of giving all classes the same probability; None if the loss does not compare classes.

    Args:
        kind: the kind of the loss, as in `Objective`.
        units: the number of units of the last layer.
    """
    classes = {"softmax": units, "sigmoid": 2}.get(kind)
    return float(np.log(classes)) if classes is not None and classes > 1 else None


def level_of(
    objective: Objective,
    labels: np.ndarray,
    units: int,
    losses: Callable[[np.ndarray, np.ndarray], np.ndarray],
    whole: bool = True,
) -> ChanceLevel | None:
    """The chance level of labels for a loss; None if the labels do not show it.

    Args:
        objective: the loss.
        labels: labels as the loss gets them, (rows, …).
        units: the number of units of the last layer.
        losses: computes the loss of each row, (rows,), from outputs and labels.
        whole: whether these are all labels of the training.
    """
    if len(labels) < MIN_ROWS or units < 1:
        return None
    match objective.kind:
        case "softmax" if labels[0].ndim > (not objective.sparse) and labels[0].shape != (1,):
            return _of_positions(objective, labels, units, losses)
        case "sigmoid" if units > 1 or labels[0].size > 1:  # with one unit, several labels are those of positions
            return _of_constants(objective, labels, units, losses, whole)
        case "softmax" | "sigmoid":
            counts = counted(read_labels(labels))
            if counts is None or objective.kind == "softmax":
                return None if counts is None else _by_the_loss(chance_level(counts), counts, objective, labels, losses)
            plain, own = chance_level(counts), _of_constants(objective, labels, units, losses, whole)
            return plain if own is None or abs(own.loss - plain.loss) <= PLAIN * plain.loss else own
        case "error":
            return _of_constants(objective, labels, units, losses, whole)
    return None


def counted(labels: Labels) -> np.ndarray | None:
    """How often each class occurs, (classes,); None if the labels are not classes."""
    if labels.classes is None or labels.classes.min(initial=0) < 0:
        return None
    return np.bincount(labels.classes, minlength=2)


def _by_the_loss(
    level: ChanceLevel,
    counts: np.ndarray,
    objective: Objective,
    labels: np.ndarray,
    losses: Callable[[np.ndarray, np.ndarray], np.ndarray],
    units: int = 0,
) -> ChanceLevel:
    """The chance level for a loss that may not be the plain cross-entropy, such as a focal one.

    Args:
        level: the chance level for the cross-entropy.
        counts: how often each class occurs, (classes,).
        objective: the loss.
        labels: labels as the loss gets them.
        losses: computes the loss of each row, (rows,), from outputs and labels.
        units: the number of units of the last layer; 0 for as many as there are classes.
    """
    units = units or (len(counts) if objective.sparse else labels.shape[-1])
    if objective.ignored is not None or level.loss <= 0 or len(counts) > units:
        return level
    shape = labels.shape[: -1 if not objective.sparse or (labels.ndim > 1 and labels.shape[-1] == 1) else None]
    rows = np.linspace(0, len(labels) - 1, min(len(labels), max(MIN_ROWS, MAX_VALUES // (units * labels[0].size))))
    some, shape = labels[rows.astype(np.int64)], (len(rows), *shape[1:], units)
    shares = np.maximum(np.pad(counts, (0, units - len(counts))) / counts.sum(), LEAST / units)
    found = []
    for power in FLATTER:
        constant = shares**power / (shares**power).sum()
        outputs = np.log(constant) if objective.from_logits else constant
        try:
            each = np.asarray(losses(np.broadcast_to(outputs, shape).astype(np.float32), some), np.float64)
        except Exception:  # the loss may be one of a person's own, for other labels
            return level
        if each.shape != (len(rows),) or not np.isfinite(each).all():
            return level
        numbers = some.reshape(shape[:-1]).astype(np.int64) if objective.sparse else None
        logs = np.log(constant)
        entropy = -float(logs[numbers].mean() if numbers is not None else (some * logs).sum(-1).mean())
        if power == 1 and abs(each.mean() - entropy) <= PLAIN * entropy:
            return level
        found.append(float(each.mean()))
    return replace(level, loss=min(found)) if min(found) > 0 else level


def _of_positions(
    objective: Objective,
    labels: np.ndarray,
    units: int,
    losses: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> ChanceLevel | None:
    """The chance level of a class for each position, such as the words of a text or the pixels of an image."""
    if objective.sparse:
        numbers = labels[labels != objective.ignored] if objective.ignored is not None else labels.ravel()
        if not numbers.size or numbers.min() < 0 or numbers.max() >= units or (numbers != np.rint(numbers)).any():
            return None
        counts = np.bincount(numbers.astype(np.int64).ravel(), minlength=2)
        return _by_the_loss(chance_level(counts), counts, objective, labels, losses, max(units, len(counts)))
    if labels.shape[-1] != units or labels.min() < 0 or np.abs(labels.sum(-1) - 1).max() > 1e-3:
        return None
    counts = labels.reshape(-1, units).sum(0)
    return _by_the_loss(chance_level(counts), counts, objective, labels, losses, units)


def _of_constants(
    objective: Objective,
    labels: np.ndarray,
    units: int,
    losses: Callable[[np.ndarray, np.ndarray], np.ndarray],
    whole: bool,
) -> ChanceLevel | None:
    """The loss of the best outputs that are the same for all rows: one constant for each unit."""
    if labels.shape[-1] != units or labels.ndim < 2:
        labels = labels[..., None]
    if labels.shape[-1] != units:
        return None
    most = max(MIN_ROWS, MAX_VALUES // max(1, labels[0].size))
    if len(labels) > most:
        labels, whole = labels[np.linspace(0, len(labels) - 1, most).astype(np.int64)], False
    flat = labels.astype(np.float64).reshape(-1, units)
    if not np.isfinite(flat).all():
        return None
    if objective.kind == "sigmoid":
        if flat.min() < -ROUNDING or flat.max() > 1 + ROUNDING:
            return None
        shares = np.clip(flat.mean(0), LEAST, 1 - LEAST)
        tried = {"frequency": np.log(shares / (1 - shares)) if objective.from_logits else shares}
    else:
        tried = {"mean": flat.mean(0), "median": np.median(flat, 0)}
    best: tuple[float, str, np.ndarray] | None = None
    for name, constant in tried.items():
        outputs = np.broadcast_to(constant, labels.shape).astype(np.float32)
        each = np.asarray(losses(outputs, labels.astype(np.float32)), np.float64)
        if each.shape == (len(labels),) and np.isfinite(each).all() and (best is None or each.mean() < best[0]):
            best = float(each.mean()), name, each
    if best is None or best[0] <= 0:
        return None
    loss, name, each = best
    one_hot = name == "frequency" and units > 1 and labels.ndim == 2 and bool((flat.sum(1) == 1).all())
    single = name == "frequency" and units == 1
    share = float(flat.mean())
    return ChanceLevel(
        loss,
        float(flat.mean(0).max()) if one_hot else max(share, 1 - share) if single else np.nan,
        units if one_hot else 2 if single else 0,
        name,
        0.0 if whole else float(each.std() / np.sqrt(len(each))),
    )
