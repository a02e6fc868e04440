"""The group `loss`: the loss of an image, the loss of a batch, and the weights of the classes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from exprun.config.schema import Config

if TYPE_CHECKING:
    import tensorflow as tf

Losses = Callable[["tf.Tensor", "tf.Tensor"], "tf.Tensor"]  # the loss of each image from logits and class numbers

LEAST = 1e-7  # 1 − p, where it is smaller, so that the gradient of its power stays finite


class Targets(NamedTuple):
    """The labels of a batch in training.

    Args:
        labels: the class numbers, int32, (batch,); or several or soft labels, float32, (batch, classes).
        others: the same of the images that are mixed in; None without mixing.
        shares: the share of the first label, float32, (batch,); None without mixing.
    """

    labels: "tf.Tensor"
    others: "tf.Tensor | None" = None
    shares: "tf.Tensor | None" = None

    def part(self, start: "tf.Tensor", size: int) -> "Targets":
        """The labels of some images in a row: the position of the first, and their number."""
        import tensorflow as tf

        return Targets(
            *(None if x is None else tf.ensure_shape(x[start : start + size], [size, *x.shape[1:]]) for x in self)
        )

    def mean(self, losses: "Callable[[tf.Tensor], tf.Tensor]") -> "tf.Tensor":
        """The loss of each image, (batch,): the mean of those of its labels, weighted by their shares.

        Args:
            losses: computes the loss of each image from its label.
        """
        found = losses(self.labels)
        if self.others is None or self.shares is None:
            return found
        return self.shares * found + (1 - self.shares) * losses(self.others)

    @property
    def main(self) -> "tf.Tensor":
        """The label with the larger share, with the shape of `labels`, which the training accuracy counts."""
        import tensorflow as tf

        if self.shares is None:
            return self.labels
        larger = self.shares >= 0.5
        return tf.where(larger if self.labels.shape.rank == 1 else larger[:, None], self.labels, self.others)


class Loss:
    """The loss of a run. Its numbers are variables, so that runs which differ in them can share a compiled step.

    Args:
        config: the config of the run.
        cross_entropy: function that computes the cross-entropy of each image; another one if a fault is injected.
        class_weights: the weight of each class, float32, (classes,), or None.
    """

    def __init__(self, config: Config, cross_entropy: Losses, class_weights: np.ndarray | None) -> None:
        import tensorflow as tf

        self.cross_entropy = cross_entropy
        self._smoothing = tf.Variable(0.0, trainable=False)
        self._share = config.loss.teacher_share
        self._temperature = config.loss.temperature
        self._gamma = None if config.loss.gamma is None else tf.Variable(0.0, trainable=False)
        self.class_weights = class_weights
        self.take(config)

    def label_spec(self, classes: int) -> "tf.TensorSpec":
        """The shape and dtype of the labels of all images on the device: class numbers, int32, (images,)."""
        import tensorflow as tf

        return tf.TensorSpec([None], tf.int32)

    def take(self, config: Config) -> None:
        """Use the numbers of a config with the same `loss.name`."""
        self._smoothing.assign(config.loss.label_smoothing)
        if self._gamma is not None:
            self._gamma.assign(config.loss.gamma)

    def of_images(self, logits: "tf.Tensor", targets: "tf.Tensor") -> "tf.Tensor":
        """The loss of each image, (batch,), without label smoothing and class weights, as evaluations measure it.

        Args:
            logits: the logits, float32, (batch, classes).
            targets: the labels, as in `Targets`.
        """
        return self._focused(self.cross_entropy(logits, targets))

    def total(self, logits: "tf.Tensor", targets: Targets, taught: "tf.Tensor | None" = None) -> "tf.Tensor":
        """The sum of the losses of the images in training, with label smoothing and class weights.

        Args:
            logits: the logits, float32, (batch, classes).
            targets: the labels.
            taught: the logits of the teacher, float32, (batch, classes); None without one.
        """
        import tensorflow as tf

        losses = targets.mean(self._in_training(logits))
        if taught is not None:
            assert self._share is not None
            assert self._temperature is not None
            losses += self._share * (distilled(logits, taught, self._temperature) - losses)
        return tf.reduce_sum(losses)

    def right(self, logits: "tf.Tensor", labels: "tf.Tensor") -> "tf.Tensor":
        """The accuracy of each image, float32, (batch,): 1 if the most probable class is the label, else 0.

        Args:
            logits: the logits, float32, (batch, classes).
            labels: the labels, as in `Targets`.
        """
        import tensorflow as tf

        return tf.cast(tf.argmax(logits, 1, tf.int32) == labels, tf.float32)

    def _in_training(self, logits: "tf.Tensor") -> "Callable[[tf.Tensor], tf.Tensor]":
        """The function from the labels of images, as in `Targets`, to their losses, (batch,), as `total` adds them up.

        Args:
            logits: the logits, float32, (batch, classes).
        """
        import tensorflow as tf

        uniform = tf.reduce_mean(self._focused(-tf.nn.log_softmax(logits)), axis=1)

        def of(labels: tf.Tensor) -> tf.Tensor:
            losses = self.of_images(logits, labels)
            losses += self._smoothing * (uniform - losses)
            return losses if self.class_weights is None else losses * tf.gather(self.class_weights, labels)

        return of

    def _focused(self, losses: "tf.Tensor") -> "tf.Tensor":
        return losses if self._gamma is None else focused(losses, self._gamma)


class _LossOfRows(Loss):
    """A loss of labels with a number for each class."""

    def label_spec(self, classes: int) -> "tf.TensorSpec":
        """The shape and dtype of the labels of all images on the device, float32, (images, classes)."""
        import tensorflow as tf

        return tf.TensorSpec([None, classes], tf.float32)


class LossOfSoftLabels(_LossOfRows):
    """The cross-entropy with a distribution over the classes, in place of one class.

    It is the mean of the losses of the classes, weighted by their probabilities, so a distribution that is 0 but for
    one class has the loss of this class.
    """

    def of_images(self, logits: "tf.Tensor", targets: "tf.Tensor") -> "tf.Tensor":
        """The loss of each image, (batch,), without label smoothing and class weights, as evaluations measure it."""
        import tensorflow as tf

        return tf.reduce_sum(targets * self._focused(-tf.nn.log_softmax(logits)), axis=1)

    def right(self, logits: "tf.Tensor", labels: "tf.Tensor") -> "tf.Tensor":
        """The accuracy of each image, float32, (batch,): 1 if the most probable classes are the same, else 0."""
        import tensorflow as tf

        return super().right(logits, tf.argmax(labels, 1, tf.int32))

    def _in_training(self, logits: "tf.Tensor") -> "Callable[[tf.Tensor], tf.Tensor]":
        import tensorflow as tf

        each = self._focused(-tf.nn.log_softmax(logits))
        each += self._smoothing * (tf.reduce_mean(each, axis=1, keepdims=True) - each)
        each = each if self.class_weights is None else each * self.class_weights
        return lambda labels: tf.reduce_sum(labels * each, axis=1)


class LossOfSeveralLabels(_LossOfRows):
    """The mean over the classes of the binary cross-entropy, as `keras.losses.BinaryCrossentropy` has it.

    Each logit is that of one label. Label smoothing moves 0 and 1 towards 1/2. The weight of a class multiplies the
    loss of the images that have it as a label. With `loss.gamma`, each cross-entropy is the binary focal loss.
    """

    def of_images(self, logits: "tf.Tensor", targets: "tf.Tensor") -> "tf.Tensor":
        """The loss of each image, (batch,), without label smoothing and class weights, as evaluations measure it."""
        import tensorflow as tf

        present, absent = self._binary(logits)
        return tf.reduce_mean(targets * present + (1 - targets) * absent, axis=1)

    def right(self, logits: "tf.Tensor", labels: "tf.Tensor") -> "tf.Tensor":
        """The accuracy of each image, float32, (batch,): the share of its labels that are predicted correctly."""
        import tensorflow as tf

        return tf.reduce_mean(tf.cast((logits > 0) == (labels > 0.5), tf.float32), axis=1)

    def _in_training(self, logits: "tf.Tensor") -> "Callable[[tf.Tensor], tf.Tensor]":
        import tensorflow as tf

        present, absent = self._binary(logits)
        present = present if self.class_weights is None else present * self.class_weights

        def of(labels: tf.Tensor) -> tf.Tensor:
            shares = labels + self._smoothing * (0.5 - labels)
            return tf.reduce_mean(shares * present + (1 - shares) * absent, axis=1)

        return of

    def _binary(self, logits: "tf.Tensor") -> "tuple[tf.Tensor, tf.Tensor]":
        """The losses of each label if the image has it, and if it has not, (batch, classes) each."""
        import tensorflow as tf

        return self._focused(tf.nn.softplus(-logits)), self._focused(tf.nn.softplus(logits))


def make_loss(config: Config, cross_entropy: Losses, class_weights: np.ndarray | None) -> Loss:
    """The loss of a run.

    Args:
        config: the config of the run.
        cross_entropy: computes the cross-entropy of each image with one label; another one if a fault is injected.
        class_weights: the weight of each class, float32, (classes,), or None.
    """
    kinds = {"several": LossOfSeveralLabels, "soft": LossOfSoftLabels}
    return kinds.get(config.data.labels, Loss)(config, cross_entropy, class_weights)


def distilled(logits: "tf.Tensor", taught: "tf.Tensor", temperature: float) -> "tf.Tensor":
    """The loss of each image against the outputs of a teacher, (batch,) (Hinton et al. 2015, arXiv:1503.02531).

    It is the divergence of the probabilities at the temperature T, times T², as their gradients fall with 1/T². The
    paper's cross-entropy differs from it by the entropy of the teacher's outputs, which is constant.

    Args:
        logits: the logits, float32, (batch, classes).
        taught: the logits of the teacher, float32, (batch, classes).
        temperature: the temperature T.
    """
    import tensorflow as tf

    own, others = (tf.nn.log_softmax(values / temperature) for values in (logits, taught))
    return temperature**2 * tf.reduce_sum(tf.exp(others) * (others - own), axis=1)


def focused(cross_entropy: "tf.Tensor", gamma: "tf.Tensor") -> "tf.Tensor":
    """The focal loss, (1 − p)^γ times the cross-entropy −log p (Lin et al. 2017, arXiv:1708.02002, equation 4).

    Args:
        cross_entropy: cross-entropies, float32, of any shape.
        gamma: the focusing parameter γ, a scalar.
    """
    import tensorflow as tf

    return tf.maximum(-tf.math.expm1(-cross_entropy), LEAST) ** gamma * cross_entropy


def class_weights(config: Config, counts: np.ndarray, given: np.ndarray | None) -> np.ndarray | None:
    """The weight of each class in the loss, float32, (classes,), or None.

    With `loss.class_balance`, it is the inverse of the effective number of images of the class (Cui et al. 2019,
    arXiv:1901.05555, equation 5), scaled so that the mean over the training images is 1; the paper scales the sum over
    the classes instead, which changes the scale of the whole loss only.

    Args:
        config: the config of the run.
        counts: the number of training images of each class, or the sum of its soft labels, (classes,).
        given: the weights that `data.class_weights` gives, (classes,), or None.
    """
    beta = config.loss.class_balance
    if beta is None:
        return given
    effective = (1 - beta**counts) / (1 - beta)
    weights = np.divide(1.0, effective, out=np.zeros(len(counts)), where=counts > 0)
    return (weights * counts.sum() / (weights * counts).sum()).astype(np.float32)
