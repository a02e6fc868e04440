"""Find out why a step failed: the first tensor that is not finite, or a batch that does not fit into memory."""

import contextlib
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from exprun.trainer.step import Step


class FailedBatch(NamedTuple):
    """The batch of a step whose loss or gradient was not finite.

    Args:
        images: images that include the batch, uint8, (images, height, width, channels).
        indices: positions of the batch in the images, int32, (batch,).
        mirrored: whether each image of the batch is mirrored, bool, (batch,).
        step: the number of the step, from 0.
    """

    images: tf.Tensor
    indices: np.ndarray
    mirrored: np.ndarray
    step: int


def blame(reason: str, step: Step, batch: FailedBatch | None) -> str:
    """The reason, followed by the first tensor that is not finite: a weight, the input or the output of a layer.

    Args:
        reason: why training ended.
        step: the compiled training, with the weights before the failed step.
        batch: the batch of the failed step; None if the weights are not finite.
    """
    if step.device.strategy is not None:
        return reason  # with several devices, the failed step has already changed the weights
    if weight := first_bad_weight(step.model):
        return f"{reason}; the first tensor that is not finite is the weight {weight}"
    assert batch is not None
    number, indices, mirrored = (tf.constant(value) for value in (batch.step, batch.indices, batch.mirrored))
    inputs = step.batch_inputs(batch.images, indices, number, mirrored)
    if not _finite(inputs):
        return f"{reason}; the first tensor that is not finite is the network's input"
    name = first_bad_layer(step.model, inputs)
    return f"{reason}; the first tensor that is not finite is the output of layer {name}" if name else reason


def first_bad_weight(model: Any) -> str:
    """The path of the first trainable variable that is not finite, or an empty string."""
    return next((v.path for v in model.trainable_variables if not _finite(v.value)), "")


def first_bad_layer(model: Any, inputs: tf.Tensor) -> str | None:
    """The first layer, in the order of the model, whose output is not finite in training mode.

    Args:
        model: a Keras model.
        inputs: a batch of the model's inputs.

    Returns:
        The name of the layer; None if all outputs are finite, or if the model has no graph of layers.
    """
    import keras

    try:
        layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
        outputs = keras.Model(model.inputs, [layer.output for layer in layers])(inputs, training=True)
    except (AttributeError, ValueError):
        return None
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return next((layer.name for layer, out in zip(layers, outputs, strict=True) if not _finite(out)), None)


def batch_too_large(
    step: Step,
    size: int,
    images: Any,
    labels: Any,
    indices: np.ndarray,
    rates: np.ndarray,
    first: int,
    mirrored: np.ndarray,
) -> str:
    """The error message for a batch that does not fit into memory.

    It names a batch size that fits, found by halving the size until a step succeeds.

    Args:
        step: the compiled training, which is set back to batches of `size` at the end.
        size: the number of images in the batch.
        images: the images, as in `Step.train`.
        labels: the labels, as in `Step.train`.
        indices: the positions of the batches, as in `Step.train`.
        rates: the learning rates, as in `Step.train`.
        first: the number of the first step, as in `Step.train`.
        mirrored: whether each image is mirrored, as in `Step.train`.
    """
    half, replicas = size // 2, step.device.replicas
    try:
        while half >= replicas and half % replicas == 0:
            step.take_batches_of(half)
            with contextlib.suppress(tf.errors.ResourceExhaustedError):
                step.train(images, labels, indices[:1, :half], 0 * rates[:1], first, mirrored[:1, :half])
                return f"A batch of {size} images does not fit into memory; trainer.batch_size={half} does."
            half //= 2
        return f"A batch of {size} images does not fit into memory, and neither does one of {half or 1}."
    finally:
        step.take_batches_of(size)


def _finite(tensor: Any) -> bool:
    tensor = tf.convert_to_tensor(tensor)
    return not tensor.dtype.is_floating or bool(tf.reduce_all(tf.math.is_finite(tensor)))
