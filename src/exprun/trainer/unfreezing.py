"""Gradual unfreezing: a run trains the head first, and then one stage more at a time, the last stage first.

Source: Howard & Ruder 2018 (ULMFiT), arXiv:1801.06146, section 3.3.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any


def frozen_stages(epochs: int | None, count: int, epoch: int) -> int:
    """The number of stages, from the first, that are still frozen in an epoch.

    Args:
        epochs: the number of epochs after which one stage more is trained, `schedule.unfreeze`; None to train all.
        count: the number of stages.
        epoch: the number of epochs done.
    """
    return max(0, count - epoch // epochs) if epochs is not None else 0


@contextlib.contextmanager
def frozen(stages: Sequence[Sequence[Any]]) -> Iterator[None]:
    """Freeze the layers of stages within the context, for a graph that is traced there."""
    changed = [layer for layers in stages for layer in layers if layer.trainable]
    for layer in changed:
        layer.trainable = False
    try:
        yield
    finally:
        for layer in changed:
            layer.trainable = True
