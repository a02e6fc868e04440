"""What the callbacks of a fit have done to its end."""

from dataclasses import dataclass
from typing import Literal

LOWER = ("loss", "error", "mae", "mse", "rmse")  # parts of the names of metrics that are better if they are lower
HIGHER = ("acc", "auc", "precision", "recall", "f1")  # parts of the names of metrics that are better if they are higher

Mode = Literal["min", "max", ""]


@dataclass(frozen=True)
class Stopping:
    """An early stopping, as it was at the end of a fit.

    Args:
        monitor: the name of the metric that decides.
        mode: whether this metric counts as better if it is lower (`min`) or higher (`max`); empty if unknown.
        patience: the number of epochs without improvement after which the fit ends.
        planned: the number of epochs of the fit.
        has_stopped: whether it has ended the fit.
        restored: the number of the epoch whose weights it has restored, from 1, as Keras counts; None if it restores
            none.
        settings: its other settings that decide, such as `min_delta=0.1`; empty if they are the defaults.
        first: the number of the first epoch of the fit, as Keras counts from 0.
        epochs: the number of epochs that earlier fits of the same training had.
        evaluations: the number of evaluations in these fits.
    """

    monitor: str
    mode: Mode
    patience: int
    planned: int
    has_stopped: bool
    restored: int | None = None
    settings: str = ""
    first: int = 0
    epochs: int = 0
    evaluations: int = 0

    @property
    def is_of_loss(self) -> bool:
        """Whether the metric that decides is a loss."""
        return "loss" in self.monitor.lower()

    @property
    def is_upside_down(self) -> bool:
        """Whether the metric counts as better when it is in fact worse."""
        right = right_mode(self.monitor)
        return bool(right and self.mode) and right != self.mode


def right_mode(metric: str) -> Mode:
    """Whether a metric is better if it is lower or higher, by its name; empty if the name does not show it."""
    name = metric.lower()
    lower, higher = (any(part in name for part in parts) for parts in (LOWER, HIGHER))
    return "" if lower == higher else "min" if lower else "max"
