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
    is_refutable=True,
    is_disprovable=True,
    keras="start from a small network that can memorise them, and add layers one at a time until it fails.",
    overrides=("norm=batch", "init=he_normal", "input=standardize"),
)
IMAGES = 16  # training images in the batch
STEPS = 30  # steps on the batch, at most
SECONDS = 4.0  # time for these steps, in seconds, unless the context says otherwise
MIN_STEPS = 12  # if fewer steps fit into the time, nothing is reported
FITTED = 0.3  # first loss below which pretrained weights fit the images already, in units of chance level
LEARNABLE = 0.7  # share of the first loss below which a network that has not learned counts as able to learn
FROM_FIRST = " from the first weights"
NETWORK = (
    " So the fault lies in the network, its first weights, its loss or the scale of its inputs, but neither in the "
    "optimiser nor in the other rows."
)
OTHERS = (
    "the learning rate 10 times lower and 10 times higher; then train without dropout and regularisers; if neither "
    "helps, plot some examples with their labels, and shuffle the rows."
)


def check(context: Context) -> Iterator[Finding]:
    """Train on a few images alone, with steps of the same length for all weights, and find a loss that hardly falls.

    The losses are kept in the history. After a training that has not learned, the steps go on until the loss has
    clearly fallen, which shows that the network is not to blame. Karpathy 2019, A Recipe for Training Neural Networks,
    "overfit one batch".
    """
    objective, labels = context.subject.objective, context.subject.labels[:IMAGES]
    if objective is None or objective.kind not in ("softmax", "sigmoid") or not context.model.trainable_variables:
        return
    if len(np.unique(labels.reshape(len(labels), -1), axis=0)) < 2:
        return
    classes = int(context.model.output_shape[-1]) if objective.kind == "softmax" else 2
    limit, fitted = context.threshold("memorised"), FITTED * np.log(max(classes, 2))
    is_after, seconds = context.step is not None, SECONDS if context.seconds is None else context.seconds
    wanted = min(limit, LEARNABLE) if is_after else limit

    def is_enough(losses: list[float]) -> bool:
        return losses[-1] < wanted * losses[0] or losses[0] < fitted or len(losses) > STEPS

    losses = context.history.memory = context.memorised(IMAGES, seconds, is_enough)
    if len(losses) > MIN_STEPS and min(losses) >= limit * losses[0] and losses[0] >= fitted:
        yield context.finding(
            "warning",
            "training",
            f"In {len(losses) - 1} steps{FROM_FIRST if is_after else ''} on {len(labels)} training images alone, the "
            f"loss of these images has gone from {losses[0]:.3f} to {losses[-1]:.3f}; a last loss below {limit:.0%} of "
            f"the first is normal.{NETWORK if is_after else ''}",
            {"first": losses[0], "last": losses[-1]},
        )


def acquittal(losses: list[float], images: int) -> str:
    """The sentence that says that the network is not to blame for a training that has not learned.

    Args:
        losses: the losses of a few images before each step on these images alone.
        images: the number of images of the batch from which they come.
    """
    return (
        f"In {len(losses) - 1} steps{FROM_FIRST} on {min(images, IMAGES)} training images alone, the loss of these "
        f"images has gone from {losses[0]:.3f} to {losses[-1]:.3f}, so the network and its loss can learn."
    )


def has_memorised(losses: list[float]) -> bool:
    """Whether the losses of a few images before each step on these images alone have clearly fallen."""
    return len(losses) > 1 and losses[-1] < LEARNABLE * losses[0]
