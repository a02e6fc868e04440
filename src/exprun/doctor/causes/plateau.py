"""plateau: a training loss that no longer falls."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.text import rounded

CAUSE = Cause(
    id="plateau",
    why="More epochs like the last ones will not lower the loss.",
    source="Bengio 2012, arXiv:1206.5533, section 3.1.1",
    phases=(Phase.EPOCH,),
    thresholds={
        "plateau": Threshold(
            0.01,
            (
                "The training loss counts as having stopped falling if it falls by less than this fraction in five "
                "epochs."
            ),
            gt=0,
            lt=1,
        ),
    },
    is_symptom=True,
    keras=(
        "ReduceLROnPlateau, or a cosine decay over all steps; if the learning rate is already low, a slower decay or "
        "a larger network."
    ),
    overrides=("schedule=cosine",),
)
FLAT_EPOCHS = 5  # epochs without progress before a plateau is reported
FITTED, NEAR_CHANCE = 0.3, 0.95  # loss between which a plateau is worth a note, in units of the loss of chance level
DECAYED, CONSTANT = 0.1, 0.9  # share of the highest learning rate below which it has decayed, above which it has not
AT_END = 0.8  # share of the run after which a schedule may have ended


def check(context: Context) -> Iterator[Finding]:
    """Find a training loss better than chance level that no longer falls, and whether the schedule explains it."""
    epochs, steps, chance = context.history.epochs, context.history.total_steps, context.comparable_chance
    if chance is None or len(epochs) < 2 * FLAT_EPOCHS:
        return
    last = epochs[-1]
    earlier, now = (min(epoch.loss for epoch in some) for some in (epochs[:-FLAT_EPOCHS], epochs[-FLAT_EPOCHS:]))
    learned = chance.at(FITTED) < now < chance.at(NEAR_CHANCE)
    if not (learned and np.isfinite(now) and now > (1 - context.threshold("plateau")) * earlier):
        return
    top = float(np.nanmax([epoch.rate for epoch in epochs], initial=0.0))
    schedule, useless = "", False
    if np.isfinite(last.rate) and top > 0:
        share = last.rate / top
        if share < DECAYED and steps is not None and last.step > AT_END * steps:
            return  # at the end of a schedule, a flat loss is normal
        useless = DECAYED <= share <= CONSTANT
        schedule = f" The learning rate is {last.rate:.2g}, " + (
            "so low that little can change: the schedule has ended learning."
            if share < DECAYED
            else "as high as before."
            if share > CONSTANT
            else f"lowered from {top:.2g}, which has not helped."
        )
    yield context.finding(
        "note",
        "training",
        f"The lowest training loss of the last {FLAT_EPOCHS} epochs is {rounded(now)}; before them it was "
        f"{rounded(earlier)}.{schedule}",
        {"loss": now, "before": earlier, "rate": last.rate},
        "a larger network, or less dropout, weight decay and augmentation." if useless else "",
        () if useless else None,
    )
