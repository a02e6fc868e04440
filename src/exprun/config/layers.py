"""The layer list of a model: its grammar, and the shapes of its outputs.

Each layer is a mapping in which one key names the kind of the layer (`{conv: 64, kernel: 3}`), or a single word
(`flatten`). TensorFlow is not imported here, so a wrong list is an error before it is imported.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from exprun.config.errors import ConfigError, did_you_mean
from exprun.config.fields import STRICT
from exprun.config.network import Activation, Norm
from exprun.config.sentences import first_sentence
from exprun.config.validate import strictly

Repeat = Annotated[int, Field(ge=1, le=1000)]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[int, Field(ge=1, le=65536)]
KernelAndBias = Annotated[list[Annotated[float, Field(ge=0.0, le=1e3)]], Field(min_length=2, max_length=2)]


@dataclass(config=STRICT, kw_only=True)
class _WithWeights:
    """The options that convolutions and dense layers have in common.

    `norm: none` leaves out the normalisation of the group `norm`. `rate` lists two learning-rate multipliers, of the
    kernel and of the bias. `l2` is the factor of a penalty on the kernel.
    """

    norm: Literal["none"] | None = None
    activation: Activation | None = None
    l2: Annotated[float, Field(ge=0.0)] = 0.0
    rate: KernelAndBias | None = None
    dropout: Fraction = 0.0
    repeat: Repeat = 1


@dataclass(config=STRICT)
class Conv(_WithWeights):
    """A 2-D convolution; `pool` is the size in pixels of a max pooling before the normalisation and the activation."""

    conv: Positive
    kernel: Positive = 3
    stride: Positive = 1
    padding: Literal["same", "valid"] = "same"
    groups: Positive = 1
    pool: Positive = 1


@dataclass(config=STRICT)
class Dense(_WithWeights):
    """A fully connected layer."""

    dense: Positive


@dataclass(config=STRICT)
class Pool:
    """Max or average pooling; the default of the stride is the size."""

    pool: Literal["max", "avg"]
    size: Positive = 2
    stride: Positive | None = None
    padding: Literal["same", "valid"] = "valid"


@dataclass(config=STRICT)
class GlobalPool:
    """The maximum or mean over height and width."""

    global_pool: Literal["max", "avg"]


@dataclass(config=STRICT)
class Dropout:
    """Dropout; `dropout` is the dropout rate."""

    dropout: Fraction


@dataclass(config=STRICT)
class Lrn:
    """Local response normalisation over `lrn` neighbouring channels on each side (Krizhevsky et al. 2012)."""

    lrn: Positive
    bias: Annotated[float, Field(gt=0.0)] = 2.0
    alpha: Annotated[float, Field(ge=0.0)] = 1e-4
    beta: Annotated[float, Field(ge=0.0)] = 0.75


@dataclass(config=STRICT)
class FixedNorm:
    """A normalisation layer that belongs to the model and does not depend on the group `norm`."""

    norm: Literal["batch", "layer", "group", "instance"]
    momentum: Fraction = 0.9
    epsilon: Annotated[float, Field(gt=0.0)] = 1e-5
    groups: Positive = 32


@dataclass(config=STRICT)
class Flatten:
    """A layer that turns height, width and channels into a single axis of features."""

    flatten: Literal[True]


@dataclass(config=STRICT)
class Residual:
    """A residual block: layers whose output is added to their input, followed by the activation.

    `shortcut` is `identity`; `projection`, a 1×1 convolution with norm (He et al. 2016, option B); or `pad`, a stride
    and added channels of zeros, without parameters (option A).
    """

    residual: list[str | dict[str, Any]]
    shortcut: Literal["identity", "projection", "pad"] = "identity"
    activation: Activation | None = None
    repeat: Repeat = 1


Layer = Conv | Dense | Pool | GlobalPool | Dropout | Lrn | FixedNorm | Flatten | Residual
_KINDS: dict[str, type] = {
    "conv": Conv,
    "dense": Dense,
    "pool": Pool,
    "global_pool": GlobalPool,
    "dropout": Dropout,
    "lrn": Lrn,
    "norm": FixedNorm,
    "flatten": Flatten,
    "residual": Residual,
}
# `dropout`, `pool` and `norm` are kinds, but also options of other kinds: with a key of such a kind, they are options.
_ADAPTERS: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(kind) for name, kind in _KINDS.items()}
Shape = tuple[int, ...]


def parse(layers: list[str | dict[str, Any]], place: str = "model.layers") -> list[Layer]:
    """Parse a layer list into typed layers; layers with `repeat` are not repeated here.

    Args:
        layers: the layer list of the config.
        place: the key of the list, for error messages.

    Raises:
        ConfigError: a layer is wrong; the message names its position and the valid keys or values.
    """
    return [_parse_one(layer, f"{place}[{index}]") for index, layer in enumerate(layers)]


def _parse_one(layer: str | dict[str, Any], place: str) -> Layer:
    body: dict[str, Any] = {layer: True} if isinstance(layer, str) else layer
    kinds = [key for key in body if key in _KINDS]
    main = [key for key in kinds if not any(key != kind and key in _fields(kind) for kind in kinds)]
    if len(main) != 1:
        names = ", ".join(str(key) for key in body)
        if not main:
            raise ConfigError(
                f"{place} has no known kind in ({names}); {did_you_mean(next(iter(map(str, body)), ''), _KINDS)}"
            )
        raise ConfigError(f"{place} names several kinds ({', '.join(main)}); one layer has one kind.")
    try:
        parsed: Layer = strictly(_ADAPTERS[main[0]], body)
    except ValidationError as error:
        raise ConfigError(first_sentence(error, place, _fields(main[0]))) from None
    if isinstance(parsed, Residual):
        parse(parsed.residual, f"{place}.residual")
    return parsed


def _fields(kind: str) -> list[str]:
    return list(_KINDS[kind].__dataclass_fields__)  # type: ignore[attr-defined]


def output_shape(layers: list[Layer], shape: Shape, place: str = "model.layers") -> Shape:
    """The shape of the layers' output for the shape of an input, both without the batch axis.

    Args:
        layers: the parsed layers.
        shape: the shape of the input: (height, width, channels), or (features,) after `flatten` and `global_pool`.
        place: the key of the list, for error messages.

    Raises:
        TooSmall: an image is too small for a layer.
        ConfigError: a layer cannot follow the layer before it.
    """
    for index, layer in enumerate(layers):
        for _ in range(getattr(layer, "repeat", 1)):
            shape = shape_after(layer, shape, f"{place}[{index}]")
    return shape


class TooSmall(ConfigError):
    """The image is too small for the convolutions and pools of the model."""


def shape_after(layer: Layer, shape: Shape, place: str = "model.layers") -> Shape:
    """The shape of the output of one layer, as `output_shape` describes; `repeat` is ignored."""
    spatial = len(shape) == 3
    if not spatial and not isinstance(layer, Dense | Dropout | FixedNorm | Flatten):
        raise ConfigError(f"{place} needs an image, but comes after flatten or global_pool; move it before them.")
    match layer:
        case Conv():
            if shape[2] % layer.groups or layer.conv % layer.groups:
                raise ConfigError(
                    f"{place}: groups: {layer.groups} must divide the {shape[2]} channels of its input "
                    f"and its {layer.conv} filters."
                )
            shape = (*_spatial(shape, layer.kernel, layer.stride, layer.padding, place), layer.conv)
            return (*_spatial(shape, layer.pool, layer.pool, "valid", place), layer.conv)
        case Pool():
            return (*_spatial(shape, layer.size, layer.stride or layer.size, layer.padding, place), shape[2])
        case GlobalPool():
            return (shape[2],)
        case Flatten():
            size = 1
            for axis in shape:
                size *= axis
            return (size,)
        case Dense():
            if spatial:
                raise ConfigError(f"{place} is dense, but comes before flatten or global_pool; move it after them.")
            return (layer.dense,)
        case Residual():
            after = output_shape(parse(layer.residual), shape, f"{place}.residual")
            if len(after) != 3:
                raise ConfigError(f"{place} must return an image: put flatten and global_pool after it, not in it.")
            stride = -(-shape[0] // after[0])
            if any(-(-before // stride) != now for before, now in zip(shape[:2], after[:2], strict=True)):
                raise ConfigError(
                    f"{place} turns {_text(shape)} into {_text(after)}, which no stride of its shortcut can match; "
                    "use padding: same in it."
                )
            if layer.shortcut == "identity" and after != shape:
                raise ConfigError(
                    f"{place} turns {_text(shape)} into {_text(after)}, but with shortcut: identity they must be the "
                    "same; use shortcut: projection or pad."
                )
            if layer.shortcut == "pad" and after[2] < shape[2]:
                raise ConfigError(
                    f"{place} turns {shape[2]} channels into {after[2]}, but shortcut: pad cannot remove channels; "
                    "use shortcut: projection."
                )
            return after
    return shape


def _spatial(shape: Shape, kernel: int, stride: int, padding: str, place: str) -> tuple[int, int]:
    """Height and width of the output of a convolution or pooling, whose window is `kernel` × `kernel` pixels."""
    after = [(n - kernel) // stride + 1 if padding == "valid" else -(-n // stride) for n in shape[:2]]
    if min(after) < 1:
        raise TooSmall(
            f"{place} has an input of {shape[0]}×{shape[1]} pixels, smaller than its window of {kernel}×{kernel}."
        )
    return after[0], after[1]


def _text(shape: Shape) -> str:
    return "×".join(str(axis) for axis in shape)


def smallest_image(layers: list[Layer], channels: int, limit: int = 1024) -> int | None:
    """The side of the smallest square image that the layers accept, in pixels; None if it is larger than `limit`."""
    for size in range(1, limit + 1):
        try:
            output_shape(layers, (size, size, channels))
        except TooSmall:
            continue
        return size
    return None


def fixed_norm(layer: FixedNorm) -> Norm:
    """The settings of a fixed normalisation layer, in the form of the group `norm`."""
    momentum = layer.momentum if layer.norm == "batch" else None
    groups = layer.groups if layer.norm == "group" else None
    return Norm(name=layer.norm, where=["conv", "dense"], momentum=momentum, epsilon=layer.epsilon, groups=groups)
