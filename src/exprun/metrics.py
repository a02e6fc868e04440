"""The names of metrics. A name means the same quantity in the journal, MLflow, `result.json`, tables and plots.

Older versions used other names for the training metrics in the journal and in MLflow, where `train/loss` was the mean
over `trainer.log_every` steps; `current` translates them.
"""

EPOCH = "epoch"  # number of epochs done, with a fraction if a run ended within an epoch
TRAIN_LOSS, TRAIN_ACCURACY = "train/loss", "train/accuracy"  # means over the steps of an epoch
BATCH_LOSS, BATCH_ACCURACY = "train/batch_loss", "train/batch_accuracy"  # means over `trainer.log_every` steps
LEARNING_RATE = "optim/learning_rate"  # learning rate at the last of these steps
IMAGES_PER_SECOND = "time/images_per_second"
SECONDS = "time/seconds"  # seconds of training and evaluation so far

# Old names of what `train/loss` and `train/accuracy` are now.
OLD_TRAIN_LOSS, OLD_TRAIN_ACCURACY = "train/epoch_loss", "train/epoch_accuracy"
_RENAMED = {
    OLD_TRAIN_LOSS: TRAIN_LOSS,
    OLD_TRAIN_ACCURACY: TRAIN_ACCURACY,
    TRAIN_LOSS: BATCH_LOSS,
    TRAIN_ACCURACY: BATCH_ACCURACY,
}


def current(metrics: dict[str, float]) -> dict[str, float]:
    """The same metrics by their current names; metrics of the current version stay as they are.

    Args:
        metrics: the metrics of a line of the journal, or the last metrics of a run in MLflow.
    """
    # Only older versions logged another mean for the epoch, or the learning rate together with `train/loss`.
    old = OLD_TRAIN_LOSS in metrics or (TRAIN_LOSS in metrics and LEARNING_RATE in metrics and EPOCH not in metrics)
    if not old or BATCH_LOSS in metrics:
        return metrics
    return {_RENAMED.get(name, name): value for name, value in metrics.items()}
