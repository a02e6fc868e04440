"""Checks of how fast a run is to learn: learning rate, schedule, batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from exprun.config.doctor import Doctor
from exprun.doctor.finding import Finding
from exprun.doctor.graph import leaves
from exprun.doctor.remedies import first_rate
from exprun.text import plural

LOW = 0.2  # share of the middle of what is usual
MOST_DECAY = 5e-3  # of a weight in a step; Loshchilov & Hutter 2019, arXiv:1711.05101, use some 1e-5


@dataclass(frozen=True)
class Pace:
    """How a run goes about it.

    Args:
        optimizer: a name of the config (`sgd_momentum`), empty where it is another.
        learning_rates: learning rate of each step of the run, or of evenly spaced ones, (any number,).
        steps: of the run; None where unknown.
        batch: images in a step.
        decay: of the weights, apart from the gradient, times the rate.
    """

    optimizer: str
    learning_rates: np.ndarray
    steps: int | None
    batch: int
    decay: float = 0.0


def check_pace(pace: Pace, limits: Doctor) -> Iterator[Finding]:
    """A rate outside what is usual for the optimiser, and a decay that ends learning too soon."""
    usual = (limits.rates or {}).get(pace.optimizer)
    rates = pace.learning_rates[np.isfinite(pace.learning_rates)]
    if not len(rates):
        return
    top = float(rates.max())
    if usual is not None and not usual[0] <= top <= usual[1]:
        high = top > usual[1]
        yield Finding(
            "learning-rate-high" if high else "learning-rate-low",
            "warning",
            "optimiser",
            f"The learning rate is {top:.3g}; with {pace.optimizer} {usual[0]:g} to {usual[1]:g} is usual.",
            numbers={"rate": top, "least": usual[0], "most": usual[1]},
            keras=_rate_to_try(pace.optimizer, usual, "lower" if high else "higher"),
        )
    fixed = pace.optimizer == "muon_nesterov"  # which brings every kernel to the same norm, whatever decays
    if (lost := top * pace.decay) > MOST_DECAY and not fixed:
        yield Finding(
            "strong-regularization",
            "error",
            "optimiser",
            f"With a weight decay of {pace.decay:g} and a rate of {top:.2g}, each step takes {lost:.1%} of every "
            f"weight: half of it is gone after about {np.log(0.5) / np.log1p(-min(lost, 0.99)):.0f} steps.",
            numbers={"decay": pace.decay, "rate": top},
            keras="weight_decay=1e-4 in the optimiser, or none.",
        )
    behind = rates[int(rates.argmax()) + max(1, len(rates) // 10) :]
    assert limits.decayed is not None
    if len(behind) > len(rates) // 2 and (early := float(behind.max())) < limits.decayed * top:
        yield Finding(
            "learning-rate-decay",
            "error",
            "schedule",
            f"The learning rate falls from {top:.2g} to {early:.2g} within the first tenth of the run.",
            numbers={"rate": top, "early": early},
        )


def _rate_to_try(optimizer: str, usual: list[float], direction: str) -> str:
    """The first rate to try, and where to go from there."""
    rate = first_rate(optimizer, usual)
    return f"learning_rate={rate:.1g}, then {direction} by factors of 10 as long as that helps."


def check_low(pace: Pace, limits: Doctor, step: int, loss: float, guess: float) -> Iterator[Finding]:
    """A rate at the lower end of what is usual, in a run that is at chance: made for trained weights, perhaps."""
    usual = (limits.rates or {}).get(pace.optimizer)
    rates = pace.learning_rates[np.isfinite(pace.learning_rates)]
    if usual is None or not len(rates):
        return
    top, middle = float(rates.max()), float(np.sqrt(usual[0] * usual[1]))
    if usual[0] <= top < LOW * middle:
        yield Finding(
            "learning-rate-low",
            "warning",
            "optimiser",
            f"The learning rate is at most {top:.2g}, and after {step} steps the loss is {loss:.3f}, where guessing "
            f"costs {guess:.3f}. Rates this low are for weights that are trained already.",
            step,
            {"rate": top, "usual": middle},
            keras=_rate_to_try(pace.optimizer, usual, "higher"),
        )


def check_batch_norm(model: Any, pace: Pace, limits: Doctor) -> Iterator[Finding]:
    """Batch norm of too few images, and moving averages that do not arrive before the run ends."""
    norms = [x for x in leaves(model) if type(x) is keras.layers.BatchNormalization and x.trainable]
    if not norms:
        return
    assert limits.norm_batch is not None
    assert limits.norm_lag is not None
    maps = all(layer.input_spec.ndim == 4 for layer in norms)
    least = limits.norm_batch if not maps else max(2, limits.norm_batch - 1)
    if pace.batch < least:
        yield Finding(
            "small-batch-norm",
            "warning",
            f"layer {norms[0].name}" + (f" and {len(norms) - 1} more" if len(norms) > 1 else ""),
            f"Batch norm sees {plural(pace.batch, 'image')} at a time; 16 or more is usual.",
            numbers={"batch": pace.batch},
        )
    if pace.steps:
        slow = max(norms, key=lambda layer: layer.momentum)
        left = slow.momentum**pace.steps
        if left > limits.norm_lag:
            yield Finding(
                "lagging-batch-norm",
                "warning",
                f"layer {slow.name}" + (f" and {len(norms) - 1} more" if len(norms) > 1 else ""),
                f"With momentum {slow.momentum:g} and {pace.steps:,} steps, {left:.0%} of a moving average is still "
                "its first value at the end of the run.",
                numbers={"momentum": slow.momentum, "left": left},
            )
