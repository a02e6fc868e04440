"""The layer list of a model: its grammar, and the shapes of its outputs.

Each layer is a mapping in which one key names the kind of the layer (`{conv: 64, kernel: 3}`), or a single word
(`flatten`). TensorFlow is not imported here, so a wrong list is an error before it is imported.
"""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from exprun.config.errors import ConfigError, did_you_mean
from exprun.config.layer_kinds import (
    Attention,
    Block,
    Conv,
    Dense,
    Depthwise,
    Dropout,
    FixedNorm,
    Flatten,
    GlobalPool,
    Inverted,
    Layer,
    Lrn,
    OnlyActivation,
    Pool,
    Position,
    Residual,
    Separable,
    Squeeze,
    Transpose,
)
from exprun.config.network import Norm
from exprun.config.sentences import first_sentence
from exprun.config.validate import strictly

_KINDS: dict[str, type] = {
    "conv": Conv,
    "depthwise": Depthwise,
    "separable": Separable,
    "transpose": Transpose,
    "dense": Dense,
    "attention": Attention,
    "position": Position,
    "squeeze": Squeeze,
    "activation": OnlyActivation,
    "pool": Pool,
    "global_pool": GlobalPool,
    "dropout": Dropout,
    "lrn": Lrn,
    "norm": FixedNorm,
    "flatten": Flatten,
    "block": Block,
    "residual": Residual,
    "inverted": Inverted,
}
# Some kinds, such as `dropout`, are also options of other kinds: with a key of such a kind, they are options.
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
    if isinstance(parsed, Block | Residual):
        parse(getattr(parsed, main[0]), f"{place}.{main[0]}")
    return parsed


def _fields(kind: str) -> list[str]:
    return list(_KINDS[kind].__dataclass_fields__)  # type: ignore[attr-defined]


def expanded(layer: Block | Separable | Inverted, channels: int) -> list[Layer]:
    """The layers that a layer stands for; `repeat` is ignored.

    Args:
        layer: the layer.
        channels: the number of channels of its input.
    """
    if isinstance(layer, Block):
        return parse(layer.block)
    if isinstance(layer, Separable):
        window = {key: getattr(layer, key) for key in ("kernel", "stride", "padding", "dilation", "l2", "rate")}
        own = {key: getattr(layer, key) for key in ("norm", "activation", "bias", "l2", "rate", "dropout")}
        depthwise = Depthwise(depthwise=1, norm="none", activation="none", bias=False, **window)
        return [depthwise, Conv(conv=layer.separable, kernel=1, **own)]
    activation = {} if layer.activation is None else {"activation": layer.activation}
    inner: list[str | dict[str, Any]] = []
    if layer.expansion > 1:
        inner.append({"conv": layer.expansion * channels, "kernel": 1, **activation})
    inner.append({"depthwise": 1, "kernel": layer.kernel, "stride": layer.stride, **activation})
    if layer.squeeze is not None:
        inner.append({"squeeze": layer.squeeze, **activation})
    inner.append({"conv": layer.inverted, "kernel": 1, "activation": "none"})
    if layer.stride == 1 and layer.inverted == channels:
        return [Residual(residual=inner, activation="none", drop=layer.drop)]
    return parse(inner)


def squeezed(layer: Squeeze, channels: int) -> int:
    """The number of units between squeeze and excitation."""
    return max(1, channels // layer.squeeze)


def residual_blocks(layers: list[Layer], shape: Shape) -> int:
    """The number of residual blocks in the layers, for the shape of an input as in `output_shape`."""
    count = 0
    for layer in layers:
        for _ in range(getattr(layer, "repeat", 1)):
            if isinstance(layer, Block | Separable | Inverted):
                count += residual_blocks(expanded(layer, shape[-1]), shape)
            elif isinstance(layer, Residual):
                count += 1 + residual_blocks(parse(layer.residual), shape)
            shape = shape_after(layer, shape)
    return count


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
    if not spatial and not isinstance(layer, Block | Dense | Dropout | FixedNorm | OnlyActivation | Flatten):
        raise ConfigError(f"{place} needs an image, but comes after flatten or global_pool; move it before them.")
    match layer:
        case Conv():
            if shape[2] % layer.groups or layer.conv % layer.groups:
                raise ConfigError(
                    f"{place}: groups: {layer.groups} must divide the {shape[2]} channels of its input "
                    f"and its {layer.conv} filters."
                )
            shape = (*_window(layer, shape, place), layer.conv)
            return (*_spatial(shape, layer.pool, layer.pool, "valid", place), layer.conv)
        case Depthwise():
            return (*_window(layer, shape, place), shape[2] * layer.depthwise)
        case Transpose():
            more = max(layer.kernel - layer.stride, 0) if layer.padding == "valid" else 0
            return (shape[0] * layer.stride + more, shape[1] * layer.stride + more, layer.transpose)
        case Attention():
            if shape[2] % layer.attention:
                raise ConfigError(
                    f"{place}: attention: {layer.attention} heads must divide the {shape[2]} channels of its input."
                )
        case Block():
            return output_shape(parse(layer.block), shape, f"{place}.block")
        case Separable() | Inverted():
            return output_shape(expanded(layer, shape[2]), shape, place)
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
                    "same; use shortcut: projection, conv or pad."
                )
            if layer.shortcut == "pad" and after[2] < shape[2]:
                raise ConfigError(
                    f"{place} turns {shape[2]} channels into {after[2]}, but shortcut: pad cannot remove channels; "
                    "use shortcut: projection or conv."
                )
            return after
    return shape


def _window(layer: Conv | Depthwise, shape: Shape, place: str) -> tuple[int, int]:
    """Height and width of the output of a convolution, before its pooling."""
    if layer.stride > 1 and layer.dilation > 1:
        raise ConfigError(f"{place} has stride: {layer.stride} and dilation: {layer.dilation}; one of them must be 1.")
    reach = (layer.kernel - 1) * layer.dilation + 1
    return _spatial(shape, reach, layer.stride, layer.padding, place)


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


def fixed_norm(layer: FixedNorm, of_group: Norm) -> Norm:
    """The settings of a normalisation layer of the list, in the form of the group `norm`.

    Args:
        layer: the layer.
        of_group: the group `norm` of the config.
    """
    if layer.norm is True:
        return of_group
    return Norm(
        name=layer.norm,
        where=["conv", "dense"],
        axis=layer.axis if layer.norm == "layer" else None,
        momentum=layer.momentum if layer.norm == "batch" else None,
        epsilon=layer.epsilon,
        groups=layer.groups if layer.norm == "group" else None,
    )
