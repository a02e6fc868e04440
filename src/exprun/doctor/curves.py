"""What the losses of whole epochs say: they go up and down, they fall no further, they fall too slowly."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from exprun.config.doctor import Doctor
from exprun.doctor.chance import ChanceLevel
from exprun.doctor.finding import Finding

SWINGS = 7  # changes of the loss in a row, each against the one before
FALLEN, STILL_FALLS = 0.02, 0.03  # share of the first rate; by how much an epoch still lowers the loss
FLAT = 5  # epochs without progress
LEAST_STEPS = 200  # of training that are looked at together
SMALL = 0.3  # of the loss of guessing: below, the images are fitted, and nothing here is wrong
NOISE = 3.0  # standard errors by which the losses of two epochs differ without a cause
FEW_RIGHT = 0.2  # of the way from guessing to always right: above, a network has learned something
DECAYED, CONSTANT = 0.1, 0.9  # of the highest rate


@dataclass(frozen=True)
class Epoch:
    """An epoch of training.

    Args:
        step: behind it.
        loss: mean over its steps.
        accuracy: likewise; NaN where it is not measured.
        rate: learning rate of its last step; NaN where unknown.
        noise: standard error of the loss, from that of its steps.
    """

    step: int
    loss: float
    accuracy: float
    rate: float
    noise: float = 0.0


def check_oscillation(epochs: Sequence[Epoch], chance: ChanceLevel | None, limits: Doctor) -> Iterator[Finding]:
    """A training loss that swings from epoch to epoch, by more than the noise of its batches, and gets nowhere.

    Zhang et al. 2021, AutoTrainer, section 3, look for the same in the accuracy.
    """
    window = epochs[-SWINGS - 1 :]
    losses, rates = (np.array([getattr(epoch, name) for epoch in window]) for name in ("loss", "rate"))
    assert limits.oscillation is not None
    if len(window) <= SWINGS or not np.isfinite(losses).all() or window[-1].step - window[0].step < LEAST_STEPS:
        return
    if rates.max() > 2 * rates.min() or losses.mean() < SMALL * (chance.loss if chance else epochs[0].loss):
        return  # a cyclic rate swings by design
    changes = np.diff(losses)
    noise = max(math.hypot(a.noise, b.noise) for a, b in pairwise(window))
    least = max(limits.oscillation * float(losses.mean()), NOISE * noise)
    alternating = all(a * b < 0 for a, b in pairwise(changes))
    if alternating and np.abs(changes).min() > least and losses[-2:].mean() > 0.9 * losses[:2].mean():
        yield Finding(
            "oscillating-loss",
            "note" if chance is None else "warning",
            "training",
            f"The training losses of the last {len(losses)} epochs are {', '.join(f'{loss:.3g}' for loss in losses)}; "
            f"the noise of batches alone would make two that follow each other differ by up to {NOISE * noise:.2g}.",
            epochs[-1].step,
            {"least": float(losses.min()), "most": float(losses.max()), "noise": noise},
        )


def check_fallen(epochs: Sequence[Epoch], steps: int | None) -> Iterator[Finding]:
    """A learning rate that was lowered to nearly nothing in the first half, while the loss still fell."""
    last = epochs[-1]
    if steps is None or len(epochs) < 3 or last.step > steps / 2 or not np.isfinite([e.rate for e in epochs]).all():
        return
    top = max(epoch.rate for epoch in epochs)
    if top <= 0 or last.rate > FALLEN * top:
        return
    lowered = [place for place in range(1, len(epochs)) if epochs[place].rate < 0.9 * epochs[place - 1].rate]
    # From the epoch before last to the last one at the rate that was then lowered.
    ends = [max(1, place - 1) for place in lowered if epochs[place - 1].rate > FALLEN * top]
    fell = [epochs[end - 1].loss > (1 + STILL_FALLS) * epochs[end].loss for end in ends]
    if len(fell) > 1 and all(fell) and last.loss > SMALL * epochs[0].loss:
        yield Finding(
            "learning-rate-decay",
            "warning",
            "training",
            f"The learning rate has fallen from {top:.2g} to {last.rate:.2g} within {last.step:,} of {steps:,} "
            "steps, while the loss still fell. Perhaps a callback lowers it that watches an accuracy with mode='min'.",
            last.step,
            {"rate": last.rate, "top": top},
            keras="in a schedule, larger decay_steps; in ReduceLROnPlateau, monitor='val_loss', or mode='max' with an "
            "accuracy, or a larger patience.",
        )


def check_plateau(epochs: Sequence[Epoch], chance: ChanceLevel, steps: int | None, limits: Doctor) -> Iterator[Finding]:
    """A training loss that is better than guessing and falls no further, with what the schedule has to do with it."""
    assert limits.plateau is not None
    if len(epochs) < 2 * FLAT:
        return
    last = epochs[-1]
    before, now = (min(epoch.loss for epoch in part) for part in (epochs[:-FLAT], epochs[-FLAT:]))
    learned = SMALL * chance.loss < now < 0.95 * chance.loss
    if not (learned and np.isfinite(now) and now > (1 - limits.plateau) * before):
        return
    top = float(np.nanmax([epoch.rate for epoch in epochs], initial=0.0))
    reason, in_vain = "", False
    if np.isfinite(last.rate) and top > 0:
        share = last.rate / top
        if share < DECAYED and steps is not None and last.step > 0.8 * steps:
            return  # the end of a schedule is flat
        in_vain = DECAYED <= share <= CONSTANT
        reason = f" The learning rate is {last.rate:.2g}, " + (
            "so low that little can change: the schedule has ended learning."
            if share < DECAYED
            else "as high as before."
            if share > CONSTANT
            else f"lowered from {top:.2g}, which has not helped."
        )
    yield Finding(
        "plateau",
        "note",
        "training",
        f"In the last {FLAT} epochs the lowest training loss is {now:.3g}, before them it was {before:.3g}.{reason}",
        last.step,
        {"loss": now, "before": before, "rate": last.rate},
        keras="a larger network, or less dropout, weight decay and augmentation." if in_vain else "",
        remedies=() if in_vain else None,
    )


def check_slow(epochs: Sequence[Epoch], chance: ChanceLevel, steps: int | None, limits: Doctor) -> Iterator[Finding]:
    """Half of the run is over, little is learned, and at this pace little will be at its end."""
    assert limits.slow is not None
    assert limits.chance_margin is not None
    if steps is None or len(epochs) < 4:
        return
    last, before = epochs[-1], epochs[len(epochs) // 2 - 1]
    if last.step < max(LEAST_STEPS, steps / 2):
        return
    few = last.accuracy < chance.accuracy + FEW_RIGHT * (1 - chance.accuracy)  # not where it is not measured
    pace = (before.loss - last.loss) / (last.step - before.step)
    end = last.loss - pace * (steps - last.step)
    creeps = pace > 0 and end > limits.slow * chance.loss and before.loss - last.loss > NOISE * last.noise
    if few and creeps and last.loss < (1 - limits.chance_margin) * chance.loss:
        yield Finding(
            "slow-learning",
            "warning",
            "training",
            f"After {last.step:,} of {steps:,} steps the training loss is {last.loss:.3f}, only "
            f"{1 - last.loss / chance.loss:.0%} below the {chance.loss:.3f} of guessing; at this pace it ends at "
            f"{end:.3f}.",
            last.step,
            {"loss": last.loss, "guessing": chance.loss, "end": end},
        )
