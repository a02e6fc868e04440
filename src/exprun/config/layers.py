"""The layer list of a model: its grammar, and the shapes it makes.

Each layer is a mapping whose kind is its one key of `KINDS` (`{conv: 64, kernel: 3}`), or a bare word
(`flatten`). Nothing here imports TensorFlow, so a wrong list is an error before it does.
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

    `norm: none` leaves out the normalisation of the group `norm`; `rate` multiplies the learning rate of the kernel and
    of the bias; `l2` is the factor of a penalty on the kernel.
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
    """Max or average pooling; the stride is the size unless given."""

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
    """Dropout with this rate."""

    dropout: Fraction


@dataclass(config=STRICT)
class Lrn:
    """Local response normalisation over `lrn` channels to each side (Krizhevsky et al. 2012)."""

    lrn: Positive
    bias: Annotated[float, Field(gt=0.0)] = 2.0
    alpha: Annotated[float, Field(ge=0.0)] = 1e-4
    beta: Annotated[float, Field(ge=0.0)] = 0.75


@dataclass(config=STRICT)
class FixedNorm:
    """A normalisation layer that belongs to the model and stays whatever `norm` says."""

    norm: Literal["batch", "layer", "group", "instance"]
    momentum: Fraction = 0.9
    epsilon: Annotated[float, Field(gt=0.0)] = 1e-5
    groups: Positive = 32


@dataclass(config=STRICT)
class Flatten:
    """Height, width and channels in one axis."""

    flatten: Literal[True]


@dataclass(config=STRICT)
class Residual:
    """Layers whose output is added to their input, then the activation.

    `shortcut`: `identity`; `projection`, a 1×1 convolution with norm (He et al. 2016, option B); or `pad`,
    a stride and zero channels without parameters (option A).
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
# What a kind has as an option (`dropout`, `pool`, `norm`) is a layer of its own only where that kind is not named.
_ADAPTERS: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(kind) for name, kind in _KINDS.items()}
Shape = tuple[int, ...]


def parse(layers: list[str | dict[str, Any]], place: str = "model.layers") -> list[Layer]:
    """The typed layers of a list; `repeat` is left for the builder.

    Raises:
        ConfigError: names the place, what is wrong there, and what is known.
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
        found: Layer = strictly(_ADAPTERS[main[0]], body)
    except ValidationError as error:
        raise ConfigError(first_sentence(error, place, _fields(main[0]))) from None
    if isinstance(found, Residual):
        parse(found.residual, f"{place}.residual")
    return found


def _fields(kind: str) -> list[str]:
    return list(_KINDS[kind].__dataclass_fields__)  # type: ignore[attr-defined]


def output_shape(layers: list[Layer], shape: Shape, place: str = "model.layers") -> Shape:
    """The shape that the layers make of an input, both without the batch axis.

    Args:
        layers: parsed layers.
        shape: (height, width, channels), or (features,) after `flatten` and `global_pool`.
        place: where the layers stand, for messages.

    Raises:
        TooSmall: an image shrinks below one pixel.
        ConfigError: a layer cannot follow the one before it.
    """
    for index, layer in enumerate(layers):
        here = f"{place}[{index}]"
        for _ in range(getattr(layer, "repeat", 1)):
            shape = _shape_after(layer, shape, here)
    return shape


class TooSmall(ConfigError):
    """The image is too small for the convolutions and pools of the model."""


def _shape_after(layer: Layer, shape: Shape, place: str) -> Shape:
    spatial = len(shape) == 3
    if not spatial and not isinstance(layer, Dense | Dropout | FixedNorm | Flatten):
        raise ConfigError(f"{place} needs an image, but stands after flatten or global_pool.")
    match layer:
        case Conv():
            if shape[2] % layer.groups or layer.conv % layer.groups:
                raise ConfigError(
                    f"{place}: groups: {layer.groups} must divide the {shape[2]} channels it sees "
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
                raise ConfigError(f"{place} is dense, but stands before flatten or global_pool.")
            return (layer.dense,)
        case Residual():
            after = output_shape(parse(layer.residual), shape, f"{place}.residual")
            if len(after) != 3:
                raise ConfigError(f"{place} must yield an image: flatten and global_pool stand after it, not in it.")
            stride = -(-shape[0] // after[0])
            if any(-(-before // stride) != now for before, now in zip(shape[:2], after[:2], strict=True)):
                raise ConfigError(
                    f"{place} makes {_text(after)} of {_text(shape)}, which no stride of its shortcut can follow; "
                    "use padding: same in it."
                )
            if layer.shortcut == "identity" and after != shape:
                raise ConfigError(
                    f"{place} makes {_text(after)} of {_text(shape)}: with shortcut: identity they must agree; "
                    "use shortcut: projection or pad."
                )
            if layer.shortcut == "pad" and after[2] < shape[2]:
                raise ConfigError(
                    f"{place} has fewer channels after it than before: shortcut: pad cannot remove channels."
                )
            return after
    return shape


def _spatial(shape: Shape, kernel: int, stride: int, padding: str, place: str) -> tuple[int, int]:
    """Height and width after a window that slides over them."""
    after = [(n - kernel) // stride + 1 if padding == "valid" else -(-n // stride) for n in shape[:2]]
    if min(after) < 1:
        raise TooSmall(
            f"{place} sees an image of {shape[0]}×{shape[1]} pixels, smaller than its window of {kernel}×{kernel}."
        )
    return after[0], after[1]


def _text(shape: Shape) -> str:
    return "×".join(str(axis) for axis in shape)


def smallest_image(layers: list[Layer], channels: int, limit: int = 1024) -> int | None:
    """The smallest square image, in pixels, that the layers accept; None where none up to `limit` is."""
    for size in range(1, limit + 1):
        try:
            output_shape(layers, (size, size, channels))
        except TooSmall:
            continue
        return size
    return None


def fixed_norm(layer: FixedNorm) -> Norm:
    """The same as a `norm` group of its own."""
    momentum = layer.momentum if layer.norm == "batch" else None
    groups = layer.groups if layer.norm == "group" else None
    return Norm(name=layer.norm, where=["conv", "dense"], momentum=momentum, epsilon=layer.epsilon, groups=groups)
