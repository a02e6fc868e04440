"""excessive-dropout: dropout of nearly all units."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import DROPOUTS, Layer, named
from exprun.text import nouns

CAUSE = Cause(
    id="excessive-dropout",
    why="So few units remain in each step that noise drowns out their signal.",
    source="Srivastava et al. 2014, JMLR 15, section A.4: 0.2 to 0.5 for hidden units",
    phases=(Phase.SETUP, Phase.STEP),
    thresholds={
        "dropout": Threshold(
            0.75,
            "The dropout rate of a layer counts as too high above this value.",
            source="Srivastava et al. 2014, JMLR 15, section A.4: 0.2 to 0.5 is usual for hidden units",
            gt=0,
            lt=1,
        ),
    },
    explains_symptoms=True,
    keras="Dropout(0.5) or less; the number is the share of units that are dropped, not kept.",
)
MIN_KEPT = 0.03  # usual share of the paths through all dropouts that remain in a step
SEVERAL = 3  # dropouts that count as a row


def check(context: Context) -> Iterator[Finding]:
    """Find dropout of nearly all units: in one layer, or in a row of them where a network stays at chance level."""
    match context.phase:
        case Phase.SETUP:
            yield from _setup(context)
        case Phase.STEP:
            yield from _step(context)


def _setup(context: Context) -> Iterator[Finding]:
    high = [layer for layer in _dropouts(context) if layer.rate > context.threshold("dropout")]
    if not high:
        return
    most = max(layer.rate for layer in high)
    yield context.finding(
        "warning",
        f"{nouns(len(high), 'layer')} {named(high)}",
        f"It drops {most:.0%} of its units in each step; 20% to 50% is usual."
        if len(high) == 1
        else f"Each layer drops up to {most:.0%} of its units in each step; 20% to 50% is usual.",
        {"rate": most},
    )


def _step(context: Context) -> Iterator[Finding]:
    """Find several dropouts in a row, in a network that stays at chance level: hardly any path passes all of them."""
    if not context.history.is_at_chance:
        return
    rates = [layer.rate for layer in _dropouts(context) if layer.rate > 0]
    left = float(np.prod([1 - rate for rate in rates]))
    if len(rates) >= SEVERAL and left < MIN_KEPT:
        yield context.finding(
            "error",
            f"{len(rates)} dropouts",
            f"Only {left:.1%} of the paths through all {len(rates)} dropouts remain in each step; more than "
            f"{MIN_KEPT:.0%} is usual.",
            {"left": left},
            "use fewer dropouts, or lower dropout rates: the share that remains is the product of 1 - rate over all.",
        )


def _dropouts(context: Context) -> list[Layer]:
    return [layer for layer in context.layers if layer.isa(*DROPOUTS)]
