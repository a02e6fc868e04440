"""untrained-variables: variables that no step updates."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="untrained-variables",
    why="A variable that is never updated keeps its random initial value.",
    source="Nikanjam et al. 2021, NeuraLint",
    phases=(Phase.STRUCTURE, Phase.FIRST_BATCH, Phase.PROBE),
    confirm={Phase.PROBE: 2},
    explains=("loss-at-chance", "no-generalization", "overfitting"),
    keras=(
        "remove argmax, round, integer casts and stop_gradient between the layer that the finding names and the loss."
    ),
)
IN_CALL = (
    "use each of these variables in call, or remove argmax, round, integer casts and stop_gradient between the "
    "variable and the loss."
)


def check(context: Context) -> Iterator[Finding]:
    """Find variables that training does not change."""
    match context.phase:
        case Phase.FIRST_BATCH:
            yield from _first_batch(context)


def _first_batch(context: Context) -> Iterator[Finding]:
    """Find variables without a gradient in layers whose outputs are used."""
    unreached = context.unreached
    if unreached is not None and not context.ignores_unreached:
        yield context.finding(
            "error",
            unreached.where,
            f"{unreached.count}.",
            {"variables": len(unreached.paths)},
            "" if unreached.are_whole else IN_CALL,
        )
