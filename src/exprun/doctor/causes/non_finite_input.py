"""non-finite-input: inputs or labels that contain NaN or infinity."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.text import joined

CAUSE = Cause(
    id="non-finite-input",
    why="A single NaN or infinite value makes the loss NaN, and then every weight.",
    source="IEEE 754",
    phases=(Phase.DATA, Phase.FIRST_BATCH, Phase.BAD_BATCH),
    explains_symptoms=True,
    explains=("learning-rate-high", "shuffled-labels"),
    preempts=("large-first-loss",),
    keras=(
        "check np.isfinite(x).all() after loading and after each preprocessing step; remove examples that are already "
        "broken when they are loaded; in a preprocessing step, look for the log of 0 or a division by 0, for example "
        "by the standard deviation of a blank image or a constant row (write x / (x.std() + 1e-7))."
    ),
)
CLEAN_LABELS = (
    "keep = np.isfinite(y.reshape(len(y), -1)).all(1); x, y = x[keep], y[keep]; look for empty cells, or the log of 0, "
    "in the code that makes the labels."
)


def check(context: Context) -> Iterator[Finding]:
    """Find values that are not finite."""
    match context.phase:
        case Phase.DATA:
            yield from _data(context)
        case Phase.FIRST_BATCH:
            yield from _first_batch(context)
        case Phase.BAD_BATCH:
            yield from _bad_batch(context)


def _data(context: Context) -> Iterator[Finding]:
    """Count the images of each split that have such values."""
    for split, images in context.subject.splits:
        x = images.inputs
        bad = ~np.isfinite(x.reshape(len(x), -1))
        if bad.any():
            count = int(bad.any(1).sum())
            yield context.finding(
                "error",
                f"{split} images",
                f"{count} of {len(x)} images checked contain{'s' if count == 1 else ''} NaN or infinity.",
                {"images": count, "values": float(bad.sum())},
            )


def _first_batch(context: Context) -> Iterator[Finding]:
    """Count such values among the labels of a network that gives one row for each image."""
    if context.subject.objective is None or not (bad := int((~np.isfinite(context.all_labels.values)).sum())):
        return
    if context.forward.outputs.ndim in (1, 2):
        evidence = f"{bad:,} label values are NaN or infinite."
        yield context.finding("error", "labels", evidence, keras=CLEAN_LABELS)


def _bad_batch(context: Context) -> Iterator[Finding]:
    """Find such values in a batch whose loss is not finite, or whose step has failed."""
    batch = context.batch
    if batch is None or not batch.broken:
        return
    effect = "the step on this batch has failed" if batch.has_failed else "since this batch the loss is not a number"
    yield context.finding(
        "error",
        batch.split,
        f"The {joined(batch.broken)} of this batch contain NaN or infinity, and {effect}.",
        keras=CLEAN_LABELS if batch.broken == ["labels"] else "",
    )
