"""single-class: labels that are all the same class."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.labels import are_all_ones

CAUSE = Cause(
    id="single-class",
    why=(
        "If all labels are the same class, predicting this class for every example is always correct, so the network "
        "learns nothing from the examples."
    ),
    source="Humbatova et al. 2020, arXiv:1910.11015, training data",
    phases=(Phase.DATA,),
    explains_symptoms=True,
    explains=("class-imbalance", "shuffled-labels", "unshuffled-data"),
    keras=(
        "print np.unique(y, return_counts=True) after loading and after splitting; if a data set is sorted by class, "
        "shuffle it before you split it or read a part of it."
    ),
)


MIN_LABELS = 8  # maps that may be the same by chance


def check(context: Context) -> Iterator[Finding]:
    """Find training labels that are all the same, whether they are classes or maps of them."""
    counts, values = context.class_counts, context.all_labels.values
    if context.ignores_labels or are_all_ones(context.all_labels):  # which is an encoding of classes gone wrong
        return
    if counts is None and len(values) >= MIN_LABELS and values.size > len(values) and np.ptp(values) == 0:
        yield context.finding(
            "error",
            "training labels",
            f"All {values.size:,} values of {len(values):,} labels checked are {values.flat[0]:g}.",
            {"classes": 1},
            "print y.min() and y.max() after each step that prepares the labels; y // 255 or y.astype(int) of labels "
            "that are already 0 and 1, or of shares below 1, gives nothing but 0.",
        )
    if counts is not None and counts.share == 1:
        yield context.finding(
            "error",
            "training labels",
            f"All {counts.total:,} labels checked are class {context.subject.class_name(counts.top)}.",
            {"classes": 1},
        )
    yield from _but_skipped(context)


def _but_skipped(context: Context) -> Iterator[Finding]:
    """Find labels that are all the same class, apart from those that the loss skips."""
    objective, values = context.subject.objective, context.all_labels.values
    skipped = None if objective is None else objective.ignored
    used = values[values != skipped]
    if skipped is not None and MIN_LABELS <= used.size < values.size and np.ptp(used) == 0:
        yield context.finding(
            "error",
            "training labels",
            f"All {used.size:,} labels checked that the loss uses are class {used.flat[0]:g}; it skips the others, "
            f"{1 - used.size / values.size:.0%}, because they are class {skipped}.",
            {"classes": 1},
            f"if {skipped} is a class to learn, give it the number of a unit; ignore_class is for what has no label.",
        )
