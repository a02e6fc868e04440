"""Checks of the network's settings: which go together, and which images they fit."""

import re

from exprun.config.applications import APPLICATIONS, IMAGENET
from exprun.config.errors import ConfigError, did_you_mean
from exprun.config.hub import PRESET
from exprun.config.layer_kinds import Block, Conv, Inverted, Layer, Residual
from exprun.config.layers import TooSmall, output_shape, parse, smallest_image
from exprun.config.network import APPLICATION, HUB, Model
from exprun.config.schema import Config
from exprun.config.sizes import check_smaller


def check_shape(config: Config, size: tuple[int, int], channels: int | None) -> None:
    """Refuse a layer list or an application that does not fit the images, or their crop.

    Args:
        config: the config of a run.
        size: the height and width of the images.
        channels: the number of channels of the images, or None if it is not known.

    Raises:
        ConfigError: the images are too small, or a layer cannot follow the layer before it.
    """
    if config.model.application is not None:
        _check_application_shape(config, network_input(config, size), channels)
    if config.model.layers is None:
        return
    layers, size = parse(config.model.layers), network_input(config, size)
    try:
        shape = output_shape(layers, (*size, channels or 3))
    except TooSmall:
        needed = smallest_image(layers, channels or 3)
        key, usual = ("data.size", 32) if config.input.crop is None else ("input.crop", 0)
        more = f"at least {needed}×{needed}" if needed else "larger ones"
        raise ConfigError(
            f"model={config.model.name} is too deep for images of {size[0]}×{size[1]} pixels: its pools and "
            f"convolutions need {more}, for example {key}={max(needed or 0, usual)}."
        ) from None
    first = layers[0] if layers else None
    if channels is not None and config.init.first is not None and config.init.first.name == "whiten":
        needed = 2 * first.kernel**2 * channels if isinstance(first, Conv) else 0
        stem = (first.conv, first.groups, first.dilation, first.repeat) if isinstance(first, Conv) else None
        if stem != (needed, 1, 1, 1):
            raise ConfigError(
                "init.first=whiten needs a first layer with 2 · kernel · kernel · channels filters, two for each "
                f"principal component of a patch: {{conv: {8 * channels}, kernel: 2}}."
            )
    if len(shape) != 1:
        raise ConfigError("model.layers must end in a vector of features: add flatten or {global_pool: avg}.")
    for fraction in config.schedule.sizes or ():
        check_smaller(config, (*size, channels or 3), fraction)


def _check_application_shape(config: Config, size: tuple[int, int], channels: int | None) -> None:
    """Refuse images that are too small for a network of keras.applications, or grey."""
    name = str(config.model.application)
    smallest = APPLICATIONS[name].smallest
    needs, has, remedies = [], [], []
    if min(size) < smallest:
        needs.append(f"at least {smallest}×{smallest} pixels")
        has.append(f"{size[0]}×{size[1]} pixels")
        remedies.append(f"{'data.size' if config.input.crop is None else 'input.crop'}={smallest}")
    if channels == 1:
        needs.append("three channels")
        has.append("one channel")
        remedies.append("data.channels=3")
    if needs:
        raise ConfigError(
            f"model.application={name} needs images of {' and '.join(needs)}, not of {' and '.join(has)}: set "
            f"{' '.join(remedies)}."
        )


def network_input(config: Config, size: tuple[int, int]) -> tuple[int, int]:
    """The height and width of the network's input: those of the crop, or of the images if they are not cropped.

    Args:
        config: the config of a run.
        size: the height and width of the images.
    """
    crop = config.input.crop
    return (crop, crop) if crop is not None and config.fault.name != "bypass_preprocessing" else size


def check_model(config: Config, overridden: set[str]) -> None:
    """Refuse settings of the network that do not fit each other, or the size of the images if it is known.

    Args:
        config: the config of a run.
        overridden: the keys and groups that a person has set.

    Raises:
        ConfigError: the settings do not fit; the message is one sentence.
    """
    model = config.model
    if model.teacher is not None and config.loss.name != "distillation":
        raise ConfigError(f"loss={config.loss.name} does not use model.teacher; it belongs to loss=distillation.")
    if model.teacher is None and config.loss.name == "distillation":
        raise ConfigError("loss=distillation needs model.teacher=…, the folder of a trained run.")
    ways = {key: getattr(model, key) for key in ("layers", "builder", "application", "preset")}
    given = [f"model.{key}" for key, value in ways.items() if value is not None]
    if not given:
        if model.name == APPLICATION:
            raise ConfigError(
                "model=application needs model.application=…, a network of keras.applications such as EfficientNetV2B0."
            )
        if model.name == HUB:
            raise ConfigError("model=hub needs model.preset=…, the folder or the name of a preset of KerasHub.")
        raise ConfigError("model=python needs model.builder=package.module:function.")
    if len(given) > 1:
        raise ConfigError(
            f"{given[0]} and {given[1]} exclude each other; model=python takes a builder, model=application a network "
            "of keras.applications, and model=hub a preset."
        )
    _check_application(model, overridden)
    layers = parse(model.layers or [])
    if model.stochastic_depth and not _has_blocks(layers):
        raise ConfigError(
            f"model.stochastic_depth={model.stochastic_depth} leaves out residual blocks, and model={model.name} has "
            "none in model.layers; leave it out, or choose another model, such as model=resnet20."
        )
    if model.builder is not None:
        if (
            not all(part.isidentifier() for part in model.builder.replace(":", ".", 1).split("."))
            or ":" not in model.builder
        ):
            raise ConfigError(f"model.builder is '{model.builder}', but must be written package.module:function.")
        unused = sorted(key for key in overridden if key.split(".")[0] in ("init", "norm"))
        if unused:
            raise ConfigError(
                f"model=python does not use {unused[0]}: a model from a builder has its own init and norm."
            )
        return
    if config.data.size is not None:
        check_shape(config, (config.data.size, config.data.size), config.data.channels)


def _has_blocks(layers: list[Layer]) -> bool:
    """Whether a layer list has residual blocks."""
    return any(
        isinstance(layer, Residual | Inverted) or (isinstance(layer, Block) and _has_blocks(parse(layer.block)))
        for layer in layers
    )


def _check_application(model: Model, overridden: set[str]) -> None:
    """Check the settings of a network of keras.applications or KerasHub, and refuse them for other networks."""
    name, preset = model.application, model.preset
    if name is None and preset is None:
        for key in ("pooling", "hidden", "head_dropout"):
            if getattr(model, key):
                raise ConfigError(
                    f"model={model.name} does not use model.{key}; it belongs to model=application and model=hub."
                )
    if name is None and model.norm_momentum is not None:
        raise ConfigError(f"model={model.name} does not use model.norm_momentum; it belongs to model=application.")
    if name is None and model.weights == IMAGENET:
        raise ConfigError(
            f"model={model.name} has no ImageNet weights: choose model=application model.application=VGG16 or "
            "another network of keras.applications, or name a file or a run."
        )
    if preset is None and model.weights == PRESET:
        raise ConfigError("model.weights=preset belongs to model=hub; name a file or a run.")
    if name is None and preset is None:
        return
    if name is not None and name not in APPLICATIONS:
        raise ConfigError(f"model.application={name} is not known; {did_you_mean(name, APPLICATIONS)}")
    inner = tuple(f"init.{part}" for part in ("first", "conv"))
    unused = [
        key for key in sorted(overridden) if key.split(".")[0] == "norm" or key.startswith(("model.activation", *inner))
    ]
    if unused:
        raise ConfigError(
            f"model.{'application' if name else 'preset'}={name or preset} does not use {unused[0]}: it has its own "
            "layers, and init initialises only its head, the layers of model.hidden and the classifier."
        )
    if name is None:
        return
    count = APPLICATIONS[name].stages
    for pattern in model.frozen:
        found = re.fullmatch(r"stage(\d+)(?:-(\d+))?", pattern)
        if found and not all(1 <= int(number) <= count for number in found.groups() if number):
            raise ConfigError(f"model.freeze={pattern}, but {name} has the stages 1 to {count}: write stage1-{count}.")
