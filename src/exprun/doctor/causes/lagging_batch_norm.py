"""lagging-batch-norm: moving averages that are far from the batches' mean and variance."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.text import rounded

CAUSE = Cause(
    id="lagging-batch-norm",
    why=(
        "In evaluation, batch norm uses moving averages, and these are far from the mean and variance of the "
        "training batches."
    ),
    source="Ioffe & Szegedy 2015, arXiv:1502.03167, section 3.1",
    phases=(Phase.SETUP, Phase.EVALUATION),
    thresholds={
        "norm_lag": Threshold(
            0.5,
            (
                "A moving average of batch normalisation counts as lagging if more than this fraction of its initial "
                "value remains at the end of the run."
            ),
            gt=0,
            lt=1,
        ),
    },
    explains=("no-generalization", "overfitting"),
    keras="BatchNormalization(momentum=0.9), or more steps.",
    overrides=("norm.momentum=0.9", "norm=group"),
)
SETTLED = 0.05  # share of its first value that is left in a moving average that has settled
TWICE = 2  # evaluations in a row before a lag is more than the usual start


def check(context: Context) -> Iterator[Finding]:
    """Find moving averages that are far from what they average."""
    match context.phase:
        case Phase.SETUP:
            yield from _setup(context)
        case Phase.EVALUATION:
            yield from _evaluation(context)


def _setup(context: Context) -> Iterator[Finding]:
    """Find moving averages that do not settle before the run ends."""
    norms, pace = context.trained_norms, context.subject.pace
    if not norms or pace is None or not pace.steps:
        return
    slow = max(norms, key=lambda norm: float(norm.layer.momentum))
    momentum = slow.layer.momentum
    if (left := momentum**pace.steps) > context.threshold("norm_lag"):
        yield context.finding(
            "warning",
            f"layer {slow.name}" + (f" and {len(norms) - 1} more" if len(norms) > 1 else ""),
            f"With momentum {momentum:g} and {pace.steps:,} steps, {left:.0%} of a moving average is still its initial "
            "value at the end of the run.",
            {"momentum": momentum, "left": left},
        )


def _evaluation(context: Context) -> Iterator[Finding]:
    """Find training images that are far worse in inference mode, where validation is worse than chance level."""
    history, steps = context.history, context.step or 0
    losses = context.lag if history.is_worse_again else None
    # Not by `confirm`: a lag that is still settling counts, but is not reported.
    if context.streak("lag", losses is not None) < TWICE or losses is None:
        return
    # Of all batch norms, the moving averages with the highest momentum settle last.
    momentum = max(layer.layer.momentum for layer in context.layers if layer.isa("BatchNormalization"))
    settled = momentum**steps < SETTLED
    if history.total_steps is not None and steps < history.total_steps / 2 and not settled:
        return
    trained, evaluated = losses
    enough = f"; {steps:,} steps are enough for averages with momentum {momentum:g}, so both should be about equal."
    few = f", after {steps:,} steps with momentum {momentum:g}; both should be about equal."
    yield context.finding(
        "warning",
        "batch norm",
        f"The same training images have a loss of {rounded(trained)} in training mode and {rounded(evaluated)} in "
        f"evaluation{enough if settled else few}",
        {"training": trained, "evaluation": evaluated, "momentum": momentum},
        "larger batches, a lower learning rate, no Dropout before BatchNormalization, or GroupNormalization."
        if settled
        else "",
    )
