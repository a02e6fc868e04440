"""unused-data: training on the same part of the data again and again, although there is more."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.history import LUCK
from exprun.doctor.instruments.at_hand import AGAIN, AtHand, Drawn
from exprun.text import rounded

CAUSE = Cause(
    id="unused-data",
    why="The network never sees the other examples, and memorises those that return.",
    source="Keras API, Model training APIs, fit",
    phases=(Phase.EPOCH, Phase.EVALUATION),
    thresholds={
        "unused": Threshold(
            0.5,
            (
                "Training data counts as unused if the same part returns in each epoch, and this fraction of the "
                "examples at hand, or more, is not in it."
            ),
            gt=0,
            lt=1,
        ),
    },
    explains=("no-generalization", "overfitting"),
    keras=(
        "let each epoch go through all examples: start a generator once, before the loop of fits; let "
        "steps_per_epoch, and the __len__ of a PyDataset, be ceil(examples / batch size), and begin batch number i at "
        "example i * batch size."
    ),
)
HIGHER = 3.0  # validation loss of a network that overfits, in units of the training loss
MIN_GAP = 0.02  # training accuracy minus validation accuracy, at least
IN_A_ROW = 2  # evaluations in a row that show overfitting


def check(context: Context) -> Iterator[Finding]:
    """Find examples that return while others at hand never come."""
    at_hand = context.subject.at_hand
    if at_hand is None:
        return
    if context.phase is Phase.EVALUATION:
        yield from _overfits(context, at_hand)
        return
    yield from _returns(context, at_hand, context.history.drawn)
    if len(context.history.epochs) == 1 and (text := _taken(context, at_hand)):
        yield context.finding("note", "training batches", f"{text}.", keras=_remedy(at_hand))


def _returns(context: Context, at_hand: AtHand, drawn: Drawn) -> Iterator[Finding]:
    """Find examples that return, and others that the data set holds."""
    epochs, batch, inputs = context.history.epochs, context.history.batch, context.subject.train.inputs
    steps = epochs[-1].step - (epochs[-2].step if len(epochs) > 1 else 0)
    shape = inputs.shape[1:]
    if drawn.alike >= AGAIN:
        used, first = steps * batch, len(drawn.starts[-1])
        said = (
            f"The last {drawn.alike} epochs have begun with the same {f'{first} batches' if first > 1 else 'batch'}, "
            f"bit for bit, and an epoch has {used:,} images at most"
        )
    elif drawn.returning is not None:
        used, total = drawn.returning, drawn.rows.total()
        said = f"Of the first {total:,} images, only {used:,} are different, and they return again and again"
    else:
        return
    known = at_hand.rows(shape, used, batch)
    if known is not None and used <= (1 - context.threshold("unused")) * known[0]:
        rows, where = known
        yield context.finding(
            "warning",
            "training batches",
            f"{said}; but {where} has {rows:,} images, so the others are never trained on.",
            {"used": used, "rows": rows},
        )


def _overfits(context: Context, at_hand: AtHand) -> Iterator[Finding]:
    """Find a network that overfits on the part of a pipeline that `take` lets through."""
    history = context.history
    last = history.evaluations[-1]
    luck = LUCK * np.sqrt(last.accuracy * (1 - last.accuracy) / history.val_images) if history.val_images else 0.0
    gap = np.isnan(last.accuracy) or last.trained_accuracy - last.accuracy > max(MIN_GAP, luck)
    text = _taken(context, at_hand)
    if context.streak("overfits on a part", bool(gap) and last.loss > HIGHER * last.trained) >= IN_A_ROW and text:
        yield context.finding(
            "warning",
            "training batches",
            f"{text}. The loss is {rounded(last.trained)} in training and {rounded(last.loss)} in "
            f"validation{last.accuracies}.",
            {"val_loss": last.loss, "train_loss": last.trained},
            _remedy(at_hand),
        )


def _taken(context: Context, at_hand: AtHand) -> str:
    """What a `take` leaves out; empty if that is little or nothing."""
    taken = at_hand.taken
    if taken is None or taken.count > (1 - context.threshold("unused")) * taken.total:
        return ""
    kind = "batches" if taken.are_batches else "images"
    return (
        f"In the pipeline, take({taken.count}) lets through the first {taken.count:,} of {taken.total:,} {kind}, the "
        "same in each epoch"
    )


def _remedy(at_hand: AtHand) -> str:
    assert at_hand.taken is not None
    return f"remove take({at_hand.taken.count}) if it was for a test; shuffle before it if the data set is sorted."
