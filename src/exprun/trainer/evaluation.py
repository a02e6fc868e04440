"""Measure a split, and analyse the gap between training and validation accuracy."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from exprun import classification
from exprun import metrics as names
from exprun.config.schema import Config
from exprun.data import Split
from exprun.trainer.feed import Feed, fits, whole_order
from exprun.trainer.step import EvaluatedAs, Step

BATCHES_PER_CALL = 16


class Means(NamedTuple):
    """Means over the images of a split.

    Args:
        loss: the mean loss.
        accuracy: the share of images that are classified correctly; of several labels, the share of right labels.
        more: the means of further metrics, by name, such as `binary_accuracy`.
        labels: the class of each image, (images,); or several labels, 0 or 1, (images, classes).
        predictions: the most likely class of each image, (images,); or the predicted labels, (images, classes).
        logits: the logits of each image, float32, (images, classes).
        ordered: whether the classes have an order.
    """

    loss: float
    accuracy: float
    more: dict[str, float]
    labels: np.ndarray
    predictions: np.ndarray
    logits: np.ndarray
    ordered: bool

    def named(self, split: str) -> dict[str, float]:
        """The metrics by their names in MLflow, such as `val/loss`."""
        metrics = {"loss": self.loss, "accuracy": self.accuracy, **self.more}
        return {f"{split}/{name}": value for name, value in metrics.items()}

    def of_predictions(self) -> dict[str, float]:
        """The metrics that are computed from the predictions, by name, such as `macro_f1`."""
        return classification.of_predictions(self.labels, self.predictions, self.logits.shape[1], self.ordered)

    def of_logits(self, temperature: float | None = None) -> dict[str, float]:
        """The metrics that are computed from the logits, by name, such as `auroc`.

        Args:
            temperature: the temperature of the scaled calibration error; None to leave it out.
        """
        return classification.of_logits(self.labels, self.logits, temperature=temperature)

    def by_class(self, classes: list[str]) -> dict[str, float]:
        """Recall and precision of each class by name, such as `recall/cat`; empty if there are many classes."""
        return classification.by_class(classification.per_class(self.labels, self.predictions, len(classes)), classes)


class Evaluator:
    """Measures splits with the step of a run.

    Args:
        config: the config of the run.
        step: the compiled evaluation.
    """

    def __init__(self, config: Config, step: Step) -> None:
        self.trainer, self.step, self.ordered = config.trainer, step, config.data.labels == "ordered"

    def feed(self, split: Split) -> Feed:
        """The images of a split, kept on the device if they fit there."""
        resident = self.trainer.resident
        return Feed(split, fits(split, self.step.device.gpu) if resident == "auto" else resident)

    def measure(self, feed: Feed, as_in: EvaluatedAs = "evaluation") -> Means:
        """Means over the images of a split, with the current weights.

        Args:
            feed: the images.
            as_in: the preprocessing of the images: as in `evaluation` or as in `train`; or `tta`, the mean over several
                views with the preprocessing of evaluation.
        """
        order = whole_order(len(feed), min(self.trainer.eval_batch_size, len(feed)))
        if self.trainer.dry_run:
            order = order[:1]
        parts = [self.step.evaluate(*chunk, as_in) for chunk in feed.chunks(order, lambda: BATCHES_PER_CALL)]
        predictions = np.concatenate([p.predictions for p in parts])
        more = {name: _mean([p.more[name] for p in parts]) for name in parts[0].more}
        labels = feed.labels[: len(predictions)]
        logits = np.concatenate([p.logits for p in parts])
        if labels.ndim > 1:
            predictions = classification.predicted(labels, logits)
        accuracy = classification.accuracy(labels, predictions)
        return Means(_mean([p.losses for p in parts]), accuracy, more, labels, predictions, logits, self.ordered)

    def validate(self, feed: Feed) -> Means:
        """The means over the validation images, with the metrics that each epoch records next to loss and accuracy.

        These are the metrics of predictions, and the metric of logits that `trainer.select` names, if it does.

        Args:
            feed: the validation images.
        """
        means = self.measure(feed)
        means.more.update(means.of_predictions())
        if (selected := names.measured(self.trainer.select)) in names.OF_LOGITS:
            means.more.update(classification.of_logits(means.labels, means.logits, [selected]))
        return means

    def gap(self, train: Split, images: int) -> dict[str, float]:
        """Measure training images in inference mode, with the preprocessing of training and with that of evaluation.

        The training accuracy of an epoch and the validation accuracy differ in three things: inference mode with the
        weights after the epoch, the preprocessing of the evaluation, and images that were not trained on. The results
        here show how much the first two change.

        Args:
            train: the training split.
            images: the number of images to measure, spread over the split.

        Returns:
            The metrics by their names in MLflow, such as `train/inference_loss`.
        """
        rows = train.rows[np.linspace(0, len(train) - 1, min(len(train), images)).astype(int)]
        feed = self.feed(replace(train, rows=rows))
        inference, evaluated = self.measure(feed, "train"), self.measure(feed, "evaluation")
        return {
            "train/inference_loss": inference.loss,
            "train/inference_accuracy": inference.accuracy,
            "train/evaluated_loss": evaluated.loss,
            "train/evaluated_accuracy": evaluated.accuracy,
        }


def _mean(parts: list[np.ndarray]) -> float:
    return float(np.concatenate(parts).mean(dtype=np.float64))
