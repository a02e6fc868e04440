"""single-class: labels that are all the same class."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

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


def check(context: Context) -> Iterator[Finding]:
    """Find training labels that are all the same class."""
    counts = context.class_counts
    if counts is not None and counts.share == 1:
        yield context.finding(
            "error",
            "training labels",
            f"All {counts.total:,} labels checked are class {context.subject.class_name(counts.top)}.",
            {"classes": 1},
        )
