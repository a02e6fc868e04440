"""missing-softmax: logits passed to a loss that takes probabilities."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="missing-softmax",
    why="The loss takes the logarithm of probabilities: values outside 0 to 1 are clipped and get no gradient.",
    source="Schoop et al. 2021, UMLAUT",
    phases=(Phase.FIRST_BATCH,),
    explains_symptoms=True,
    explains=("learning-rate-low",),
    preempts=("large-first-loss",),
    keras=(
        "set from_logits=True in your loss, for example "
        "loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), or end the model in softmax (in sigmoid "
        "with a binary cross-entropy)."
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Find outputs outside of 0 to 1 in a loss that takes probabilities."""
    yield from context.task.get(CAUSE.id, ())
