"""Usual learning rates: which one to try first, and how one outside of the usual range is described."""

import math
from collections.abc import Sequence

FIRST_RATES = {  # first learning rates to try: the defaults of Keras, unless a comment names another source
    **dict.fromkeys(("sgd", "sgd_momentum", "nesterov"), 1e-2),
    **dict.fromkeys(("rmsprop", "adam", "adamw", "nadam"), 1e-3),
    "adagrad": 1e-2,  # PyTorch's default
    "adadelta": 1.0,  # Zeiler 2012, arXiv:1212.5701
    "lion": 1e-4,  # 3 to 10 times below AdamW's: Chen et al. 2023, arXiv:2302.06675, section 5
}


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


def unusual_rate(optimizer: str, rate: float, usual: Sequence[float]) -> str:
    """The evidence that a learning rate is outside of the usual range of an optimiser."""
    return f"The learning rate is {rate:.3g}; for {optimizer}, {usual[0]:g} to {usual[1]:g} is usual."
