"""low-capacity: a network that is too small for what it has to learn."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import RECURRENT
from exprun.text import plural

CAUSE = Cause(
    id="low-capacity",
    why="Too few units, or no hidden layer at all, limit what a network can compute, however long it is trained.",
    source="Goodfellow et al. 2016, Deep Learning, sections 5.2 and 6.1",
    phases=(Phase.EPOCH,),
    thresholds={
        "narrow": Threshold(2, "A hidden layer of at most this many units counts as narrow.", ge=0),
    },
    explains=("loss-at-chance", "slow-learning", "collapsed-predictions", "plateau", "no-generalization"),
    keras="give the hidden layers more units or filters, such as 32 or 64, or add a hidden layer with ReLU.",
    in_code=True,
)
UNLEARNED = 0.5  # training loss at the end of a run from which little was learned, in units of chance level
PROGRESS = 0.02  # share by which the loss falls in the last quarter of a run that has not ended too early
MIN_EPOCHS = 8  # epochs of such a run, at least


def check(context: Context) -> Iterator[Finding]:
    """Find a run that ends without having learned much, of a network with a hidden layer of hardly any units."""
    history, chance = context.history, context.comparable_chance
    epochs = history.epochs
    if chance is None or not history.has_ended or len(epochs) < MIN_EPOCHS:
        return
    before, last = epochs[-1 - len(epochs) // 4].loss, epochs[-1].loss
    if not np.isfinite([before, last]).all() or last < chance.at(UNLEARNED) or last < (1 - PROGRESS) * before:
        return
    weighted = [one for one in context.all_layers if one.is_weighted or one.isa(*RECURRENT)]
    narrow = [one for one in weighted[:-1] if 0 < one.width <= context.threshold("narrow")]
    if narrow:
        yield context.finding(
            "warning",
            narrow[0].name,
            f"The layer has {plural(narrow[0].width, 'unit')}, and the run ends with a training loss of "
            f"{chance.shown(last)}; {chance.described}.",
            {"units": narrow[0].width, "loss": last},
        )
