"""learning-rate-high: a learning rate at which steps overshoot."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.rates import unusual_rate
from exprun.text import rounded

CAUSE = Cause(
    id="learning-rate-high",
    why="If the learning rate is too high, steps overshoot and the loss rises instead of falling.",
    source="Bengio 2012, arXiv:1206.5533, section 3.1.1",
    phases=(Phase.SETUP, Phase.STEP, Phase.PROBE),
    confirm={Phase.PROBE: 2},
    thresholds={
        "large_update": Threshold(
            3.0,
            (
                "The learning rate counts as too high if the weights change by more than this multiple of their norm "
                "between two probes."
            ),
            gt=0,
        ),
    },
    explains_symptoms=True,
    explains=("learning-rate-low",),
    is_disprovable=True,
    keras=(
        "divide the learning rate by 10 until the loss falls; usual first values are 0.001 for Adam and 0.01 for SGD."
    ),
    overrides=("{slower}", "{slowest}"),
)
MIN_STEPS = 20  # steps between two probes, from which their weights are compared


def check(context: Context) -> Iterator[Finding]:
    """Find a learning rate at which steps overshoot."""
    match context.phase:
        case Phase.SETUP:
            yield from _setup(context)
        case Phase.STEP:
            yield from _step(context)
        case Phase.PROBE:
            yield from _probe(context)


def _setup(context: Context) -> Iterator[Finding]:
    """Find a learning rate above the usual range of the optimiser."""
    found = unusual_rate(context.subject.pace, context.usual_rates, 1)
    if found is not None:
        yield context.finding("warning", "optimiser", found.evidence, found.numbers, found.keras)


def _step(context: Context) -> Iterator[Finding]:
    """Find a loss that has risen far above its first value, or beyond all numbers."""
    found = context.divergence
    if found is not None and found.cause == CAUSE.id:
        yield context.finding("error", found.where, found.evidence, found.numbers)


def _probe(context: Context) -> Iterator[Finding]:
    """Find weights that move by a multiple of their size from probe to probe, in a network that does not learn."""
    moves, typical = context.history.moves, context.typical_move
    if moves is None or typical is None or context.chance is None or context.has_learned:
        return
    if context.finds("dead-relu") or context.finds("vanishing-gradient"):
        return
    if context.chance.of_numbers and not context.history.is_no_better_than_chance:
        return  # to reach numbers that are far from 0, weights have to move far
    most = context.threshold("large_update")
    if typical * moves.steps > most and moves.steps >= MIN_STEPS:
        yield context.finding(
            "warning",
            "weights",
            f"In {moves.steps} steps, the weights have changed by {rounded(typical * moves.steps, 2)} times their "
            f"size, and the network has not learned; less than {most:g} times is normal.",
            {"moved": typical * moves.steps},
        )
