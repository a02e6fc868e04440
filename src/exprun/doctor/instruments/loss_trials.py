"""What a loss of one's own does, found by trying it on labels: whether it falls for right predictions, and the like."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Finding
from exprun.doctor.instruments.labels import ROUNDING, Labels
from exprun.doctor.instruments.objective import Objective
from exprun.text import rounded

MAX_ROWS = 256  # labels on which a loss is tested
UNEQUAL = 0.05  # standard deviation of the sizes of targets above which they differ, in units of their mean
REVERSED = 0.02  # relative difference by which a loss may be lower for wrong predictions by chance
SAME = 1e-4  # relative difference of two values that rounding explains
HOLES = 0.02  # share of labels that are exactly 0, from which they may mark missing ones
CROSSED = 4  # examples of which each output is compared with each label
MIN_HALF = 2  # examples of half a batch, from which its loss is compared with that of the batch
SUMMED = 1e-3  # relative difference of a sum that rounding explains
EPSILON_LOSS = 16.118  # -log(1e-7), the cross-entropy of Keras for a probability of 0
ORDER = 0.02  # relative difference from the loss of swapped arguments
MOSTLY = 0.5  # weight of a cross-entropy with swapped arguments in a loss, from which it decides
NEARBY, DIRECTIONS = 0.1, 4  # size of small changes of right predictions, in their deviations, and how many are tried
INSIDE = (0.02, 0.98)  # probabilities instead of 0 and 1, of which a loss may take the logarithm


def tried_findings(
    objective: Objective, labels: Labels, outputs: np.ndarray, may_be_distances: bool = False
) -> Iterator[Finding]:
    """Find what is wrong with a loss of one's own.

    Args:
        objective: the loss.
        labels: the labels of some images, those of the batch first.
        outputs: the outputs of the network.
        may_be_distances: whether the outputs may be distances, which are large for the label 0.
    """
    crossed = [*check_broadcast(objective, labels, outputs), *check_channels(objective, labels, outputs)]
    yield from crossed
    exchanged = [] if crossed else list(check_order(objective, labels, outputs))
    yield from exchanged
    if not crossed and not exchanged:
        exchanged = list(check_mask(objective, labels, outputs))
        yield from exchanged
    if not crossed and not exchanged and not may_be_distances:
        yield from check_direction(objective, labels, outputs)
    yield from check_units(objective, labels, outputs)


def _answers(labels: Labels, outputs: np.ndarray) -> np.ndarray | None:
    """The labels in the shape of the outputs, an even number of them; None if they have another shape."""
    if labels.values.size != len(labels.values) * outputs[0].size:
        return None
    values = labels.values.astype(np.float32).reshape(len(labels.values), *outputs.shape[1:])[:MAX_ROWS]
    values = values[: len(values) // 2 * 2]  # so that each example changes places with another one
    return None if len(values) < CROSSED or not np.isfinite(values).all() else values


def _mean(objective: Objective, predicted: np.ndarray, labels: Labels, rows: np.ndarray) -> float:
    """The loss of predictions, of the labels of some rows."""
    return float(np.mean(np.asarray(objective.losses(predicted, labels.values[rows].astype(np.float32)))))


def check_direction(objective: Objective, labels: Labels, outputs: np.ndarray) -> Iterator[Finding]:
    """Find a loss that is lower for wrong predictions than for correct ones, or that ignores the size of the targets.

    Args:
        objective: the loss.
        labels: the labels of some images.
        outputs: the outputs of the network.
    """
    values = _answers(labels, outputs)
    if objective.kind != "unknown" or values is None:
        return
    size = np.linalg.norm(values.reshape(len(values), -1), axis=1)
    if objective.name in ("CosineSimilarity", "cosine_similarity") and labels.kind == "amounts":
        if size.std() > UNEQUAL * size.mean():
            yield Finding(
                "wrong-loss",
                "error",
                "loss",
                f"{objective.name} compares only the direction of the targets, but they also differ in size, "
                f"{rounded(size.min())} to {rounded(size.max())}.",
                keras="loss='mse' or loss='mae', which also compare the size.",
            )
        return
    if set(np.unique(values)) == {-1.0, 1.0}:  # the signs of a critic, whose loss is the product of output and label
        return
    flat = values.reshape(len(values), -1)
    order = np.argsort(flat @ np.arange(1, flat.shape[1] + 1), kind="stable")  # equal labels next to each other
    others = np.empty_like(values)
    others[order] = np.roll(values[order], len(values) // 2, axis=0)
    rows = np.flatnonzero((values != others).reshape(len(values), -1).any(1))
    if len(rows) < CROSSED:
        return
    right, wrong, is_inside = np.nan, np.nan, True
    for predicted, misled in ((values, others), (np.clip(values, *INSIDE), np.clip(others, *INSIDE))):
        try:
            right, wrong = (_mean(objective, some[rows], labels, rows) for some in (predicted, misled))
        except Exception:  # a custom loss may expect other shapes
            return
        if np.isfinite([right, wrong]).all() or values.min() < -ROUNDING or values.max() > 1 + ROUNDING:
            is_inside = predicted is not values
            break
    if outputs.ndim > 2 and (values.min() < -ROUNDING or values.max() > 1 + ROUNDING):
        return  # maps of several quantities, of which the loss may take the outputs for logits or logarithms
    if not is_inside and not _is_highest(objective, labels, values, right, rows):
        return
    if np.isfinite([right, wrong]).all() and right > wrong + REVERSED * (abs(right) + abs(wrong)):
        yield Finding(
            "wrong-loss",
            "error",
            "loss",
            f"{objective.name} is {rounded(right)} if the outputs equal the labels, but {rounded(wrong)} if they "
            "equal the labels of other examples: it is lower for wrong predictions. Its sign is probably wrong.",
            numbers={"right": right, "wrong": wrong},
            keras="a loss has to fall as predictions improve: put a minus in front of it, or subtract it from 1.",
        )


def _is_highest(objective: Objective, labels: Labels, values: np.ndarray, right: float, rows: np.ndarray) -> bool:
    """Whether a loss is as high as anywhere near if the outputs equal the labels, as a loss with a wrong sign is.

    If it is not, the outputs may mean something else than the labels, such as logarithms of sizes.

    Args:
        objective: the loss.
        labels: the labels.
        values: the labels in the shape of the outputs.
        right: the loss of these.
        rows: the rows that are compared.
    """
    rng = np.random.default_rng(0)
    least, most = (0.0, 1.0) if values.min() >= -ROUNDING and values.max() <= 1 + ROUNDING else (-np.inf, np.inf)
    for _ in range(DIRECTIONS):
        moved = NEARBY * max(float(values.std()), ROUNDING) * rng.normal(size=values.shape).astype(np.float32)
        for some in (values + moved, values - moved):
            if _mean(objective, np.clip(some, least, most)[rows], labels, rows) > right + SAME * abs(right):
                return False
    return True


def check_order(objective: Objective, labels: Labels, outputs: np.ndarray) -> Iterator[Finding]:
    """Find a cross-entropy that takes the logarithm of the labels: its arguments are swapped.

    It then falls in proportion to the probability of the right class, by -log(epsilon) from 0 to 1, and hardly punishes
    a wrong prediction more than an uncertain one. It may be a part of a loss, as with smoothed labels.

    Args:
        objective: the loss.
        labels: the labels of some images.
        outputs: the outputs of the network.
    """
    values = _answers(labels, outputs)
    if objective.kind != "unknown" or values is None or not np.isin(values, (0, 1)).all():
        return
    rows = np.arange(len(values))
    even = 1 / values.shape[-1] if values.shape[-1] > 1 else 0.5
    try:
        losses = [_mean(objective, (1 - share) * values + share * even, labels, rows) for share in (0, 0.25, 0.5)]
    except Exception:  # a custom loss may expect other shapes
        return
    first, second = np.diff(losses) / (0.25 * (1 - even) * EPSILON_LOSS)
    if abs(first - second) <= ORDER * abs(second) and MOSTLY <= second <= 1 + ORDER:
        yield Finding(
            "wrong-loss",
            "error",
            "loss",
            f"{objective.name} is {losses[1]:.2f} if the right class has a probability of "
            f"{1 - 0.25 * (1 - even):.0%}, and {losses[2]:.2f} if it has {1 - 0.5 * (1 - even):.0%}: it takes the "
            "logarithm of the labels instead of the outputs, so its arguments are swapped.",
            numbers={"quarter": losses[1], "half": losses[2]},
            keras="the labels come first, as in keras.losses.categorical_crossentropy(y_true, y_pred).",
        )


def check_mask(objective: Objective, labels: Labels, outputs: np.ndarray) -> Iterator[Finding]:
    """Find a loss of numbers that leaves out positions where the outputs are 0, and not those where the labels are 0.

    A loss that leaves out missing targets, marked by 0, does so if its arguments are swapped: outputs are never exactly
    0, so that nothing is left out, and the marks are learned as targets.

    Args:
        objective: the loss.
        labels: the labels of some images.
        outputs: the outputs of the network.
    """
    values = _answers(labels, outputs)
    if objective.kind not in ("unknown", "error") or values is None or labels.kind != "amounts":
        return
    zeros = values == 0
    share = float(zeros.mean())
    if not HOLES < share < 1 or np.abs(values[~zeros]).min() < ROUNDING:
        return
    rows = np.arange(len(values))
    empty = np.where(zeros, 0, values + 1).astype(np.float32)  # outputs that are 0 where the labels are
    moved = Labels(np.where(zeros, 1.0, values), labels.kind, None, labels.least, labels.most)
    try:
        same, other = _mean(objective, empty, labels, rows), _mean(objective, empty, moved, rows)
        plain = _mean(objective, np.where(zeros, 3, empty).astype(np.float32), labels, rows)
    except Exception:  # a custom loss may expect other shapes
        return
    if _is_same(same, other) and not _is_same(same, plain):
        yield Finding(
            "wrong-loss",
            "error",
            "loss",
            f"{objective.name} leaves out positions where the outputs are 0, but not those where the labels are 0, "
            f"which are {share:.0%} of them: its arguments are swapped, so that missing targets are learned as 0.",
            numbers={"share": share},
            keras="Keras calls a loss with the labels first: def loss(y_true, y_pred).",
        )


def check_broadcast(objective: Objective, labels: Labels, outputs: np.ndarray) -> Iterator[Finding]:
    """Find a loss of one number for each example that compares each output with the labels of all examples.

    Arrays of the shapes (n,) and (n, 1) do so: their difference has the shape (n, n). The loss of right predictions is
    then the mean over all pairs of an output and a label, whatever belongs together.

    Args:
        objective: the loss.
        labels: the labels of some images.
        outputs: the outputs of the network.
    """
    values = _answers(labels, outputs)
    if objective.kind != "unknown" or values is None or outputs.size != len(outputs):
        return
    by_size = np.argsort(values.reshape(-1), kind="stable")
    rows = by_size[np.linspace(0, len(by_size) - 1, CROSSED).astype(int)]  # of which some differ, if any labels do
    some, numbers = values[rows], range(CROSSED)
    if some.min() >= 0 and some.max() <= 1:
        some = np.clip(some, *INSIDE)
    try:
        together = _mean(objective, some, labels, rows)
        moved = _mean(objective, np.roll(some, 1, axis=0), labels, rows)
        if not _is_same(together, moved):
            return
        each = np.array([[_mean(objective, some[[i]], labels, rows[[j]]) for j in numbers] for i in numbers])
    except Exception:  # a custom loss may expect other shapes
        return
    apart = float(each.diagonal().mean())
    if _is_same(together, float(each.mean())) and not _is_same(together, apart):
        yield crossed_finding(
            f"{objective.name} is {rounded(together)} for {CROSSED} right predictions, but {rounded(apart)} on "
            f"average for each of them alone; {rounded(together)} is the mean over all {CROSSED * CROSSED} pairs of "
            "an output and a label"
        )


def check_channels(objective: Objective, labels: Labels, outputs: np.ndarray) -> Iterator[Finding]:
    """Find a loss that compares the only channel of the outputs with each of several channels of the labels.

    Such as masks that were read as images of three equal channels. A loss that takes each channel for something else,
    such as one for the weight of the others, depends on which of them is changed.

    Args:
        objective: the loss.
        labels: the labels of some images.
        outputs: the outputs of the network.
    """
    values, count = labels.values[:CROSSED].astype(np.float32), labels.values.shape[-1]
    if objective.kind != "unknown" or values.ndim != outputs.ndim or values.ndim == 1 or len(values) < CROSSED:
        return
    if outputs.shape[1:] != (*values.shape[1:-1], 1) or count == 1:
        return
    same = np.repeat(values[..., :1], count, axis=-1)
    changed = [same.copy(), same.copy()]
    for channel, part in enumerate(changed):
        part[..., channel] = np.roll(part[..., channel], 1, axis=0)
    try:
        losses = [float(np.mean(objective.losses(outputs[:CROSSED], part))) for part in (same, *changed)]
    except Exception:  # a custom loss may expect other shapes
        return
    if _is_same(losses[1], losses[2]) and not _is_same(losses[0], losses[1]):
        yield Finding(
            "broadcast-loss",
            "error",
            "loss",
            f"The labels have {count} channels, and the outputs one. {objective.name} compares this one with each of "
            "the others, so that each label counts several times.",
            keras="give the labels the shape of the outputs: y[..., :1] if their channels are equal, as in a mask that "
            "was read as a colour image.",
        )


def check_reported(reported: float, outputs: np.ndarray, labels: np.ndarray) -> Iterator[Finding]:
    """Find a step of one's own whose loss compares each output with the labels of all examples.

    The step does not show its loss, but reports a number; this number is the mean over all pairs of an output and a
    label only if the step computes it so.

    Args:
        reported: the loss that the step has reported.
        outputs: the outputs of the network for the batch of the step.
        labels: the labels of this batch.
    """
    one_each = outputs.size == len(outputs) == labels.size and outputs.ndim != labels.ndim
    if not one_each or len(outputs) < CROSSED:
        return
    differences = outputs.astype(np.float64).reshape(-1, 1) - labels.reshape(1, -1)
    for name, losses in (("squared", np.square(differences)), ("absolute", np.abs(differences))):
        together, apart = float(losses.mean()), float(losses.diagonal().mean())
        if _is_same(reported, together) and not _is_same(together, apart):
            yield crossed_finding(
                f"The first step has reported a loss of {reported:.5g}, but the mean {name} error of its batch is "
                f"{apart:.5g}; {together:.5g} is the mean over all {losses.size:,} pairs of an output and a label"
            )
            return


def is_sum(objective: Objective, outputs: np.ndarray, labels: np.ndarray) -> bool:
    """Whether the loss of a batch is the sum of the losses of its halves, and not their mean.

    Args:
        objective: the loss.
        outputs: the outputs of the network for a batch.
        labels: the labels of this batch.
    """
    half = len(outputs) // 2
    if objective.total is None or half < MIN_HALF:
        return False
    rows = (slice(2 * half), slice(half), slice(half, 2 * half))
    try:
        whole, first, second = (objective.total(outputs[some], labels[some]) for some in rows)
    except Exception:  # a custom loss may expect one batch size
        return False
    are_large = min(abs(first), abs(second)) > SUMMED * abs(whole)
    return bool(are_large and np.isfinite(whole) and abs(whole - first - second) <= SUMMED * abs(whole))


def crossed_finding(evidence: str) -> Finding:
    """The finding about a loss that compares each output with the labels of all examples.

    Args:
        evidence: the numbers that show it, without the end of the sentence.
    """
    return Finding(
        "broadcast-loss",
        "error",
        "loss",
        f"{evidence}: it compares each output with the labels of all examples, as arrays of the shapes (n, 1) and "
        "(n,) do.",
    )


def _is_same(a: float, b: float) -> bool:
    return bool(np.isfinite([a, b]).all()) and abs(a - b) <= SAME * max(abs(a), abs(b))


def check_units(objective: Objective, labels: Labels, outputs: np.ndarray) -> Iterator[Finding]:
    """Find a custom loss that compares the class number of an image with each unit, as if it were an amount.

    Such a loss stays the same if each class number is repeated for all units, and changes if the other units are
    compared with other numbers.

    Args:
        objective: the loss.
        labels: the labels of some images.
        outputs: the outputs of the network.
    """
    values, units = labels.values.astype(np.float32)[:MAX_ROWS], outputs.shape[-1]
    whole = bool(np.isfinite(values).all() and (values == np.rint(values)).all())
    if objective.kind != "unknown" or units < 2 or values.shape[1:] != (*outputs.shape[1:-1], 1):
        return
    if not whole or labels.least < 0 or not 1 < labels.most < units:
        return
    predicted = outputs[: len(values)]
    values = values[: len(predicted)]
    repeated = np.repeat(values, units, axis=-1)
    others = repeated.copy()
    others[..., 1:] = units - 1 - others[..., 1:]
    try:
        actual, same, other = (np.asarray(objective.losses(predicted, y)) for y in (values, repeated, others))
    except Exception:  # a custom loss may expect other shapes
        return
    if actual.shape == same.shape == other.shape and np.allclose(actual, same) and not np.allclose(actual, other):
        yield Finding(
            "label-encoding",
            "error",
            "labels",
            f"{objective.name} compares the class numbers, 0 to {labels.most:g}, with each of {units} units as if they "
            "were amounts: it needs one-hot rows.",
            numbers={"units": units},
            keras=f"y = keras.utils.to_categorical(y, {units}).",
        )
