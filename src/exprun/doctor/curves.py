"""What the losses of whole epochs say: they go up and down, they fall no further, they fall too slowly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from exprun.config.schema import Doctor
from exprun.doctor.finding import Finding

SWINGS = 5  # changes of the loss in a row, each against the one before
FLAT = 5  # epochs without progress
LEAST_STEPS = 200  # of training before it can be called slow
SMALL = 0.3  # of the loss of guessing: below, the images are fitted, and nothing here is wrong
DECAYED = 0.1  # of the highest rate: below, a plateau is the schedule's


@dataclass(frozen=True)
class Epoch:
    """An epoch of training.

    Args:
        step: behind it.
        loss: mean over its steps.
        accuracy: likewise; NaN where it is not measured.
        rate: learning rate of its last step; NaN where unknown.
    """

    step: int
    loss: float
    accuracy: float
    rate: float


@dataclass(frozen=True)
class Chance:
    """What an answer that looks at no image costs, and how often it is right."""

    loss: float
    accuracy: float


def check_oscillation(epochs: Sequence[Epoch], chance: Chance | None, limits: Doctor) -> Iterator[Finding]:
    """A training loss that swings from epoch to epoch and is not lower in the end.

    Zhang et al. 2021, AutoTrainer, section 3, look for the same in the accuracy.
    """
    losses = np.array([epoch.loss for epoch in epochs[-SWINGS - 1 :]])
    assert limits.oscillation is not None
    if len(losses) <= SWINGS or not np.isfinite(losses).all():
        return
    if losses.mean() < SMALL * (chance.loss if chance else epochs[0].loss):
        return
    changes = np.diff(losses)
    swings = all(a * b < 0 for a, b in pairwise(changes)) and np.abs(changes).min() > limits.oscillation * losses.mean()
    if swings and losses[-2:].mean() > 0.9 * losses[:2].mean():
        yield Finding(
            "oscillating-loss",
            "warning",
            "training",
            f"The training losses of the last {len(losses)} epochs are {', '.join(f'{loss:.3g}' for loss in losses)}; "
            f"from one to the next, up to {limits.oscillation:.0%} of change is normal.",
            epochs[-1].step,
            {"least": float(losses.min()), "most": float(losses.max())},
        )


def check_plateau(epochs: Sequence[Epoch], chance: Chance | None, limits: Doctor) -> Iterator[Finding]:
    """A training loss that is better than guessing and falls no further; where the schedule explains it, that too."""
    assert limits.plateau is not None
    if len(epochs) < 2 * FLAT:
        return
    before, now = (min(epoch.loss for epoch in part) for part in (epochs[:-FLAT], epochs[-FLAT:]))
    learned = chance is None or SMALL * chance.loss < now < 0.95 * chance.loss
    if not (learned and np.isfinite(now) and now > (1 - limits.plateau) * before):
        return
    rates = np.array([epoch.rate for epoch in epochs])
    rate, top = rates[-1], np.nanmax(rates, initial=0.0)
    reason = ""
    if np.isfinite(rate) and top > 0:
        decayed = rate < DECAYED * top
        reason = f" The learning rate is {rate:.2g}, " + (
            f"{top / max(rate, 1e-30):,.0f} times less than at most: the schedule has ended learning."
            if decayed
            else "about as high as before: no schedule has lowered it."
        )
    yield Finding(
        "plateau",
        "note",
        "training",
        f"In the last {FLAT} epochs the lowest training loss is {now:.3g}, before them it was {before:.3g}.{reason}",
        epochs[-1].step,
        {"loss": now, "before": before, "rate": float(rate)},
    )


def check_slow(epochs: Sequence[Epoch], chance: Chance | None, steps: int | None, limits: Doctor) -> Iterator[Finding]:
    """Half of the run is over, and the loss is better than that of guessing by little."""
    assert limits.slow is not None
    assert limits.chance_margin is not None
    if chance is None or steps is None or not epochs:
        return
    last = epochs[-1]
    if last.step < max(LEAST_STEPS, steps / 2) or last.accuracy > 2 * chance.accuracy:
        return
    if limits.slow * chance.loss < last.loss < (1 - limits.chance_margin) * chance.loss:
        yield Finding(
            "slow-learning",
            "warning",
            "training",
            f"After {last.step:,} of {steps:,} steps the training loss is {last.loss:.3f}, only "
            f"{1 - last.loss / chance.loss:.0%} below the {chance.loss:.3f} of guessing.",
            last.step,
            {"loss": last.loss, "guessing": chance.loss},
        )
