"""Names of metrics. A name stands for one quantity: in the journal, MLflow, `result.json`, tables, curves and reports.

Older versions called the training metrics otherwise in the journal and in MLflow, where `train/loss` was the mean over
`trainer.log_every` steps; `current` gives them the names of today.
"""

EPOCH = "epoch"  # epochs done, with a fraction where a run ended within one
TRAIN_LOSS, TRAIN_ACCURACY = "train/loss", "train/accuracy"  # means over the steps of an epoch
BATCH_LOSS, BATCH_ACCURACY = "train/batch_loss", "train/batch_accuracy"  # means over `trainer.log_every` steps
LEARNING_RATE = "optim/learning_rate"  # of the last of these steps
IMAGES_PER_SECOND = "time/images_per_second"
SECONDS = "time/seconds"  # of training and evaluation so far

OLD_TRAIN_LOSS, OLD_TRAIN_ACCURACY = "train/epoch_loss", "train/epoch_accuracy"  # what `train/loss` is now
_RENAMED = {
    OLD_TRAIN_LOSS: TRAIN_LOSS,
    OLD_TRAIN_ACCURACY: TRAIN_ACCURACY,
    TRAIN_LOSS: BATCH_LOSS,
    TRAIN_ACCURACY: BATCH_ACCURACY,
}


def current(metrics: dict[str, float]) -> dict[str, float]:
    """Metrics that an older version logged together, by their names of today; those of this version stay as they are.

    Args:
        metrics: of a line of the journal, or the last ones of a run in MLflow.
    """
    # Only older versions had a mean of their own for the epoch, or the rate beside what they called the loss.
    old = OLD_TRAIN_LOSS in metrics or (TRAIN_LOSS in metrics and LEARNING_RATE in metrics and EPOCH not in metrics)
    if not old or BATCH_LOSS in metrics:
        return metrics
    return {_RENAMED.get(name, name): value for name, value in metrics.items()}
