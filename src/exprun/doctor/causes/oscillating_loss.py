"""oscillating-loss: a training loss that rises and falls in turn."""

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.text import rounded

CAUSE = Cause(
    id="oscillating-loss",
    why=(
        "The learning rate is too high for this loss: steps overshoot the minimum, so the loss rises and falls in turn."
    ),
    source="Zhang et al. 2021, AutoTrainer, section 3",
    phases=(Phase.EPOCH,),
    thresholds={
        "oscillation": Threshold(
            0.1,
            (
                "The training loss counts as oscillating if it rises and falls in turn, each time by more than this "
                "fraction of its mean."
            ),
            source="Zhang et al. 2021, AutoTrainer, on oscillating and on slow losses",
            gt=0,
        ),
    },
    explains=("plateau", "no-generalization"),
    is_symptom=True,
    keras="divide the learning rate by 10, or use larger batches.",
    overrides=("{slower}", "trainer.batch_size={larger}"),
)
SWINGS = 7  # changes of the loss in a row, each opposite to the one before
MIN_STEPS = 200  # steps over which losses are compared, at least
FITTED = 0.3  # loss below which the images count as fitted, in units of chance level, or of the first epoch's loss
NOISE = 3.0  # standard errors by which the losses of two epochs differ without a cause


def check(context: Context) -> Iterator[Finding]:
    """Find a training loss that swings from epoch to epoch by more than the noise of its batches, without improving.

    Zhang et al. 2021, AutoTrainer, section 3, look for such swings in the accuracy.
    """
    epochs, chance = context.history.epochs, context.comparable_chance
    window = epochs[-SWINGS - 1 :]
    losses, rates = (np.array([getattr(epoch, name) for epoch in window]) for name in ("loss", "rate"))
    if len(window) <= SWINGS or not np.isfinite(losses).all() or window[-1].step - window[0].step < MIN_STEPS:
        return
    if rates.max() > 2 * rates.min() or losses.mean() < (chance.at(FITTED) if chance else FITTED * epochs[0].loss):
        return  # a cyclic learning rate makes the loss swing by design
    changes = np.diff(losses)
    noise = max(math.hypot(a.noise, b.noise) for a, b in pairwise(window))
    least = max(context.threshold("oscillation") * float(losses.mean()), NOISE * noise)
    alternating = all(a * b < 0 for a, b in pairwise(changes))
    if alternating and np.abs(changes).min() > least and losses[-2:].mean() > 0.9 * losses[:2].mean():
        yield context.finding(
            "note" if chance is None else "warning",
            "training",
            f"The training losses of the last {len(losses)} epochs are "
            f"{', '.join(rounded(loss) for loss in losses)}; from the noise of batches alone, two epochs in a "
            f"row would differ by up to {NOISE * noise:.2g}.",
            {"least": float(losses.min()), "most": float(losses.max()), "noise": noise},
        )
