"""The view of a network: Grad-CAM, filters of the first convolution, and features of its last hidden layer."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from exprun.doctor.instruments.layers import Layer, leaves

MOST_FILTERS = 128  # filters that are shown
FIRST_BATCH = 8  # images of the first batch of features, whose time says how large the next one may be
BATCH = 64


def features(model: Any, inputs: Callable[[slice], Any], count: int, seconds: float, most: int = BATCH) -> np.ndarray:
    """The inputs of the last layer with weights for some images: as many as there is time for, (images, features).

    Args:
        model: a Keras model.
        inputs: returns the images at some positions as the network takes them.
        count: the number of images.
        seconds: the time after which no further batch is begun.
        most: the largest number of images in a batch.
    """
    import keras

    last = next(layer for layer in reversed(model.layers) if layer.weights)
    part = keras.Model(model.input, last.input)
    found: list[np.ndarray] = []
    started, done, size = time.perf_counter(), 0, min(FIRST_BATCH, most)
    while done < count:
        values = np.asarray(part(inputs(slice(done, min(done + size, count))), training=False), np.float32)
        found.append(values.reshape(len(values), -1))
        done += len(values)
        elapsed = time.perf_counter() - started
        size = min(most, int((seconds - elapsed) * done / max(elapsed, 1e-9)))
        if size < 1:
            break
    return np.concatenate(found)


def spatial_layer(model: Any) -> Any:
    """The last layer of a model whose output is a map of more than one pixel; None if there is none."""
    for layer in reversed(model.layers):
        try:
            shape = layer.output.shape
        except (AttributeError, ValueError):  # a layer that was called several times, or never
            continue
        is_map = len(shape) == 4 and max(shape[1] or 2, shape[2] or 2) > 1  # None: any size
        if is_map and not Layer(layer).isa("InputLayer"):
            return layer
    return None


def grad_cam(model: Any, inputs: Any, classes: np.ndarray) -> np.ndarray | None:
    """Maps of the evidence that the network sees for classes, from 0 to 1; None if no layer has a map.

    Selvaraju et al. 2017, Grad-CAM (arXiv:1610.02391), equations 1 and 2: the channels of the last map, weighted by the
    mean gradient of the logit of a class, without negative values.

    Args:
        model: a Keras model, from scaled images to logits.
        inputs: the images as the network takes them, (images, height, width, channels).
        classes: the class of each image that the map is about; several columns give several maps, (images, columns).

    Returns:
        The maps, (images, columns, map height, map width), each divided by its largest value.
    """
    import keras
    import tensorflow as tf

    layer = spatial_layer(model)
    if layer is None:
        return None
    both = keras.Model(model.input, [layer.output, model.output])
    inputs = tf.convert_to_tensor(inputs)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)  # so that everything is recorded, also if the layers before the map are frozen
        maps, logits = both(inputs, training=False)
        scores = [tf.gather(logits, column, axis=1, batch_dims=1) for column in classes.T]
    found = []
    for score in scores:
        weights = tf.reduce_mean(tf.cast(tape.gradient(score, maps), tf.float32), axis=(1, 2), keepdims=True)
        found.append(tf.nn.relu(tf.reduce_sum(weights * tf.cast(maps, tf.float32), axis=-1)).numpy())
    evidence = np.stack(found, axis=1)
    highest: np.ndarray = evidence.max(axis=(2, 3), keepdims=True)
    scaled: np.ndarray = evidence / np.maximum(highest, 1e-12)
    return scaled


def first_filters(model: Any, reverse: bool = False) -> np.ndarray | None:
    """The filters of the first convolution as images, uint8, (filters, height, width, 1 or 3); None without images.

    Each filter is divided by its largest absolute weight; grey is 0.

    Args:
        model: a Keras model.
        reverse: whether the channels of its input are blue, green, red.
    """
    for layer in leaves(model):
        kernel = getattr(layer.layer, "kernel", None)
        if kernel is None or len(kernel.shape) != 4:
            continue
        height, width, channels, _ = kernel.shape
        values = np.asarray(kernel, np.float32)
        if channels not in (1, 3) or height * width == 1 or not np.isfinite(values).all():
            return None
        values = values[:, :, ::-1] if reverse else values
        filters = np.moveaxis(values, -1, 0)[:MOST_FILTERS]
        size = np.abs(filters).max(axis=(1, 2, 3), keepdims=True)
        shades: np.ndarray = np.rint(127.5 + 127.5 * filters / np.maximum(size, 1e-12)).astype(np.uint8)
        return shades
    return None
