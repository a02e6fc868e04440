"""learning-rate-low: a learning rate at which the weights hardly move."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context

CAUSE = Cause(
    id="learning-rate-low",
    why="At this learning rate the weights hardly move from their initial values.",
    source="Bengio 2012, arXiv:1206.5533, section 3.1.1",
    phases=(Phase.SETUP, Phase.STEP, Phase.PROBE),
    confirm={Phase.PROBE: 3},
    thresholds={
        "small_update": Threshold(
            1e-06,
            (
                "The learning rate counts as too low if a step changes the weights by less than this fraction of "
                "their norm."
            ),
            source="about 0.001 is healthy: Karpathy, CS231n, Neural Networks Part 3",
            gt=0,
        ),
    },
    explains=("loss-at-chance", "no-generalization", "collapsed-predictions", "vanishing-gradient", "slow-learning"),
    keras=(
        "multiply the learning rate by 10 as long as the loss still falls; usual first values are 0.001 for Adam and "
        "0.01 for SGD."
    ),
    overrides=("{faster}", "{fastest}"),
)


def check(context: Context) -> Iterator[Finding]:
    """Find a learning rate at which the weights hardly move."""
    match context.phase:
        case Phase.PROBE:
            yield from _probe(context)


def _probe(context: Context) -> Iterator[Finding]:
    """Find weights that hardly move from probe to probe, in a network that does not learn."""
    moves, typical = context.history.moves, context.typical_move
    if moves is None or typical is None or context.has_learned or context.finds("dead-relu"):
        return
    if typical < context.threshold("small_update"):
        yield context.finding(
            "warning",
            "weights",
            f"In {moves.steps} steps, the weights have changed by {typical * moves.steps:.1e} of their size "
            f"({typical:.1e} in each step; about 1e-3 is normal).",
            {"moved": typical},
        )
