"""non-finite-input: inputs or labels that contain NaN or infinity."""

from collections.abc import Iterator

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
    keras=(
        "check np.isfinite(x).all() after loading and after each preprocessing step; remove images that are already "
        "broken when they are loaded; in a preprocessing step, look for the log of 0 or a division by 0, for example "
        "by the standard deviation of a blank image (write x / (x.std() + 1e-7))."
    ),
)
CLEAN_LABELS = (
    "keep = np.isfinite(y.reshape(len(y), -1)).all(1); x, y = x[keep], y[keep]; look for empty cells, or the log of 0, "
    "in the code that makes the labels."
)


def check(context: Context) -> Iterator[Finding]:
    """Find values that are not finite."""
    match context.phase:
        case Phase.BAD_BATCH:
            yield from _bad_batch(context)


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
