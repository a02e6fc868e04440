"""softmax-twice: a softmax or sigmoid in the last layer and another one in the loss."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="softmax-twice",
    why=(
        "A second softmax or sigmoid squashes the probabilities towards each other, so the network can never be "
        "confident."
    ),
    source="Schoop et al. 2021, UMLAUT",
    phases=(Phase.FIRST_BATCH,),
    explains_symptoms=True,
    explains=("learning-rate-low", "vanishing-signal"),
    preempts=("large-first-loss",),
    keras=(
        "keep one of the two: either no activation in the last layer and from_logits=True, or the activation "
        "(softmax, or sigmoid with a binary cross-entropy) and from_logits=False."
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Find outputs that are probabilities in a loss that makes probabilities itself."""
    yield from context.task.get(CAUSE.id, ())
