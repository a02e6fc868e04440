"""output-activation: a last activation that cannot give the values that are to be predicted."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="output-activation",
    why="The last activation limits which values the network can predict.",
    source="Nikanjam et al. 2021, NeuraLint",
    phases=(Phase.FIRST_BATCH,),
    explains_symptoms=True,
    explains=("vanishing-signal",),
    preempts=("large-first-loss",),
    keras=(
        "no activation if the loss has from_logits=True or if the network predicts numbers; otherwise softmax for "
        "one of many classes, sigmoid for yes or no."
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Find a last activation with a range that does not fit the loss or the targets."""
    yield from context.task.get(CAUSE.id, ())
