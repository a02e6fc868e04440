"""class-imbalance: one class that most images belong to, without class weights."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.labels import ClassCounts
from exprun.doctor.instruments.objective import Objective

CAUSE = Cause(
    id="class-imbalance",
    why=(
        "A network that predicts the most frequent class for every example already has a high accuracy, and rare "
        "classes hardly affect the loss."
    ),
    source="Buda et al. 2018, arXiv:1710.05381",
    phases=(Phase.DATA, Phase.END),
    thresholds={
        "frequent_class": Threshold(
            0.8,
            (
                "The classes count as imbalanced if more than this fraction of the images belongs to the most "
                "frequent class."
            ),
            source="Buda et al. 2018, arXiv:1710.05381: imbalances of 10 and more",
            gt=0,
            lt=1,
        ),
    },
    explains=("collapsed-predictions",),
    keras=(
        "pass class weights to fit: class_weight={c: len(y) / (classes * (y == c).sum()) for c in range(classes)}, "
        "where y holds the class numbers; judge the network by the recall of each class, not by its accuracy."
    ),
    overrides=("data.class_weights=balanced",),
)
HEAVIER = 1.2  # weight of the most frequent class, in units of the mean weight of the others, that is upside down
HARDLY = 0.05  # share of the rare positions up to which a network predicts hardly any
AT_CHANCE = 1.1  # mean loss, in units of chance level, up to which a network has learned the frequencies at least
MIDDLE = 0.5  # probability from which the answer is yes
MIN_LABELS = 20  # labels from which a class is frequent in more than a truth table
MIN_EXCESS = 1.5  # share of the most frequent class, in units of its share if all classes were equally frequent


def check(context: Context) -> Iterator[Finding]:
    """Find a very frequent class, unless class weights compensate for it."""
    match context.phase:
        case Phase.DATA:
            yield from _data(context)
        case Phase.END:
            yield from _end(context)


def _data(context: Context) -> Iterator[Finding]:
    """Find a very frequent class among the labels; among those of positions, such as pixels, one is usual."""
    counts, subject = context.class_counts, context.subject
    if counts is None or counts.share == 1 or context.ignores_labels:
        return
    weights = subject.class_weights if subject.weighted else None
    heavier = "" if weights is None else _heavier(counts, weights)
    if subject.weighted and not heavier:
        return
    if counts.share > context.threshold("frequent_class") and counts.share * len(counts.each) > MIN_EXCESS:
        yield context.finding(
            "warning" if counts.total >= MIN_LABELS and not context.has_positions else "note",
            "training labels",
            f"{counts.share:.0%} of {counts.total:,} labels are class {subject.class_name(counts.top)}, so always "
            f"predicting it has an accuracy of {counts.share:.0%}.{heavier}",
            {"share": counts.share},
        )


def _end(context: Context) -> Iterator[Finding]:
    """Find positions, such as pixels, that all get the most frequent class, and a loss that shows no more."""
    chance, objective = context.chance, context.subject.objective
    if chance is None or objective is None or not context.has_positions or context.subject.weighted:
        return
    true, predicted = _at_positions(context.evaluated.outputs, context.labels, objective)
    if true.shape != predicted.shape or not true.size or context.history.mean_loss > AT_CHANCE * chance.loss:
        return
    values, counts = np.unique(true, return_counts=True)
    share, others = float(counts.max() / counts.sum()), float((predicted != values[counts.argmax()]).mean())
    if 1 > share > context.threshold("frequent_class") and others < HARDLY * (1 - share):
        yield context.finding(
            "warning",
            "training labels",
            f"At the end, the network predicts class {values[counts.argmax()]:g} at {1 - others:.1%} of the positions; "
            f"it has {share:.1%} of the labels. The loss is {chance.shown(context.history.mean_loss)}; "
            f"{chance.shortly}.",
            {"share": share, "others": others},
            "a loss in which rare positions weigh more: a dice loss, keras.losses.Dice(), or a weight for each "
            "position in sample_weight.",
            (),
        )


def _at_positions(outputs: np.ndarray, labels: np.ndarray, objective: Objective) -> tuple[np.ndarray, np.ndarray]:
    """The class of each position, true and predicted, (positions,) each; of different sizes if they are unknown."""
    units = outputs.shape[-1]
    if objective.kind == "softmax" and units > 1:
        true = labels if objective.sparse else labels.argmax(-1)
        return true.reshape(-1), outputs.argmax(-1).reshape(-1)
    if objective.kind == "sigmoid" and units == 1:
        return (labels > MIDDLE).reshape(-1), (outputs > (0 if objective.from_logits else MIDDLE)).reshape(-1)
    return labels[:0], outputs


def _heavier(counts: ClassCounts, weights: np.ndarray) -> str:
    """A sentence about class weights, (classes,), that favour the most frequent class; empty if they do not."""
    weight = weights[counts.top]
    others = np.delete(counts.each * weights, counts.top).sum() / (counts.total - counts.each[counts.top])
    if weight > HEAVIER * others:
        return (
            f" In the loss, an image of this class has the weight {weight:.3g}, but other images have {others:.2g} on "
            "average: the class weights are upside down."
        )
    return ""
