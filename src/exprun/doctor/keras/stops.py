"""Reads what an early stopping of Keras has done."""

from typing import Any

from exprun.doctor.instruments.stopping import Mode, Stopping


def stopping_of(callback: Any, planned: int, first: int = 0, epochs: int = 0, evaluations: int = 0) -> Stopping:
    """An early stopping at the end of a fit.

    Args:
        callback: the `keras.callbacks.EarlyStopping`.
        planned: the number of epochs of the fit.
        first: the number of the first epoch of the fit, as Keras counts from 0.
        epochs: the number of epochs that earlier fits of the same training had.
        evaluations: the number of evaluations in these fits.
    """
    operation = getattr(callback.monitor_op, "__name__", "")
    mode: Mode = "min" if operation.startswith("less") else "max" if operation.startswith("greater") else ""
    delta, baseline = abs(float(callback.min_delta)), callback.baseline
    settings = f", min_delta={delta:g}" if delta else ""
    restores = callback.restore_best_weights and callback.best_weights is not None
    return Stopping(
        callback.monitor,
        mode,
        int(callback.patience),
        planned,
        callback.stopped_epoch > 0,
        int(callback.best_epoch) + 1 if restores else None,
        settings if baseline is None else f"{settings}, baseline={baseline:g}",
        first,
        epochs,
        evaluations,
    )
