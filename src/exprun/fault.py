"""The fault room: bugs from real life, put in on purpose. What looks for bugs never reads this.

Each bug stands where its author's mistake would: in the labels, the preprocessing, the network or the loss.
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
    """The config as the bug makes it."""
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
    """A layer of a model's list without its own activation, and without those of the layers in it."""
    if not isinstance(layer, dict):
        return layer
    inner = {"residual": [_linear(part) for part in layer["residual"]]} if "residual" in layer else {}
    return {key: value for key, value in (layer | inner).items() if key != "activation"}


def injected_dataset(config: Config, dataset: Dataset) -> Dataset:
    """The images as the bug hands them over: `shuffled_labels` draws with `data.split_seed`."""
    if config.fault.name != "shuffled_labels":
        return dataset
    train = dataset.train
    labels = train.labels.copy()
    labels[train.rows] = np.random.default_rng([config.data.split_seed, 1]).permutation(labels[train.rows])
    return replace(dataset, train=replace(train, labels=labels))


def injected_evaluation(config: Config, scaling: "Scaling") -> "Scaling":
    """The scaling of validation and test images: `unscaled_eval` forgets it."""
    if config.fault.name != "unscaled_eval":
        return scaling
    one = np.ones_like(scaling.scale)
    return replace(scaling, scale=one, offset=one * 0, per_image=False, reverse=False)


def inject(config: Config, model: Any, scaling: "Scaling") -> Any:
    """The network as the bug makes it.

    Args:
        config: of the run, as its author meant it.
        model: a Keras model of logits.
        scaling: of the pixels, as its author meant it.

    Returns:
        The same model, or another around its layers.

    Raises:
        RunError: nothing is left to learn.
    """
    import keras

    match config.fault.name:
        case "bypass_preprocessing":
            pixels = model.inputs[0]
            scaling.on_graph(_augmented(config.augment, pixels))  # the result goes nowhere
        case "softmax_twice":
            softmax = keras.layers.Softmax(name="softmax", dtype="float32")
            return keras.Model(model.inputs[0], softmax(model.outputs[0]), name=model.name)
        case "frozen_layers":
            weighted = [layer for layer in model.layers if layer.weights]
            for layer in weighted[:-1]:
                layer.trainable = False
            if not model.trainable_variables:
                raise RunError("fault=frozen_layers and model.freeze together leave nothing to learn.")
    return model


def _augmented(augment: Augment, pixels: Any) -> Any:
    """Keras' own layers for what is set, called on a graph."""
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
    """The loss of each image, of logits (batch, classes) and class numbers (batch,)."""
    import tensorflow as tf

    def cross_entropy(logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)

    def squared_error(logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean((logits - tf.cast(targets, tf.float32)[:, None]) ** 2, axis=1)

    return squared_error if config.fault.name == "wrong_loss" else cross_entropy
