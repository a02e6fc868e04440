"""Build a network of keras.applications with its head, and fill it with weights that Keras saved."""

import warnings
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import keras
import numpy as np

from exprun.config.applications import pretrained
from exprun.config.errors import RunError, one_line
from exprun.config.schema import Config
from exprun.config.weights import missing_pretrained
from exprun.init import bias_initializer, kernel_initializer, part_for
from exprun.input import IMAGENET_MEAN, IMAGENET_STDDEV
from exprun.model.weights import strings

LEGACY = (".h5", ".hdf5")  # files of Keras' older format, which lists layers in order, if not `.weights.h5`


def application(config: Config, shape: tuple[int, int, int], classes: int) -> tuple[Any, Any]:
    """A network of keras.applications and the part of it before its head.

    The layers of Keras' network are layers of the network, not of a model inside it, so their names can be used in
    `model.freeze`. The group `init` initialises the head.

    Args:
        config: the config of the run; the keys of `model.application`, `init` and `seed` are used.
        shape: the height, width and channels of the network's input.
        classes: the number of classes, which is the number of logits.

    Returns:
        The network, from scaled images to logits, float32, and the Keras model from its input to the input of the head.
    """
    model = config.model
    assert model.application is not None
    pooling = None if model.pooling == "flatten" else model.pooling or "avg"
    make = getattr(keras.applications, model.application)
    backbone = make(include_top=False, weights=None, input_shape=shape, pooling=pooling)
    _scale_as_imagenet(backbone)
    if model.norm_momentum is not None:
        for layer in backbone.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = model.norm_momentum
    x = backbone.output if pooling else keras.layers.Flatten(name="flatten")(backbone.output)
    # The head of Keras' MobileNetV3 has this activation, and the heads of all other networks ReLU.
    activation = "hard_silu" if model.application.startswith("MobileNetV3") else "relu"
    return keras.Model(backbone.input, add_head(x, config, classes, activation), name=model.application), backbone


def add_head(x: Any, config: Config, classes: int, activation: str = "relu") -> Any:
    """The logits, float32, (batch, classes): dense layers after the features of a network.

    Args:
        x: the features, (batch, features).
        config: the config of the run; `model.hidden`, `head_dropout`, `init` and `seed` are used.
        classes: the number of classes.
        activation: the activation of the layers of `model.hidden`.
    """
    model = config.model
    units = [*(model.hidden or []), classes]
    for number, count in enumerate(units, start=1):
        last = number == len(units)
        if last and model.head_dropout:
            x = keras.layers.Dropout(model.head_dropout, seed=_seed(config, 0), name="head_dropout")(x)
        part = part_for(config.init, "classifier" if last else "dense")
        x = keras.layers.Dense(
            count,
            None if last else activation,
            kernel_initializer=kernel_initializer(part, _seed(config, number)),
            bias_initializer=bias_initializer(part),
            dtype="float32" if last else None,
            name="classifier" if last else f"hidden{number}",
        )(x)
    return x


def _seed(config: Config, number: int) -> int:
    """The seed of a layer of the head, derived from the run's seed."""
    return (config.seed * 100_003 + number) % 2**31


def _scale_as_imagenet(backbone: Any) -> None:
    """Let EfficientNet B0 to B7 scale pixels as Keras' ImageNet weights need it, whichever weights they have.

    Keras does so only with `weights="imagenet"`, by an additional layer. The layer that is set here is the
    `Normalization` of the same network, which otherwise leaves pixels as they are.
    """
    for layer in backbone.layers:
        if type(layer) is keras.layers.Normalization and layer.input_mean is None:
            layer.adapt_mean.assign(IMAGENET_MEAN)
            layer.adapt_variance.assign(np.square(IMAGENET_STDDEV))
            layer.finalize_state()


def download(config: Config, shape: tuple[int, int, int]) -> Path:
    """The file of Keras' ImageNet weights without head; it is downloaded unless Keras' cache has it.

    Args:
        config: the config of the run.
        shape: the height, width and channels of the network's input.

    Raises:
        RunError: the file cannot be downloaded, or is damaged.
    """
    file = pretrained(config.model, shape[:2])
    try:
        path = keras.utils.get_file(file.name, file.address, cache_subdir="models", file_hash=file.checksum)
    except Exception as error:  # get_file raises a plain Exception if the server cannot be reached
        raise RunError(missing_pretrained(file, one_line(error)[:120])) from None
    return Path(path)


def fill(backbone: Any, config: Config, path: Path) -> list[str]:
    """Fill the layers before the head with the weights of a file that Keras saved of the same network.

    Args:
        backbone: the Keras model from `application`.
        config: the config of the run.
        path: the file, whose network may have a head, which is not used.

    Returns:
        The names of the layers that were filled.

    Raises:
        RunError: the file is damaged, or is not of this network.
    """
    legacy = path.suffix.lower() in LEGACY and not path.name.lower().endswith(".weights.h5")
    try:
        if legacy:
            _fill_in_order(backbone, path)
        else:
            with warnings.catch_warnings(action="ignore"):  # Keras warns of each layer before it raises an error
                backbone.load_weights(path)  # reads no code, from an archive `.keras` either
    except Exception as error:  # a file of another network or a damaged one can raise exceptions of many classes
        raise RunError(
            f"model.weights={config.model.weights} does not hold the weights of {config.model.application}: "
            f"{one_line(error)[:120].rstrip('.')}; name a file that Keras saved of this network, or a run folder."
        ) from None
    for layer in backbone.layers:
        if type(layer) is keras.layers.Normalization and layer.input_mean is None:
            _check_scaling(layer, config)
    _scale_as_imagenet(backbone)
    return [layer.name for layer in backbone.layers if layer.weights]


def _fill_in_order(backbone: Any, path: Path) -> None:
    """Fill layers from a file in Keras' older format, whose first layers with weights are those of the backbone.

    Raises:
        ValueError: the file has fewer layers, or a layer with other weights.
    """
    with h5py.File(path, "r") as file:
        root = file.get("model_weights", file)
        saved = [(name, strings(root[name], "weight_names")) for name in strings(root, "layer_names")]
        saved = [(name, weights) for name, weights in saved if weights]
        layers = [layer for layer in backbone.layers if layer.weights]
        if len(saved) < len(layers):
            raise ValueError(f"it has {len(saved)} layers with weights, not {len(layers)}")
        pairs: list[tuple[Any, Any]] = []
        for layer, (name, weights) in zip(layers, saved, strict=False):
            arrays = [root[name][weight][()] for weight in weights]
            variables = [*layer.trainable_weights, *layer.non_trainable_weights]
            shapes = [[tuple(one.shape) for one in values] for values in (variables, arrays)]
            if shapes[0] != shapes[1]:
                raise ValueError(f"its layer {name} has {shapes[1]}, and {layer.name} {shapes[0]}")
            pairs += zip(variables, arrays, strict=True)
    for variable, array in pairs:
        variable.assign(array)


def _check_scaling(layer: Any, config: Config) -> None:
    """Refuse weights of EfficientNet B0 to B7 that were trained with another scaling inside the network."""
    mean, variance = (np.asarray(array).reshape(-1) for array in (layer.adapt_mean, layer.adapt_variance))
    # Keras' files have the deviation in place of the variance; a layer after it divides by the root once more.
    deviation = np.asarray(IMAGENET_STDDEV)
    known = any(np.allclose(variance, one, atol=1e-3) for one in (deviation, deviation**2))
    if not known or not np.allclose(mean, IMAGENET_MEAN, atol=1e-3):
        raise RunError(
            f"model.weights={config.model.weights} was trained without ImageNet's mean and deviation inside "
            f'{config.model.application}, so it does not fit: name weights that began as Keras\' weights="imagenet".'
        )
