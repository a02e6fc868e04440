"""dead-relu: units that are zero for every image."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.passes import dead_share

CAUSE = Cause(
    id="dead-relu",
    why="A unit that is zero for every example gets no gradient and rarely recovers.",
    source="Zhang et al. 2021, AutoTrainer, section 3",
    phases=(Phase.FIRST_BATCH, Phase.PROBE),
    confirm={Phase.PROBE: 2},
    thresholds={
        "dead": Threshold(
            0.95,
            "A layer counts as dead if at least this fraction of its units is zero for every image.",
            source="networks with 0.9 left their plateau again; Zhang et al. 2021, AutoTrainer, on dying ReLUs",
            gt=0,
            le=1,
        ),
    },
    explains=(
        "input-independent",
        "collapsed-predictions",
        "loss-at-chance",
        "vanishing-gradient",
        "no-generalization",
    ),
    preempts=(
        "exploding-signal",
        "vanishing-signal",
        "strong-regularization",
        "bypassed-layers",
        "untrained-variables",
        "symmetric-init",
    ),
    is_symptom=True,
    is_disprovable=True,
    keras=(
        "lower the learning rate, scale the inputs, use kernel_initializer='he_normal', or activation='leaky_relu'."
    ),
    overrides=("init=he_normal input=standardize", "{slower}", "norm=batch", "model.activation=leaky_relu"),
)
AT_START = (
    "scale the inputs, use kernel_initializer='he_normal', or activation='leaky_relu'."  # no step is to blame yet
)
FITTED = 0.7  # loss, in units of chance level, below which a network fits its images and may have many such units
MIN_IMAGES = 8  # images, from which a unit that is zero for all of them is probably dead


def check(context: Context) -> Iterator[Finding]:
    """Find a layer of which nearly all units are zero: a unit is a channel of a map, or a value of a row."""
    found, chance = context.forward, context.chance
    if chance is not None and found.loss is not None and found.loss < FITTED * chance.loss:
        return
    relus = [call for call in found.calls if call.layer.is_relu]
    if any(len(call.outputs) < MIN_IMAGES for call in relus):
        return
    shares = [(dead_share(call.outputs), call.layer.name) for call in relus]  # a layer may be called several times
    share, name = max(shares, key=lambda pair: pair[0], default=(0.0, ""))
    if share < context.threshold("dead"):
        return
    yield context.finding(
        "error",
        f"layer {name}",
        f"{share:.0%} of its units are zero for all {len(found.outputs)} images in the probe; with less than "
        f"{context.threshold('dead'):.0%}, a network may still learn.",
        {"share": share},
        AT_START if context.phase is Phase.FIRST_BATCH else "",
    )
