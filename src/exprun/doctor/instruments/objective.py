"""The loss of a network, and how it uses outputs and labels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["softmax", "sigmoid", "error", "unknown"]


@dataclass(frozen=True)
class Objective:
    """A loss, with the properties that the checks need.

    Args:
        kind: `softmax` (cross-entropy over classes), `sigmoid` (cross-entropy of yes or no), `error` (difference of
            numbers) or `unknown`.
        sparse: whether a loss of classes takes class numbers.
        from_logits: whether the loss applies the softmax or sigmoid itself.
        name: the name of the loss for messages.
        losses: computes the loss of each example, (batch,), from outputs and labels.
        ignored: the class number that the loss skips; None if it skips none.
        total: computes the one number that the step minimises for a batch, from outputs and labels; None if unknown.
        is_own: whether it is written by hand, and known by its values.
    """

    kind: Kind
    sparse: bool
    from_logits: bool
    name: str
    losses: Callable[[Any, Any], Any]
    ignored: int | None = None
    total: Callable[[Any, Any], float] | None = None
    is_own: bool = False
