"""lagging-batch-norm: moving averages that are far from the batches' mean and variance."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context

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


def check(context: Context) -> Iterator[Finding]:
    """Find moving averages that are far from what they average."""
    match context.phase:
        case Phase.SETUP:
            yield from _setup(context)


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
