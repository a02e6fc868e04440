"""What reaches the batch norms of a network, next to the moving averages that they normalise with in evaluation."""

from dataclasses import dataclass

import numpy as np

from exprun.doctor.instruments.norms import normalised
from exprun.doctor.instruments.passes import Pass

MOST = 100  # batch norms that are measured; of a network with more, the first ones


@dataclass(frozen=True)
class Statistics:
    """The standard deviations at the batch norms of a network, in the order in which they are called.

    Args:
        layers: the names of the batch norms.
        reaching: the standard deviation of the values that reach each of them, as the median over channels, (layers,).
        averages: that of their moving averages, in the same channels, (layers,).
        shifts: the difference of the means in units of that of the averages, as the median over channels, (layers,).
    """

    layers: tuple[str, ...]
    reaching: tuple[float, ...]
    averages: tuple[float, ...]
    shifts: tuple[float, ...]


def statistics_of(found: Pass) -> Statistics | None:
    """The standard deviations at the batch norms in a pass; None without a batch norm.

    Args:
        found: a pass of some images through a network that still has the weights of the pass.
    """
    calls = [call for call in found.calls if call.layer.is_plain_batch_norm][:MOST]
    if not calls:
        return None
    measured = [normalised(call) for call in calls]
    averages = [float(np.median(np.sqrt(np.asarray(call.layer.layer.moving_variance, np.float64)))) for call in calls]
    return Statistics(
        tuple(call.layer.name for call in calls),
        tuple(scale * average for (_, scale), average in zip(measured, averages, strict=True)),
        tuple(averages),
        tuple(shift for shift, _ in measured),
    )
