"""learning-rate-decay: a learning rate that falls to nearly nothing too early."""

from collections.abc import Iterator, Sequence

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.history import Epoch
from exprun.text import rounded

CAUSE = Cause(
    id="learning-rate-decay",
    why="Most of the run then has a learning rate that is too low to learn with.",
    source="Bengio 2012, arXiv:1206.5533, section 3.1.1",
    phases=(Phase.SETUP, Phase.EPOCH),
    thresholds={
        "decayed": Threshold(
            0.05,
            (
                "The learning rate counts as falling too fast if, within a tenth of the run, it falls below this "
                "fraction of its highest value and does not rise again."
            ),
            gt=0,
            lt=1,
        ),
    },
    explains=(
        "learning-rate-low",
        "loss-at-chance",
        "no-generalization",
        "collapsed-predictions",
        "slow-learning",
        "plateau",
    ),
    keras=(
        "decay_steps = epochs * steps per epoch: Keras counts steps, not epochs; in a loop, lower the learning rate "
        "after each epoch, not after each step."
    ),
    overrides=("schedule=cosine", "schedule=constant"),
)
MIN_EPOCHS = 3  # epochs, in which a learning rate can fall twice
FALLEN = 0.02  # share of the highest learning rate below which it counts as lowered to nearly nothing
STILL_FALLS = 0.03  # share by which an epoch lowers a loss that still falls
FLAT = 0.01  # share by which an epoch lowers a loss that hardly falls any more
IN_A_ROW = 3  # epochs at a learning rate of nearly nothing that show that nothing is learned any more
FITTED = 0.3  # loss below which the images count as fitted, in units of the loss of the first epoch


def check(context: Context) -> Iterator[Finding]:
    """Find a learning rate that falls to nearly nothing too early."""
    match context.phase:
        case Phase.SETUP:
            yield from _setup(context)
        case Phase.EPOCH:
            yield from _epoch(context)


def _setup(context: Context) -> Iterator[Finding]:
    """Find a schedule that ends learning within the first tenth of the run."""
    pace = context.subject.pace
    if pace is None or pace.highest_rate is None:
        return
    rates, top = pace.known_rates, pace.highest_rate
    after = rates[int(rates.argmax()) + max(1, len(rates) // 10) :]
    if len(after) > len(rates) // 2 and (early := float(after.max())) < context.threshold("decayed") * top:
        yield context.finding(
            "error",
            "schedule",
            f"The learning rate falls from {top:.2g} to {early:.2g} within the first tenth of the run.",
            {"rate": top, "early": early},
        )


def _epoch(context: Context) -> Iterator[Finding]:
    """Find a learning rate that fell to nearly nothing in the first half of the run, while the loss still fell."""
    epochs, steps = context.history.epochs, context.history.total_steps
    last = epochs[-1]
    if steps is None or len(epochs) < MIN_EPOCHS or last.step > steps / 2:
        return
    pace = context.subject.pace
    begun = pace.highest_rate if pace is not None and len(pace.known_rates) == 1 else None
    top = max([*(epoch.rate for epoch in epochs), *([] if begun is None else [begun])])
    if not np.isfinite([epoch.rate for epoch in epochs]).all() or top <= 0 or last.rate > FALLEN * top:
        return
    lowered = [number for number in range(1, len(epochs)) if epochs[number].rate < 0.9 * epochs[number - 1].rate]
    # The last epoch at each learning rate before it was lowered, which is compared with the epoch before.
    ends = [max(1, number - 1) for number in lowered if epochs[number - 1].rate > FALLEN * top]
    fell = [epochs[end - 1].loss > (1 + STILL_FALLS) * epochs[end].loss for end in ends]
    fell_often = len(fell) > 1 and all(fell)
    floor = 0.0 if context.chance is None else context.chance.floor
    unfitted = last.loss - floor > FITTED * (epochs[0].loss - floor)
    if (fell_often or _has_ended(context, epochs, top)) and unfitted:
        yield context.finding(
            "warning",
            "training",
            f"The learning rate has fallen from {top:.2g} to {last.rate:.2g} within {last.step:,} of {steps:,} "
            + (
                "steps, while the loss still fell. Perhaps a callback that monitors an accuracy with mode='min' lowers "
                "it."
                if fell_often
                else f"steps, and since then the loss has hardly fallen: {rounded(epochs[-IN_A_ROW - 1].loss)}, and "
                f"{rounded(last.loss)} after {IN_A_ROW} more epochs."
            ),
            {"rate": last.rate, "top": top},
            "in a schedule, use larger decay_steps; in ReduceLROnPlateau, use monitor='val_loss', or mode='max' "
            "with an accuracy, or a larger patience; in LearningRateScheduler, print the rates of all epochs.",
        )


def _has_ended(context: Context, epochs: Sequence[Epoch], top: float) -> bool:
    """Whether the loss fell at a usual learning rate, but no longer falls at one of nearly nothing, which stays so."""
    pace = context.subject.pace
    low = [epoch.rate <= FALLEN * top for epoch in epochs]
    if len(epochs) <= IN_A_ROW or not all(low[-IN_A_ROW:]):
        return False
    if pace is not None and len(pace.known_rates) > 1 and pace.known_rates[-1] > FALLEN * top:
        return False  # a schedule that rises again
    change = epochs[-IN_A_ROW - 1].loss / epochs[-1].loss - 1
    if abs(change) > IN_A_ROW * FLAT:
        return False
    usual = [number for number in range(1, len(epochs)) if not low[number]]
    if not usual:  # the loss of one epoch does not show whether it fell
        return context.chance is not None and epochs[-1].loss > context.chance.at(FITTED)
    return epochs[usual[-1] - 1].loss > (1 + STILL_FALLS) * epochs[usual[-1]].loss
