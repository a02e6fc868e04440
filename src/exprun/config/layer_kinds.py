"""The kinds of layers in the layer list of a model, with their options."""

from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from exprun.config.fields import STRICT
from exprun.config.network import Activation, NormAxis

Repeat = Annotated[int, Field(ge=1, le=1000)]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[int, Field(ge=1, le=65536)]
KernelAndBias = Annotated[list[Annotated[float, Field(ge=0.0, le=1e3)]], Field(min_length=2, max_length=2)]


@dataclass(config=STRICT, kw_only=True)
class _Trained:
    """The options that all layers with kernels have in common.

    `rate` lists two learning-rate multipliers, of the kernel and of the bias. `l2` is the factor of a penalty on the
    kernel.
    """

    l2: Annotated[float, Field(ge=0.0)] = 0.0
    rate: KernelAndBias | None = None
    dropout: Fraction = 0.0
    repeat: Repeat = 1


@dataclass(config=STRICT, kw_only=True)
class _WithWeights(_Trained):
    """The options that convolutions and dense layers have in common.

    `norm: none` leaves out the normalisation of the group `norm`. `bias: false` leaves out the bias, which a layer has
    unless a normalisation follows.
    """

    norm: Literal["none"] | None = None
    activation: Activation | None = None
    bias: bool = True


@dataclass(config=STRICT, kw_only=True)
class _Window:
    """The window of a convolution; `dilation` is the distance in pixels between the pixels that it sees."""

    kernel: Positive = 3
    stride: Positive = 1
    padding: Literal["same", "valid"] = "same"
    dilation: Positive = 1


@dataclass(config=STRICT)
class Conv(_WithWeights, _Window):
    """A 2-D convolution; `pool` is the size in pixels of a max pooling before the normalisation and the activation."""

    conv: Positive
    groups: Positive = 1
    pool: Positive = 1


@dataclass(config=STRICT)
class Depthwise(_WithWeights, _Window):
    """A convolution of each channel by itself, with `depthwise` filters for each channel."""

    depthwise: Positive


@dataclass(config=STRICT)
class Separable(_WithWeights, _Window):
    """A depthwise convolution and a 1×1 convolution with `separable` filters (Chollet 2017, arXiv:1610.02357)."""

    separable: Positive


@dataclass(config=STRICT)
class Transpose(_WithWeights):
    """A transposed convolution, which enlarges a feature map by its stride (Zeiler et al. 2010)."""

    transpose: Positive
    kernel: Positive = 3
    stride: Positive = 1
    padding: Literal["same", "valid"] = "same"


@dataclass(config=STRICT)
class Dense(_WithWeights):
    """A fully connected layer."""

    dense: Positive


@dataclass(config=STRICT)
class Attention(_Trained):
    """Self-attention between the pixels of a feature map, with `attention` heads (arXiv:1706.03762, section 3.2.2)."""

    attention: Positive


@dataclass(config=STRICT)
class Position:
    """A learned vector for each pixel, which is added to the feature map (arXiv:2010.11929, section 3.1)."""

    position: Literal[True]


@dataclass(config=STRICT)
class Squeeze:
    """Squeeze and excitation, with a reduction by `squeeze` (arXiv:1709.01507, section 3)."""

    squeeze: Positive
    activation: Activation | None = None


@dataclass(config=STRICT)
class OnlyActivation:
    """An activation; `activation` alone is that of the model."""

    activation: Activation | Literal[True]


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
    """A normalisation layer that does not depend on the group `norm`; `norm` alone is the one of the group.

    `axis` is that of a layer norm.
    """

    norm: Literal["batch", "layer", "group", "instance"] | Literal[True]
    axis: NormAxis = "image"
    momentum: Fraction = 0.9
    epsilon: Annotated[float, Field(gt=0.0)] = 1e-5
    groups: Positive = 32


@dataclass(config=STRICT)
class Flatten:
    """A layer that turns height, width and channels into a single axis of features."""

    flatten: Literal[True]


@dataclass(config=STRICT)
class Block:
    """Layers in a row, which are repeated together."""

    block: list[str | dict[str, Any]]
    repeat: Repeat = 1


@dataclass(config=STRICT)
class Residual:
    """A residual block: layers whose output is added to their input, followed by the activation.

    `shortcut` is `identity`; `projection`, a 1×1 convolution with norm (He et al. 2016, option B); `conv`, a 1×1
    convolution without norm and bias; or `pad`, a stride and added channels of zeros, without parameters (option A).
    `scale` is the initial value of a learned factor for each channel of the block's output (arXiv:2103.17239).
    `drop` is the rate at which the block is left out in training (arXiv:1603.09382), if it is not that of
    `model.stochastic_depth`.
    """

    residual: list[str | dict[str, Any]]
    shortcut: Literal["identity", "projection", "conv", "pad"] = "identity"
    activation: Activation | None = None
    scale: Annotated[float, Field(gt=0.0, le=1e3)] | None = None
    drop: Fraction | None = None
    repeat: Repeat = 1


@dataclass(config=STRICT)
class Inverted:
    """An inverted residual (MobileNetV2, arXiv:1801.04381, section 3.3) with `inverted` filters at its end.

    It is a residual block if its input and output have the same shape; otherwise it has no shortcut. `squeeze` is the
    reduction of squeeze and excitation after the depthwise convolution.
    """

    inverted: Positive
    expansion: Positive = 6
    kernel: Positive = 3
    stride: Positive = 1
    squeeze: Positive | None = None
    activation: Activation | None = None
    drop: Fraction | None = None
    repeat: Repeat = 1


Layer = (
    Conv
    | Depthwise
    | Separable
    | Transpose
    | Dense
    | Attention
    | Position
    | Squeeze
    | OnlyActivation
    | Pool
    | GlobalPool
    | Dropout
    | Lrn
    | FixedNorm
    | Flatten
    | Block
    | Residual
    | Inverted
)
