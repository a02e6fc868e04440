"""learning-rate-low: a learning rate at which the weights hardly move."""

from collections.abc import Iterator, Sequence

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.rates import ROUNDING, first_rate, middle, rate_to_try, unusual_rate
from exprun.doctor.subject import Pace

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
    explains=(
        "loss-at-chance",
        "no-generalization",
        "collapsed-predictions",
        "vanishing-gradient",
        "slow-learning",
        "too-few-steps",
    ),
    is_disprovable=True,
    keras=(
        "multiply the learning rate by 10 as long as the loss still falls; usual first values are 0.001 for Adam and "
        "0.01 for SGD."
    ),
    overrides=("{faster}", "{fastest}"),
)
LOW = 0.2  # learning rate that counts as low, in units of the middle of the usual range


def check(context: Context) -> Iterator[Finding]:
    """Find a learning rate at which the weights hardly move."""
    match context.phase:
        case Phase.SETUP:
            yield from _setup(context)
        case Phase.STEP:
            yield from _step(context)
        case Phase.PROBE:
            yield from _probe(context)


def _setup(context: Context) -> Iterator[Finding]:
    """Find a learning rate below the usual range of the optimiser."""
    pace, usual = context.subject.pace, context.usual_rates
    found = unusual_rate(pace, usual, -1)
    if found is None or pace is None or usual is None:
        return
    if found.numbers["rate"] < 0:
        yield from _negative(context, pace, usual)
    else:
        yield context.finding("warning", "optimiser", found.evidence, found.numbers, found.keras)


def _negative(context: Context, pace: Pace, usual: Sequence[float]) -> Iterator[Finding]:
    """Find a learning rate below 0."""
    rate = float(pace.known_rates.min())
    yield context.finding(
        "error",
        "optimiser",
        f"The learning rate is {rate:.3g}: below 0, each step goes uphill, and the loss rises.",
        {"rate": rate},
        f"learning_rate={first_rate(pace.optimizer, usual):.1g}.",
    )


def _step(context: Context) -> Iterator[Finding]:
    """Find a learning rate at the low end of its usual range, in a run that stays at chance level."""
    pace, usual, chance = context.subject.pace, context.usual_rates, context.chance
    if pace is None or usual is None or pace.highest_rate is None:
        return
    if chance is None or not context.history.is_at_chance:
        return
    if (1 - ROUNDING) * usual[0] <= pace.highest_rate < LOW * middle(usual):
        yield context.finding(
            "warning",
            "optimiser",
            f"The learning rate is at most {pace.highest_rate:.2g}, and after {context.step} steps the loss is "
            f"{chance.shown(context.history.mean_loss)}; {chance.shortly}. Learning rates this low are meant "
            "for weights that are already trained.",
            {"rate": pace.highest_rate, "usual": middle(usual)},
            rate_to_try(pace.optimizer, usual, "higher"),
        )


def _probe(context: Context) -> Iterator[Finding]:
    """Find weights that hardly move from probe to probe, in a network that does not learn."""
    moves, typical = context.history.moves, context.typical_move
    if moves is None or typical is None or context.has_learned or context.finds("dead-relu"):
        return
    if typical < context.threshold("small_update") and not (typical == 0 and _has_no_gradient(context)):
        yield context.finding(
            "warning",
            "weights",
            f"In {moves.steps} steps, the weights have changed by {typical * moves.steps:.1e} of their size "
            f"({typical:.1e} in each step; about 1e-3 is normal).",
            {"moved": typical},
        )


def _has_no_gradient(context: Context) -> bool:
    """Whether the loss gives no matrix of weights a gradient, so that no learning rate would move it."""
    gradients = [one for one in context.forward.gradients if one is not None and one.ndim > 1]
    return bool(gradients) and not any(one.any() for one in gradients)
