"""mixed-examples: outputs for an image that depend on the other images of its batch."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.use import Use

CAUSE = Cause(
    id="mixed-examples",
    why="The output for an example must not depend on the other examples in its batch.",
    source="Karpathy 2019, A Recipe for Training Neural Networks",
    phases=(Phase.STRUCTURE, Phase.LATER),
    explains_symptoms=True,
    explains=("shuffled-labels", "softmax-twice", "output-activation", "missing-softmax"),
    keras=(
        "find the operation that works across axis 0, the batch, and apply it within each example. It may be attention "
        "(q @ k.T needs the shape (batch, positions, channels), before pooling), a reshape, a transpose, a mean or "
        "softmax over axis 0, or BatchNormalization called with training=True."
    ),
)
ROWS = 2  # axes of outputs of which each row belongs to an example
IMAGES = 8  # images of the batch of which one half is changed, and then the other
MIN_IMAGES = 4  # images from which half a batch shows anything
MAX_CHANGE = 0.02  # change of an output, in units of the largest output, that rounding may explain


def check(context: Context) -> Iterator[Finding]:
    """Find outputs for an image that change with the other images in its batch."""
    if context.use is not None:
        yield from _of_a_use(context, context.use)
    else:
        yield from _structure(context)


def _of_a_use(context: Context, use: Use) -> Iterator[Finding]:
    """Find calls after the training in which batch norm takes the statistics of the batch."""
    shape = getattr(context.subject.model, "output_shape", None)
    is_of_rows = isinstance(shape, tuple) and len(shape) == ROWS  # not images, which a generator makes while it trains
    if use.is_training and is_of_rows and any(layer.isa("BatchNormalization") for layer in context.layers):
        yield context.finding(
            "warning",
            use.name,
            "The network is called with training=True after the training, so batch norm takes the statistics of the "
            "batch, and each prediction depends on the other images of its batch, most of all in a small one.",
            keras="model(x, training=False), or model.predict(x).",
        )


def _structure(context: Context) -> Iterator[Finding]:
    """Find outputs for an image, in inference mode, that change with the other images in its batch."""
    images = context.rows[:IMAGES]
    if len(images) < MIN_IMAGES:
        return
    together = context.evaluated_on(images).outputs
    half = len(images) // 2
    # A recurrent layer that runs along the batch takes information only forwards.
    others = [
        np.concatenate([images[:half], images[half:][::-1] * 0.5]),
        np.concatenate([images[:half][::-1] * 0.5, images[half:]]),
    ]
    try:
        first, second = (context.evaluated_on(changed).outputs for changed in others)
    except Exception:  # the model accepts only one batch size
        return
    if not together.shape == first.shape == second.shape or len(together) != len(images):
        return
    if not np.isfinite(together).all():
        return
    mixed = np.concatenate([first[:half], second[half:]])
    difference = float(np.abs(together - mixed).max())
    size = max(float(np.abs(together).max()), 1e-12)
    if difference <= MAX_CHANGE * size:
        return
    again = context.evaluated_on(images).outputs  # a network may draw random numbers, as variational autoencoders do
    if np.abs(together - again).max() < 0.5 * difference:
        yield context.finding(
            "error",
            "output",
            f"In evaluation, the outputs for one half of a batch change by {difference / size:.0%} when the other half "
            "has other images; they should not change.",
            {"change": difference / size},
        )
