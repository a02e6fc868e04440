"""label-encoding: labels in the other encoding than the loss takes: class numbers against one-hot rows."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="label-encoding",
    why=(
        "A sparse loss needs each label as a class number, such as 3; any other loss over classes needs it as a "
        "one-hot row, such as [0, 0, 0, 1]."
    ),
    source="Humbatova et al. 2020, arXiv:1910.11015, training data",
    phases=(Phase.FIRST_BATCH,),
    explains_symptoms=True,
    explains=("wrong-loss", "output-units", "shuffled-labels"),
    preempts=("large-first-loss",),
    keras=(
        "loss='sparse_categorical_crossentropy' for class numbers, loss='categorical_crossentropy' for one-hot rows; "
        "keras.utils.to_categorical(y) turns class numbers into one-hot rows, and y.argmax(-1) turns rows into "
        "numbers."
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Find class numbers for a loss that takes one-hot rows, or one-hot rows for a loss of class numbers."""
    yield from context.task.get(CAUSE.id, ())
