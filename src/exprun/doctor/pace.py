"""Checks of how fast a run learns: learning rate, schedule, weight decay and batch norm."""

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

LOW = 0.2  # learning rate that counts as low, in units of the middle of the usual range
MAX_DECAY = 5e-3  # share of a weight lost in a step; Loshchilov & Hutter 2019, arXiv:1711.05101, use about 1e-5


@dataclass(frozen=True)
class Pace:
    """The settings that decide how fast a run learns.

    Args:
        optimizer: the name of the optimiser in the config (`sgd_momentum`); empty if the config has no such optimiser.
        learning_rates: the learning rate of each step of the run, or of evenly spaced steps, (any number,).
        steps: the number of steps of the run; None if unknown.
        batch: the number of images in a step.
        decay: the decoupled weight decay, which is multiplied by the learning rate in each step.
    """

    optimizer: str
    learning_rates: np.ndarray
    steps: int | None
    batch: int
    decay: float = 0.0


def check_pace(pace: Pace, limits: Doctor) -> Iterator[Finding]:
    """Find a learning rate outside the usual range of the optimiser, and a decay that ends learning too soon."""
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
            f"The learning rate is {top:.3g}; for {pace.optimizer}, {usual[0]:g} to {usual[1]:g} is usual.",
            numbers={"rate": top, "least": usual[0], "most": usual[1]},
            keras=_rate_to_try(pace.optimizer, usual, "lower" if high else "higher"),
        )
    fixed = pace.optimizer == "muon_nesterov"  # sets every kernel to the same norm after the decay
    if (lost := top * pace.decay) > MAX_DECAY and not fixed:
        yield Finding(
            "strong-regularization",
            "error",
            "optimiser",
            f"With a weight decay of {pace.decay:g} and a learning rate of {top:.2g}, each step removes {lost:.1%} of "
            f"every weight: half of it is gone after about {np.log(0.5) / np.log1p(-min(lost, 0.99)):.0f} steps.",
            numbers={"decay": pace.decay, "rate": top},
            keras="weight_decay=1e-4 in the optimiser, or none.",
        )
    after = rates[int(rates.argmax()) + max(1, len(rates) // 10) :]
    assert limits.decayed is not None
    if len(after) > len(rates) // 2 and (early := float(after.max())) < limits.decayed * top:
        yield Finding(
            "learning-rate-decay",
            "error",
            "schedule",
            f"The learning rate falls from {top:.2g} to {early:.2g} within the first tenth of the run.",
            numbers={"rate": top, "early": early},
        )


def _rate_to_try(optimizer: str, usual: list[float], direction: str) -> str:
    """The remedy for a learning rate: the first value to try, and the direction in which to continue."""
    rate = first_rate(optimizer, usual)
    return f"learning_rate={rate:.1g}, then {direction} values, by factors of 10, as long as they help."


def check_low(pace: Pace, limits: Doctor, step: int, loss: float, chance_loss: float) -> Iterator[Finding]:
    """Find a learning rate at the low end of its usual range, in a run that stays at chance level."""
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
            f"The learning rate is at most {top:.2g}, and after {step} steps the loss is {loss:.3f}; chance level is "
            f"{chance_loss:.3f}. Learning rates this low are meant for weights that are already trained.",
            step,
            {"rate": top, "usual": middle},
            keras=_rate_to_try(pace.optimizer, usual, "higher"),
        )


def check_batch_norm(model: Any, pace: Pace, limits: Doctor) -> Iterator[Finding]:
    """Find batch norm over too few images, and moving averages that do not settle before the run ends."""
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
            f"Batch norm averages over {plural(pace.batch, 'image')} at a time; 16 or more is usual.",
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
                "its initial value at the end of the run.",
                numbers={"momentum": slow.momentum, "left": left},
            )
