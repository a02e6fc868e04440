"""cannot-overfit: a network that cannot memorise a few examples."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context

CAUSE = Cause(
    id="cannot-overfit",
    why="A network that cannot memorise a few examples cannot learn many.",
    source="Karpathy 2019, A Recipe for Training Neural Networks",
    phases=(Phase.MEMORY,),
    thresholds={
        "memorised": Threshold(
            0.9,
            (
                "The network counts as able to memorise a batch if, after some steps on this batch alone, the loss "
                "is below this fraction of the first loss."
            ),
            source=(
                "networks that learn are below 0.1 after 12 steps of Adam; Karpathy 2019, A Recipe for Training "
                "Neural Networks"
            ),
            gt=0,
            le=1,
        ),
    },
    explains=("loss-at-chance", "collapsed-predictions", "input-independent", "no-generalization"),
    is_symptom=True,
    keras="start from a small network that can memorise them, and add layers one at a time until it fails.",
    overrides=("norm=batch", "init=he_normal", "input=standardize"),
)
IMAGES = 16  # training images in the batch
STEPS = 30  # steps on the batch, at most
SECONDS = 4.0  # time for these steps, in seconds
MIN_STEPS = 12  # if fewer steps fit into the time, nothing is reported
FITTED = 0.3  # first loss below which pretrained weights fit the images already, in units of chance level


def check(context: Context) -> Iterator[Finding]:
    """Train on a few images alone, with steps of the same length for all weights, and find a loss that hardly falls.

    Karpathy 2019, A Recipe for Training Neural Networks, "overfit one batch".
    """
    objective, labels = context.subject.objective, context.subject.labels[:IMAGES]
    if objective is None or objective.kind not in ("softmax", "sigmoid") or not context.model.trainable_variables:
        return
    if len(np.unique(labels.reshape(len(labels), -1), axis=0)) < 2:
        return
    classes = int(context.model.output_shape[-1]) if objective.kind == "softmax" else 2
    limit, fitted = context.threshold("memorised"), FITTED * np.log(max(classes, 2))

    def fits(losses: list[float]) -> bool:
        return losses[-1] < limit * losses[0] or losses[0] < fitted

    losses = context.memorised(IMAGES, SECONDS, lambda losses: fits(losses) or len(losses) > STEPS)
    if len(losses) > MIN_STEPS and not fits(losses):
        yield context.finding(
            "warning",
            "training",
            f"In {len(losses) - 1} steps on {len(labels)} training images alone, the loss of these images has gone "
            f"from {losses[0]:.3f} to {losses[-1]:.3f}; a last loss below {limit:.0%} of the first is normal.",
            {"first": losses[0], "last": losses[-1]},
        )
