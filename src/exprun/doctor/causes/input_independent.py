"""input-independent: outputs that are the same for every image."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.passes import rms, spread

CAUSE = Cause(
    id="input-independent",
    why="The network ignores its inputs.",
    source="Karpathy 2019, A Recipe for Training Neural Networks",
    phases=(Phase.FIRST_BATCH, Phase.PROBE),
    confirm={Phase.PROBE: 2},
    thresholds={
        "constant_output": Threshold(
            0.0001,
            (
                "Outputs count as constant if their standard deviation over images is at most this fraction of their "
                "root mean square."
            ),
            gt=0,
            lt=1,
        ),
    },
    explains=("collapsed-predictions", "loss-at-chance", "no-generalization"),
    is_symptom=True,
    is_disprovable=True,
    keras=(
        "train on 10 examples only; if the network cannot memorise them, lower the learning rate, scale the inputs, or "
        "use he_normal."
    ),
    overrides=("norm=batch", "init=he_normal input=standardize", "{slower}"),
)
AT_START = (  # no step is to blame yet
    "kernel_initializer='he_normal' with ReLU, BatchNormalization, scaled inputs; print the output of each layer for "
    "two images to see where the outputs become equal."
)
MIN_IMAGES = 4  # images, from which outputs are compared


def check(context: Context) -> Iterator[Finding]:
    """Find outputs that are the same for every image, although the images differ."""
    found = context.forward
    if context.phase is Phase.PROBE and context.has_learned:
        return
    if not np.isfinite(found.outputs).all() or len(found.outputs) < MIN_IMAGES or not found.calls:
        return
    if spread(found.calls[0].inputs) <= 0:
        return
    difference, size = spread(found.outputs), rms(found.outputs)
    if difference <= context.threshold("constant_output") * size and size > 0:
        yield context.finding(
            "error",
            "output",
            f"The outputs for {len(found.outputs)} different images differ by only {difference:.1e}, and their size is "
            f"{size:.2g}.",
            {"spread": difference, "size": size},
            AT_START if context.phase is Phase.FIRST_BATCH else "",
        )
