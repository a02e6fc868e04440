"""The value that a run contributes to a comparison, and the noise of the images on which it was measured."""

import math
from collections.abc import Sequence

from exprun import metrics as names
from exprun.config.datasets import FACTS
from exprun.records import Run
from exprun.run_folder import NOT_FINITE

MIN_CLASSES = 2


def diverged(run: Run, metric: str) -> bool:
    """Whether a run diverged: its loss, gradients or weights were not finite, or the metric is not."""
    if run.status == "FAILED" and run.reason.startswith(NOT_FINITE):
        return True
    return run.status == "FINISHED" and metric in run.metrics and not math.isfinite(run.metrics[metric])


def why_diverged(run: Run, metric: str) -> str:
    """The reason why a run counts as diverged: how it failed, or the metric that is not finite.

    Args:
        run: a run that diverged.
        metric: the metric that is compared, by its name in MLflow.
    """
    return run.reason if run.status == "FAILED" else f"{metric} is {run.metrics[metric]:g}"


def value(run: Run, metric: str) -> float | None:
    """The value that a run contributes; None if it has none.

    A finished run contributes its final metric. A run that diverged contributes the chance level: leaving it out would
    favour settings that sometimes diverge.

    Args:
        run: the run.
        metric: the metric that is compared, by its name in MLflow.
    """
    if diverged(run, metric):
        return chance(run, metric)
    return run.metrics.get(metric) if run.status == "FINISHED" else None


def chance(run: Run, metric: str) -> float | None:
    """The chance level of a metric with balanced classes, such as 1/K for accuracies; None if it is unknown.

    It is the value of always predicting the frequencies of the classes, with one of them as the prediction.

    Args:
        run: the run, whose records hold the number of classes K.
        metric: the metric, by its name in MLflow.
    """
    classes = _classes(run)
    if classes is None or not metric.startswith(("val/", "test/")):
        return None
    levels = {
        "loss": math.log(classes),
        "accuracy": 1 / classes,
        names.BALANCED_ACCURACY: 1 / classes,
        names.MACRO_F1: 2 / (classes * (classes + 1)),  # the F1 of one class is 2 / (K + 1), the others' is 0
        names.TOP5_ACCURACY: min(names.TOP / classes, 1.0),
        names.AUROC: 0.5,
    }
    return levels.get(names.measured(metric))


def within(value: float, lowest: float, highest: float) -> float:
    """The value, or the end of the range that it exceeds; NaN stays NaN, as the end of an unknown interval.

    Args:
        value: the value.
        lowest: the lower end of the range.
        highest: the upper end of the range.
    """
    return value if math.isnan(value) else min(max(value, lowest), highest)


def _classes(run: Run) -> int | None:
    """The number of classes: recorded by the run, or known from its config; None if unknown."""
    recorded = _count(run.environment.get("classes", ""))
    if recorded is None:
        chosen = run.config.get("data.classes")
        known = FACTS.get(str(run.config.get("data.name")))
        recorded = len(chosen) if isinstance(chosen, list) else len(known.classes) if known else None
    return recorded if recorded is not None and recorded >= MIN_CLASSES else None


def images(runs: Sequence[Run], metric: str) -> int | None:
    """The number of images on which runs measured an accuracy, the smallest one; None if unknown.

    It is None for other metrics too, which are not means over images.
    """
    if not names.of_images(metric):
        return None
    counts = [_count(run.environment.get(f"{metric.split('/')[0]}_images", "")) for run in runs]
    known = [count for count in counts if count]
    return min(known) if known and len(known) == len(counts) else None


def _count(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def image_half(accuracy: float, images: int, confidence: float, total: float = 1.0) -> float:
    """Half the width of the confidence interval of an accuracy over images that are drawn at random.

    Args:
        accuracy: the accuracy, 0 to 1, measured on the images.
        images: the number of images.
        confidence: the confidence level.
        total: the factor by which the accuracy is multiplied.
    """
    from scipy.special import ndtri  # type: ignore[import-untyped]  # takes half a second to import

    quantile = float(ndtri((1 + confidence) / 2))
    # Agresti and Coull 1998, doi:10.2307/2685469: as if half of quantile² more images were classified correctly, and
    # as many wrongly.
    count = images + quantile**2
    share = (accuracy * images + quantile**2 / 2) / count
    return quantile * total * math.sqrt(max(0.0, share * (1 - share)) / count)
