"""bypassed-layers: layers whose output is not used."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import MAX_NAMES, named
from exprun.text import listed, nouns

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
MOST_LISTED = 12  # names of layers in the evidence, so that the last layer of a usual preprocessing is among them


def check(context: Context) -> Iterator[Finding]:
    """Find layers that have no effect on the output of the model."""
    match context.phase:
        case Phase.SETUP:
            yield from _setup(context)
        case Phase.FIRST_BATCH:
            yield from _first_batch(context)


def _setup(context: Context) -> Iterator[Finding]:
    """Find layers whose output does not reach the output of the model."""
    if not context.dropped:
        return
    dropped = context.dropped
    count = len(dropped)
    is_long = count > MAX_NAMES
    names = f": {listed((layer.name for layer in dropped), MOST_LISTED)}" if is_long else ""
    yield context.finding(
        "error",
        f"{count} layers, from {dropped[0].name} to {dropped[-1].name}"
        if is_long
        else f"{nouns(count, 'layer')} {named(dropped)}",
        f"{count} layer{'s were' if count > 1 else ' was'} called, but no path leads from "
        f"{'them' if count > 1 else 'it'} to the output of the model{names}.",
        {"layers": count},
    )


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
