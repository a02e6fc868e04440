"""exploding-gradient: a recurrent network whose gradient grows at each step of a sequence."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="exploding-gradient",
    why="A gradient that grows at each step of a sequence can ruin the weights in a single update.",
    source="Pascanu et al. 2013, arXiv:1211.5063, section 3.2",
    phases=(Phase.STEP,),
    explains=(
        "not-finite",
        "loss-at-chance",
        "collapsed-predictions",
        "input-independent",
        "no-generalization",
        "learning-rate-low",
        "slow-learning",
    ),
    is_symptom=True,
    keras=(
        "set clipnorm=1.0 in your optimiser, or replace SimpleRNN with LSTM or GRU, with their default activation, "
        "tanh."
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Find a loss that has risen, in a network with a plain recurrent layer and without gradient clipping."""
    found = context.divergence
    if found is not None and found.cause == CAUSE.id:
        yield context.finding("error", found.where, found.evidence, found.numbers)
