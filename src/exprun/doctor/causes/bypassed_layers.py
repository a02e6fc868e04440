"""bypassed-layers: layers whose output is not used."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="bypassed-layers",
    why="A layer whose output is not used does nothing and is not trained.",
    source="Nikanjam et al. 2021, NeuraLint",
    phases=(Phase.SETUP, Phase.FIRST_BATCH),
    explains=("unscaled-input", "large-first-loss", "untrained-variables"),
    keras="assign the output, x = layer(x), and pass x to the next layer.",
    overrides=("norm=batch", "init=he_normal"),
    in_code=True,
)


def check(context: Context) -> Iterator[Finding]:
    """Find layers that have no effect on the outputs."""
    match context.phase:
        case Phase.FIRST_BATCH:
            yield from _first_batch(context)


def _first_batch(context: Context) -> Iterator[Finding]:
    """Find layers without a gradient that could as well give zeros."""
    unreached = context.unreached
    if unreached is not None and context.ignores_unreached:
        yield context.finding(
            "error",
            unreached.where,
            f"{unreached.count}; the output of the model stays the same if the outputs of their layers are set to 0.",
            {"variables": len(unreached.paths)},
        )
