"""Checks of the losses of whole epochs: they swing, they fall no further, or they fall too slowly."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from exprun.config.doctor import Doctor
from exprun.doctor.chance import ChanceLevel
from exprun.doctor.finding import Finding

SWINGS = 7  # changes of the loss in a row, each opposite to the one before
FALLEN = 0.02  # share of the highest learning rate below which it counts as lowered to nearly nothing
STILL_FALLS = 0.03  # share by which an epoch lowers a loss that still falls
FLAT_EPOCHS = 5  # epochs without progress before a plateau is reported
MIN_STEPS = 200  # steps over which losses are compared, at least
FITTED = 0.3  # loss below which the images count as fitted, in units of the loss of chance level
NOISE = 3.0  # standard errors by which the losses of two epochs differ without a cause
LOW_ACCURACY = 0.2  # share of the way from chance level to 100 % below which little is learned
DECAYED, CONSTANT = 0.1, 0.9  # share of the highest learning rate below which it has decayed, above which it has not


@dataclass(frozen=True)
class Epoch:
    """The metrics of a training epoch.

    Args:
        step: the number of steps done at the end of the epoch.
        loss: the mean loss over the steps of the epoch.
        accuracy: the mean accuracy over the steps of the epoch; NaN if it is not measured.
        rate: the learning rate of the last step; NaN if unknown.
        noise: the standard error of the loss, estimated from the losses of the steps.
    """

    step: int
    loss: float
    accuracy: float
    rate: float
    noise: float = 0.0


def check_oscillation(epochs: Sequence[Epoch], chance: ChanceLevel | None, limits: Doctor) -> Iterator[Finding]:
    """Find a training loss that swings from epoch to epoch by more than the noise of its batches, without improving.

    Zhang et al. 2021, AutoTrainer, section 3, look for such swings in the accuracy.
    """
    window = epochs[-SWINGS - 1 :]
    losses, rates = (np.array([getattr(epoch, name) for epoch in window]) for name in ("loss", "rate"))
    assert limits.oscillation is not None
    if len(window) <= SWINGS or not np.isfinite(losses).all() or window[-1].step - window[0].step < MIN_STEPS:
        return
    if rates.max() > 2 * rates.min() or losses.mean() < FITTED * (chance.loss if chance else epochs[0].loss):
        return  # a cyclic learning rate makes the loss swing by design
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
            f"from the noise of batches alone, two epochs in a row would differ by up to {NOISE * noise:.2g}.",
            epochs[-1].step,
            {"least": float(losses.min()), "most": float(losses.max()), "noise": noise},
        )


def check_fallen(epochs: Sequence[Epoch], steps: int | None) -> Iterator[Finding]:
    """Find a learning rate that fell to nearly nothing in the first half of the run, while the loss still fell."""
    last = epochs[-1]
    if steps is None or len(epochs) < 3 or last.step > steps / 2 or not np.isfinite([e.rate for e in epochs]).all():
        return
    top = max(epoch.rate for epoch in epochs)
    if top <= 0 or last.rate > FALLEN * top:
        return
    lowered = [number for number in range(1, len(epochs)) if epochs[number].rate < 0.9 * epochs[number - 1].rate]
    # The last epoch at each learning rate before it was lowered, which is compared with the epoch before.
    ends = [max(1, number - 1) for number in lowered if epochs[number - 1].rate > FALLEN * top]
    fell = [epochs[end - 1].loss > (1 + STILL_FALLS) * epochs[end].loss for end in ends]
    if len(fell) > 1 and all(fell) and last.loss > FITTED * epochs[0].loss:
        yield Finding(
            "learning-rate-decay",
            "warning",
            "training",
            f"The learning rate has fallen from {top:.2g} to {last.rate:.2g} within {last.step:,} of {steps:,} "
            "steps, while the loss still fell. Perhaps a callback that monitors an accuracy with mode='min' lowers it.",
            last.step,
            {"rate": last.rate, "top": top},
            keras="in a schedule, use larger decay_steps; in ReduceLROnPlateau, use monitor='val_loss', or mode='max' "
            "with an accuracy, or a larger patience.",
        )


def check_plateau(epochs: Sequence[Epoch], chance: ChanceLevel, steps: int | None, limits: Doctor) -> Iterator[Finding]:
    """Find a training loss better than chance level that no longer falls, and whether the schedule explains it."""
    assert limits.plateau is not None
    if len(epochs) < 2 * FLAT_EPOCHS:
        return
    last = epochs[-1]
    earlier, now = (min(epoch.loss for epoch in some) for some in (epochs[:-FLAT_EPOCHS], epochs[-FLAT_EPOCHS:]))
    learned = FITTED * chance.loss < now < 0.95 * chance.loss
    if not (learned and np.isfinite(now) and now > (1 - limits.plateau) * earlier):
        return
    top = float(np.nanmax([epoch.rate for epoch in epochs], initial=0.0))
    schedule, useless = "", False
    if np.isfinite(last.rate) and top > 0:
        share = last.rate / top
        if share < DECAYED and steps is not None and last.step > 0.8 * steps:
            return  # at the end of a schedule, a flat loss is normal
        useless = DECAYED <= share <= CONSTANT
        schedule = f" The learning rate is {last.rate:.2g}, " + (
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
        f"The lowest training loss of the last {FLAT_EPOCHS} epochs is {now:.3g}; before them it was "
        f"{earlier:.3g}.{schedule}",
        last.step,
        {"loss": now, "before": earlier, "rate": last.rate},
        keras="a larger network, or less dropout, weight decay and augmentation." if useless else "",
        remedies=() if useless else None,
    )


def check_slow(epochs: Sequence[Epoch], chance: ChanceLevel, steps: int | None, limits: Doctor) -> Iterator[Finding]:
    """Find a loss that is still high after half of the run and falls so slowly that it will be high at the end."""
    assert limits.slow is not None
    assert limits.chance_margin is not None
    if steps is None or len(epochs) < 4:
        return
    last, middle = epochs[-1], epochs[len(epochs) // 2 - 1]
    if last.step < max(MIN_STEPS, steps / 2):
        return
    # The comparison is false if no accuracy is measured, and then nothing is reported.
    inaccurate = last.accuracy < chance.accuracy + LOW_ACCURACY * (1 - chance.accuracy)
    pace = (middle.loss - last.loss) / (last.step - middle.step)
    end = last.loss - pace * (steps - last.step)
    creeps = pace > 0 and end > limits.slow * chance.loss and middle.loss - last.loss > NOISE * last.noise
    if inaccurate and creeps and last.loss < (1 - limits.chance_margin) * chance.loss:
        yield Finding(
            "slow-learning",
            "warning",
            "training",
            f"After {last.step:,} of {steps:,} steps, the training loss is {last.loss:.3f}, only "
            f"{1 - last.loss / chance.loss:.0%} below chance level ({chance.loss:.3f}); at this pace it ends at "
            f"{end:.3f}.",
            last.step,
            {"loss": last.loss, "guessing": chance.loss, "end": end},
        )
