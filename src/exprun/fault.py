"""Faults that are injected on purpose, modelled on bugs of real programs; the doctor does not know which one is on.

Each fault is injected where a person would make the mistake: in the labels, the preprocessing, the network or the loss.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from exprun.config.errors import RunError
from exprun.config.images import Augment, Input
from exprun.config.schema import Config
from exprun.data import Dataset

if TYPE_CHECKING:
    import tensorflow as tf

    from exprun.input import Scaling


def injected(config: Config) -> Config:
    """The config after the fault is injected."""
    match config.fault.name:
        case "bypass_preprocessing":
            return replace(config, augment=Augment(name="none"), input=Input(name="raw"))
        case "missing_activation":
            layers = [_linear(layer) for layer in config.model.layers or []]
            return replace(config, model=replace(config.model, activation="none", layers=layers))
    return config


def adds_layers(config: Config) -> bool:
    """Whether the fault adds layers to the network that depend on the groups `input` and `augment`."""
    return config.fault.name == "bypass_preprocessing"


def _linear(layer: Any) -> Any:
    """A layer of the model's list without its `activation`; inside a block, all layers are changed so."""
    if not isinstance(layer, dict):
        return layer
    if set(layer) == {"activation"}:
        return {"activation": "none"}
    inner = {key: [_linear(part) for part in layer[key]] for key in ("block", "residual") if key in layer}
    return {key: value for key, value in (layer | inner).items() if key != "activation"}


def injected_dataset(config: Config, dataset: Dataset) -> Dataset:
    """The data set after the fault is injected; `shuffled_labels` shuffles with the seed `data.split_seed`."""
    if config.fault.name != "shuffled_labels":
        return dataset
    train = dataset.train
    shuffled = train.rows[np.random.default_rng([config.data.split_seed, 1]).permutation(len(train.rows))]
    labels, shares = train.labels.copy(), None if train.shares is None else train.shares.copy()
    for values in (labels, shares):
        if values is not None:
            values[train.rows] = values[shuffled]
    return replace(dataset, train=replace(train, labels=labels, shares=shares))


def injected_evaluation(config: Config, scaling: "Scaling") -> "Scaling":
    """The scaling of validation and test images after the fault is injected; `unscaled_eval` removes it."""
    if config.fault.name != "unscaled_eval":
        return scaling
    one = np.ones_like(scaling.scale)
    return replace(scaling, scale=one, offset=one * 0, per_image=False, reverse=False)


def inject(config: Config, model: Any, scaling: "Scaling") -> Any:
    """The network after the fault is injected.

    Args:
        config: the config of the run, before the fault is injected.
        model: the Keras model, whose outputs are logits.
        scaling: the scaling of the pixels, before the fault is injected.

    Returns:
        The same model, or another model with the same layers.

    Raises:
        RunError: no weights are left to train.
    """
    import keras

    match config.fault.name:
        case "bypass_preprocessing":
            pixels = model.inputs[0]
            scaling.on_graph(_augmented(config.augment, pixels))  # the fault: the result is not used
        case "softmax_twice":
            softmax = keras.layers.Softmax(name="softmax", dtype="float32")
            return keras.Model(model.inputs[0], softmax(model.outputs[0]), name=model.name)
        case "frozen_layers":
            weighted = [layer for layer in model.layers if layer.weights]
            for layer in weighted[:-1]:
                layer.trainable = False
            if not model.trainable_variables:
                raise RunError("fault=frozen_layers and model.freeze together leave no weights to train.")
    return model


def _augmented(augment: Augment, pixels: Any) -> Any:
    """The augmentation of a config, as Keras layers called on a Keras tensor of pixels."""
    from keras import layers

    wanted: dict[Any, dict[str, Any]] = {
        layers.RandomFlip: {"mode": "horizontal"} if augment.flip else {},
        layers.RandomRotation: {"factor": augment.rotation / 360},
        layers.RandomZoom: {"height_factor": augment.zoom},
        layers.RandomContrast: {"factor": augment.contrast},
        layers.RandomBrightness: {"factor": augment.brightness},
        layers.RandomTranslation: {"height_factor": augment.translation, "width_factor": augment.translation},
    }
    for kind, settings in wanted.items():
        if any(settings.values()):
            pixels = kind(**settings)(pixels)
    if augment.stretch:
        for height, width in ((augment.stretch, 0.0), (0.0, augment.stretch)):
            pixels = layers.RandomZoom(height_factor=height, width_factor=width)(pixels)
    return pixels


def losses_of(config: Config) -> "Callable[[tf.Tensor, tf.Tensor], tf.Tensor]":
    """The loss function, after the fault is injected.

    It computes the loss of each image, (batch,), from logits, (batch, classes), and class numbers, (batch,).
    """
    import tensorflow as tf

    def cross_entropy(logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)

    def squared_error(logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean((logits - tf.cast(targets, tf.float32)[:, None]) ** 2, axis=1)

    return squared_error if config.fault.name == "wrong_loss" else cross_entropy
