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

# Metrics that evaluations of validation and test images measure next to loss and accuracy; `exprun.classification`
# computes them. The name of a metric in MLflow starts with the split: `val/macro_f1`, `test/macro_f1`.
BALANCED_ACCURACY, MACRO_F1 = "balanced_accuracy", "macro_f1"  # from the predictions alone
TOP5_ACCURACY, AUROC, CALIBRATION_ERROR = "top5_accuracy", "auroc", "calibration_error"  # from the logits
TOP = 5  # classes of the top-5 accuracy
SUBSET_ACCURACY, MICRO_F1 = "subset_accuracy", "micro_f1"  # of several labels, from the predictions
MEAN_AVERAGE_PRECISION = "mean_average_precision"  # of several labels, from the logits
MEAN_ABSOLUTE_ERROR, KAPPA = "mean_absolute_error", "quadratic_weighted_kappa"  # of ordered classes
OF_LOGITS = (TOP5_ACCURACY, AUROC, CALIBRATION_ERROR, MEAN_AVERAGE_PRECISION)
TEMPERATURE = "temperature"  # divides the logits so that the loss of the validation images is lowest
SCALED_CALIBRATION_ERROR = "scaled_calibration_error"  # calibration error with this temperature
RECALL, PRECISION = "recall", "precision"  # of one class: `test/recall/cat`
HEADINGS = {  # in tables for people
    MACRO_F1: "macro F1",
    MICRO_F1: "micro F1",
    TOP5_ACCURACY: "top-5 accuracy",
    AUROC: "AUROC",
    KAPPA: "weighted kappa",
}
BEST = "best_"  # `val/best_macro_f1` belongs to the selected weights, `val/macro_f1` to those of the last epoch

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


def measured(metric: str) -> str:
    """The name of a metric without its split, without `best_` and without the name of a class: `recall`.

    Args:
        metric: the name of the metric in MLflow, such as `val/best_recall/cat`.
    """
    parts = metric.split("/")
    return parts[1].removeprefix(BEST) if len(parts) > 1 else metric


def heading(name: str) -> str:
    """The name of a metric in a table for people: `balanced accuracy` for `balanced_accuracy`."""
    return HEADINGS.get(name, name.replace("_", " "))


def best_name(metric: str) -> str:
    """The name of a validation metric of the selected weights: `val/best_loss` for `val/loss`."""
    split, _, name = metric.partition("/")
    return f"{split}/{BEST}{name}"


def is_better_low(metric: str) -> bool:
    """Whether lower is better for a metric: it is for losses, errors and times."""
    name = measured(metric)
    return name.endswith(("loss", CALIBRATION_ERROR, MEAN_ABSOLUTE_ERROR)) or metric == SECONDS


def is_percentage(metric: str) -> bool:
    """Whether people read a metric as a percentage: accuracies, recall, precision, F1 and calibration errors."""
    name = measured(metric)
    return name.endswith(("accuracy", CALIBRATION_ERROR)) or name in (RECALL, PRECISION, MACRO_F1, MICRO_F1)


def is_fraction(metric: str) -> bool:
    """Whether a metric lies between 0 and 1."""
    return is_percentage(metric) or measured(metric) in (AUROC, MEAN_AVERAGE_PRECISION)


def of_images(metric: str) -> bool:
    """Whether a metric is the share of all images of a split that are classified correctly: a binomial proportion."""
    return measured(metric) in ("accuracy", TOP5_ACCURACY, SUBSET_ACCURACY) and metric.startswith(("val/", "test/"))
