"""learning-rate-high: a learning rate at which steps overshoot."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.rates import rate_to_try, unusual_rate

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
    keras=(
        "divide the learning rate by 10 until the loss falls; usual first values are 0.001 for Adam and 0.01 for SGD."
    ),
    overrides=("{slower}", "{slowest}"),
)


def check(context: Context) -> Iterator[Finding]:
    """Find a learning rate at which steps overshoot."""
    match context.phase:
        case Phase.SETUP:
            yield from _setup(context)


def _setup(context: Context) -> Iterator[Finding]:
    """Find a learning rate above the usual range of the optimiser."""
    pace, usual = context.subject.pace, context.usual_rates
    if pace is None or usual is None or pace.highest_rate is None:
        return
    least, most = usual
    if pace.highest_rate > most:
        yield context.finding(
            "warning",
            "optimiser",
            unusual_rate(pace.optimizer, pace.highest_rate, usual),
            {"rate": pace.highest_rate, "least": least, "most": most},
            rate_to_try(pace.optimizer, usual, "lower"),
        )
