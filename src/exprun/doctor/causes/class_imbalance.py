"""class-imbalance: one class that most images belong to, without class weights."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.labels import ClassCounts

CAUSE = Cause(
    id="class-imbalance",
    why=(
        "A network that predicts the most frequent class for every example already has a high accuracy, and rare "
        "classes hardly affect the loss."
    ),
    source="Buda et al. 2018, arXiv:1710.05381",
    phases=(Phase.DATA,),
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
MIN_LABELS = 20  # labels from which a class is frequent in more than a truth table
MIN_EXCESS = 1.5  # share of the most frequent class, in units of its share if all classes were equally frequent


def check(context: Context) -> Iterator[Finding]:
    """Find a very frequent class, unless class weights compensate for it."""
    counts, subject = context.class_counts, context.subject
    if counts is None or counts.share == 1:
        return
    weights = subject.class_weights if subject.weighted else None
    heavier = "" if weights is None else _heavier(counts, weights)
    if subject.weighted and not heavier:
        return
    if counts.share > context.threshold("frequent_class") and counts.share * len(counts.each) > MIN_EXCESS:
        yield context.finding(
            "warning" if counts.total >= MIN_LABELS else "note",
            "training labels",
            f"{counts.share:.0%} of {counts.total:,} labels are class {subject.class_name(counts.top)}, so always "
            f"predicting it has an accuracy of {counts.share:.0%}.{heavier}",
            {"share": counts.share},
        )


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
