"""unscaled-input: inputs that are far from the size that learning rates and initialisers are made for."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import RECURRENT, top_layers
from exprun.doctor.instruments.passes import rms

CAUSE = Cause(
    id="unscaled-input",
    why=(
        "Learning rates and initialisers are made for inputs near 1: larger inputs make steps overshoot or units "
        "saturate, and smaller ones count for little compared with the biases."
    ),
    source="LeCun et al. 1998, Efficient BackProp, section 4.3",
    phases=(Phase.SETUP, Phase.FIRST_BATCH),
    thresholds={
        "large_input": Threshold(
            10.0,
            "Inputs count as unscaled if their root mean square is above this value.",
            source="inputs near 1 are usual: LeCun et al. 1998, Efficient BackProp, section 4.3",
            gt=0,
        ),
        "small_input": Threshold(
            0.02,
            "Images count as scaled twice if their root mean square is below this value.",
            source="pixels that are divided by 255 twice are usually about 0.002",
            gt=0,
        ),
        "tiny_input": Threshold(
            0.001,
            "Inputs that are not images count as scaled twice if their root mean square is below this value.",
            source=(
                "for inputs other than images; daily returns of a share are about 0.01, and Adam moves a bias by "
                "0.001 per step"
            ),
            gt=0,
        ),
    },
    explains_symptoms=True,
    explains=("learning-rate-high",),
    keras="layers.Rescaling(1 / 255) as the first layer, or Normalization adapted to the training images.",
    overrides=("input=standardize",),
)
NORMALIZATION = "a layers.Normalization adapted to the training inputs as the first layer."


def check(context: Context) -> Iterator[Finding]:
    """Find inputs that are so large or so small that they harm the network."""
    match context.phase:
        case Phase.SETUP:
            yield from _setup(context)


def _setup(context: Context) -> Iterator[Finding]:
    """Find large inputs of a model whose first layer is recurrent: they saturate its units."""
    first = next((layer for layer in top_layers(context.model) if not layer.isa("InputLayer")), None)
    if context.several is not None or first is None or not first.isa(*RECURRENT):
        return
    if len(context.inputs) and (size := rms(context.inputs)) > context.threshold("large_input"):
        yield context.finding(
            "warning",
            "input",
            f"The inputs of {first.name} have values around {size:.3g} (root mean square), but values near 1 are "
            "usual: its units saturate at the ends of their range and get no gradient.",
            {"rms": size},
            NORMALIZATION,
        )
