"""label-out-of-range: class numbers for which the network has no output."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="label-out-of-range",
    why="If the network has no output for a label, the loss is wrong or NaN, or raises an error.",
    source="TensorFlow, sparse_softmax_cross_entropy_with_logits",
    phases=(Phase.FIRST_BATCH, Phase.BAD_BATCH),
    explains_symptoms=True,
    explains=("output-units",),
    preempts=("large-first-loss",),
    keras=(
        "number the classes 0, 1, 2, … in the same way in training and validation: y = "
        "np.searchsorted(np.unique(y_train), y)."
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Find class numbers without a unit in the last layer that seem to be numbered in another way."""
    yield from context.task.get(CAUSE.id, ())
