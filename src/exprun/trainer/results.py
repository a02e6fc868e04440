"""What the compiled step gets, as tensors, and the results that it returns, as NumPy arrays."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf


class Batch(NamedTuple):
    """The batch of a training step, as positions among the images on the device.

    Args:
        images: all images on the device, uint8, (images, height, width, channels).
        labels: the labels of all images, as `Loss.label_spec` describes them; None if only the images are needed.
        indices: the positions of the batch among all images, int32, (batch,).
        mirrored: whether `augment.alternating_flip` mirrors each image of the batch, bool, (batch,); None for none.
    """

    images: "tf.Tensor"
    labels: "tf.Tensor | None"
    indices: "tf.Tensor"
    mirrored: "tf.Tensor | None"


@dataclass(frozen=True)
class StepResult:
    """The result of some training steps.

    Args:
        losses: the loss of each step that was done, float32, (steps,).
        accuracies: the accuracy of each step that was done, float32, (steps,).
        finite: whether the loss and the gradients of the last of these steps are finite.
    """

    losses: np.ndarray
    accuracies: np.ndarray
    finite: bool


@dataclass(frozen=True)
class EvalResult:
    """The result of an evaluation, with one value per image.

    Args:
        losses: the loss of each image, float32, (images,).
        predictions: the number of the most likely class for each image, int32, (images,).
        logits: the logits of each image, float32, (images, classes).
        more: further metrics of each image by name, (images,) each: those of `trainer.metrics`, and with an attack
            `adversarial_loss` and `adversarial_accuracy`.
    """

    losses: np.ndarray
    predictions: np.ndarray
    logits: np.ndarray
    more: dict[str, np.ndarray] = field(default_factory=dict)
