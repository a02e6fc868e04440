"""output-units: a last layer with the wrong number of units."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="output-units",
    why=(
        "The last layer needs one unit for each class or for each number to predict; for two classes, one sigmoid "
        "unit is enough."
    ),
    source="Nikanjam et al. 2021, NeuraLint",
    phases=(Phase.FIRST_BATCH, Phase.BAD_BATCH),
    explains_symptoms=True,
    explains=("output-activation", "wrong-loss"),
    preempts=("large-first-loss",),
    keras=(
        "end the network in Dense(classes, activation='softmax') with a (sparse) categorical cross-entropy (no "
        "activation if the loss has from_logits=True), in Dense(1, activation='sigmoid') with binary_crossentropy, "
        "or, to predict n numbers, in Dense(n) with mse."
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Find a last layer with too few units for the classes, or a wrong number of them for the targets."""
    yield from context.task.get(CAUSE.id, ())
