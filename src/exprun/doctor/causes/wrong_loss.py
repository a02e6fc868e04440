"""wrong-loss: a loss that does not fit the labels."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="wrong-loss",
    why="The loss decides what is learned, so it has to fit the meaning of the labels.",
    source="Humbatova et al. 2020, arXiv:1910.11015, loss function",
    phases=(Phase.FIRST_BATCH,),
    explains_symptoms=True,
    explains=("learning-rate-high", "exploding-signal"),
    preempts=("large-first-loss",),
    keras=(
        "for one of many classes, a (sparse) categorical cross-entropy and softmax; for several labels at once, or "
        "yes or no, binary_crossentropy and sigmoid; for numbers, mse or mae and no activation."
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Find a loss for another kind of labels, or a loss that is lower for wrong predictions."""
    yield from context.task.get(CAUSE.id, ())
