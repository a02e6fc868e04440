"""no-training-mode: batch norm or dropout that trains in inference mode."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import named
from exprun.text import nouns

CAUSE = Cause(
    id="no-training-mode",
    why=(
        "In inference mode, batch norm uses moving averages instead of the batch, and does not update them; dropout "
        "does nothing."
    ),
    source="Keras documentation, BatchNormalization layer",
    phases=(Phase.FIRST_STEP,),
    explains_symptoms=True,
    explains=("vanishing-signal", "exploding-signal", "lagging-batch-norm"),
    keras="self(x, training=True) in train_step, or model(x, training=True) in a loop.",
    in_code=True,
)


def check(context: Context) -> Iterator[Finding]:
    """Find layers that the step has run in inference mode."""
    norms = [layer for layer in context.idle if layer.isa("BatchNormalization")]
    dropouts = [layer for layer in context.idle if layer not in norms]
    if norms:
        some = "its moving averages are" if len(norms) == 1 else "their moving averages are"
        yield context.finding(
            "error",
            f"{nouns(len(norms), 'layer')} {named(norms)}",
            f"The step has changed the weights of {len(norms)} batch norm{'s' if len(norms) > 1 else ''}, but {some} "
            "still as they were initialised, 0 and 1: the step runs in inference mode.",
            {"norms": len(norms)},
        )
    elif dropouts:
        yield context.finding(
            "warning",
            f"{nouns(len(dropouts), 'layer')} {named(dropouts)}",
            f"The step has drawn no random numbers for {'any of ' if len(dropouts) > 1 else ''}{len(dropouts)} "
            f"dropout{'s' if len(dropouts) > 1 else ''}: it runs in inference mode.",
            {"dropouts": len(dropouts)},
        )
