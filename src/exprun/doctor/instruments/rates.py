"""Usual learning rates: which one to try first, and how one outside of the usual range is described."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from exprun.doctor.subject import Pace

ROUNDING = 1e-3  # share by which a learning rate differs from what was written, in float32 or by a schedule
FIRST_RATES = {  # first learning rates to try: the defaults of Keras, unless a comment names another source
    **dict.fromkeys(("sgd", "sgd_momentum", "nesterov"), 1e-2),
    **dict.fromkeys(("rmsprop", "adam", "adamw", "nadam"), 1e-3),
    "adagrad": 1e-2,  # PyTorch's default
    "adadelta": 1.0,  # Zeiler 2012, arXiv:1212.5701
    "lion": 1e-4,  # 3 to 10 times below AdamW's: Chen et al. 2023, arXiv:2302.06675, section 5
}


@dataclass(frozen=True)
class Unusual:
    """A learning rate outside of the usual range.

    Args:
        evidence: the learning rate and the range, in one sentence.
        numbers: the numbers of the evidence, by name.
        keras: the first value to try.
    """

    evidence: str
    numbers: dict[str, float]
    keras: str


def middle(usual: Sequence[float]) -> float:
    """The middle of a range of learning rates, by their ratio."""
    return math.sqrt(usual[0] * usual[1])


def first_rate(optimizer: str, usual: Sequence[float]) -> float:
    """The usual first learning rate of an optimiser of the config; if unknown, the middle of the usual range."""
    return FIRST_RATES.get(optimizer, middle(usual))


def rate_to_try(optimizer: str, usual: Sequence[float], direction: str) -> str:
    """The remedy for a learning rate: the first value to try, and the direction in which to continue."""
    rate = first_rate(optimizer, usual)
    return f"learning_rate={rate:.1g}, then {direction} values, by factors of 10, as long as they help."


def unusual_rate(pace: Pace | None, usual: Sequence[float] | None, direction: int) -> Unusual | None:
    """What there is to say of a highest learning rate outside of the usual range; None if it is inside, or unknown.

    Args:
        pace: the learning rates of a run; None if unknown.
        usual: the lowest and the highest usual learning rate of the optimiser; None if unknown.
        direction: 1 for a learning rate above the range, -1 for one below it.
    """
    if pace is None or usual is None or pace.highest_rate is None:
        return None
    rate, (least, most) = pace.highest_rate, usual
    if rate <= (1 + ROUNDING) * most if direction > 0 else rate >= (1 - ROUNDING) * least:
        return None
    return Unusual(
        f"The learning rate is {rate:.3g}; for {pace.optimizer}, {least:g} to {most:g} is usual.",
        {"rate": rate, "least": least, "most": most},
        rate_to_try(pace.optimizer, usual, "lower" if direction > 0 else "higher"),
    )
