"""learning-rate-decay: a learning rate that falls to nearly nothing too early."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context

CAUSE = Cause(
    id="learning-rate-decay",
    why="Most of the run then has a learning rate that is too low to learn with.",
    source="Bengio 2012, arXiv:1206.5533, section 3.1.1",
    phases=(Phase.SETUP, Phase.EPOCH),
    thresholds={
        "decayed": Threshold(
            0.05,
            (
                "The learning rate counts as falling too fast if, within a tenth of the run, it falls below this "
                "fraction of its highest value and does not rise again."
            ),
            gt=0,
            lt=1,
        ),
    },
    explains=(
        "learning-rate-low",
        "loss-at-chance",
        "no-generalization",
        "collapsed-predictions",
        "slow-learning",
        "plateau",
    ),
    keras="decay_steps = epochs * steps per epoch: Keras counts steps, not epochs.",
    overrides=("schedule=cosine", "schedule=constant"),
)


def check(context: Context) -> Iterator[Finding]:
    """Find a learning rate that falls to nearly nothing too early."""
    match context.phase:
        case Phase.SETUP:
            yield from _setup(context)


def _setup(context: Context) -> Iterator[Finding]:
    """Find a schedule that ends learning within the first tenth of the run."""
    pace = context.subject.pace
    if pace is None or pace.highest_rate is None:
        return
    rates, top = pace.known_rates, pace.highest_rate
    after = rates[int(rates.argmax()) + max(1, len(rates) // 10) :]
    if len(after) > len(rates) // 2 and (early := float(after.max())) < context.threshold("decayed") * top:
        yield context.finding(
            "error",
            "schedule",
            f"The learning rate falls from {top:.2g} to {early:.2g} within the first tenth of the run.",
            {"rate": top, "early": early},
        )
