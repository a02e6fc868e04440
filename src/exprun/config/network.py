"""The settings of the network: the groups `model`, `init` and `norm`."""

from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from exprun.config.fields import STRICT, setting

Activation = Literal["relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid", "none"]
InitName = Literal[
    "glorot_uniform",
    "glorot_normal",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "orthogonal",
    "gaussian",
    "truncated_normal",
    "dirac",
    "whiten",
]
NormAxis = Literal["image", "channels"]
APPLICATION = "application"  # the option of the networks of keras.applications
HUB = "hub"  # the option of the backbones of KerasHub
INIT_PARTS = ("first", "conv", "dense", "classifier")
STDDEV_INITS = ("gaussian", "truncated_normal")
MEAN_NORMS = ("batch", "layer", "group", "instance")


@dataclass(config=STRICT)
class Model:
    """The network: a list of layers, a network of keras.applications, or a Python function that builds one."""

    name: str = setting("Label of the network in tables and in the names of runs.")
    activation: Activation = setting(
        "Activation after each convolution and hidden dense layer, unless the layer names another activation.", "relu"
    )
    layers: list[str | dict[str, Any]] | None = setting(
        "Layers in order. The classifier is not listed: it is added with one output for each class.", None
    )
    builder: str | None = setting(
        "Python function that builds the network, written `package.module:function`; it takes "
        "(input_shape, classes) and returns a Keras model whose outputs are logits.",
        None,
    )
    stochastic_depth: float = setting(
        "Rate at which the last residual block is left out in training, image by image; it rises linearly from the "
        "first block on (arXiv:1603.09382, section 3).",
        0.0,
        ge=0.0,
        lt=1.0,
    )
    application: str | None = setting(
        "Network of keras.applications, by its name there, for example EfficientNetV2B0.", None, min_length=1
    )
    preset: str | None = setting(
        "Backbone of KerasHub: a folder with a preset, or the name of a preset.", None, min_length=1
    )
    pooling: Literal["avg", "max", "flatten"] | None = setting(
        "How `model.application` or `model.preset` turns its last feature map into a vector: the mean or the maximum "
        "of each channel, or all values.",
        None,
    )
    hidden: list[Annotated[int, Field(ge=1, le=1_000_000)]] | None = setting(
        "Units of the dense layers between `model.application` or `model.preset` and the classifier.", None
    )
    head_dropout: float = setting(
        "Dropout rate before the classifier of `model.application` or `model.preset`: the fraction of its inputs that "
        "are set to zero in training.",
        0.0,
        ge=0.0,
        lt=1.0,
    )
    norm_momentum: float | None = setting(
        "Momentum of the moving averages of all batch norms of `model.application`; null keeps those of Keras, up to "
        "0.999.",
        None,
        ge=0.0,
        lt=1.0,
    )
    weights: str | None = setting(
        "Source of the initial weights: a run folder, the checkpoint of a run, a Keras file, imagenet for those of "
        "Keras for `model.application`, or preset for those of `model.preset`; none is null.",
        None,
    )
    teacher: str | None = setting(
        "Folder of the run whose network teaches this one, with loss=distillation.", None, min_length=1
    )
    freeze: list[str] | str = setting(
        "Layers that are not trained: backbone for all before the head, stages such as stage1-3, and names or patterns "
        "of layers, for example [conv*].",
        [],
    )
    fine_tune_rate: float = setting(
        "Learning-rate multiplier of the layers whose weights were loaded from `model.weights`.", 1.0, gt=0, le=1
    )
    layer_decay: float = setting(
        "Learning-rate multiplier of the last stage before the head; each stage before it has this factor once more.",
        1.0,
        gt=0.0,
        le=1.0,
    )

    @property
    def label(self) -> str:
        """The name of the network for people."""
        return self.application if self.application is not None and self.name == APPLICATION else self.name

    @property
    def frozen(self) -> list[str]:
        """The names and patterns in `freeze`."""
        return [self.freeze] if isinstance(self.freeze, str) else self.freeze


@dataclass(config=STRICT)
class InitPart:
    """The initialisation of one kind of layer, if it differs from that of other layers."""

    name: InitName = setting("Initialiser of the weights.")
    stddev: float | None = setting("Standard deviation of the initial weights.", only=STDDEV_INITS, gt=0.0, le=1e3)
    gain: float | None = setting(
        "Factor by which the orthogonal matrix is multiplied.", only=("orthogonal",), gt=0.0, le=1e3
    )
    epsilon: float | None = setting(
        "Constant added to the variances of the image patches before they are whitened.",
        only=("whiten",),
        gt=0.0,
        le=1.0,
    )
    bias: float = setting("Initial value of the biases.", 0.0, ge=-1e3, le=1e3)


@dataclass(config=STRICT)
class Init(InitPart):
    """The initial values of kernels and biases, by kind of layer."""

    first: InitPart | None = setting(
        "Initialisation of the first convolution, if it differs from that of the other convolutions.", None
    )
    conv: InitPart | None = setting("Initialisation of convolutions, if it differs from that of other layers.", None)
    dense: InitPart | None = setting(
        "Initialisation of hidden dense layers, if it differs from that of other layers.", None
    )
    classifier: InitPart | None = setting(
        "Initialisation of the last layer, if it differs from that of other layers.", None
    )


@dataclass(config=STRICT)
class Norm:
    """The normalisation layer between a layer's weights and its activation."""

    name: Literal["none", "batch", "layer", "group", "instance", "lrn"] = setting("Kind of normalisation layer.")
    where: list[Literal["conv", "dense"]] | None = setting(
        "Kinds of layers that a normalisation layer follows.", only=(*MEAN_NORMS, "lrn")
    )
    axis: NormAxis | None = setting(
        "Values of an image that are normalised together: all (`image`), or the channels of each pixel (`channels`).",
        only=("layer",),
    )
    momentum: float | None = setting(
        "Momentum of the moving averages of mean and variance: the fraction of the old average that each step keeps.",
        only=("batch",),
        ge=0.0,
        lt=1.0,
    )
    epsilon: float | None = setting(
        "Constant added to the variance for numerical stability.", only=MEAN_NORMS, gt=0.0, le=1.0
    )
    scale: bool = setting("Whether the normalisation learns a scale (γ).", True)
    groups: int | None = setting(
        "Number of groups of channels. If the number of channels is not divisible by this number, the "
        "next smaller divisor is used.",
        only=("group",),
        ge=1,
    )
    depth_radius: int | None = setting(
        "Number of channels on each side over which local response normalisation sums.", only=("lrn",), ge=1
    )
    bias: float | None = setting("Constant k in the formula of local response normalisation.", only=("lrn",), gt=0.0)
    alpha: float | None = setting(
        "Factor α in the formula of local response normalisation; it is not divided by the number of channels.",
        only=("lrn",),
        ge=0.0,
    )
    beta: float | None = setting("Exponent β in the formula of local response normalisation.", only=("lrn",), ge=0.0)
