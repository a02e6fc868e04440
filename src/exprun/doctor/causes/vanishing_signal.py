"""vanishing-signal: differences between images that fade from layer to layer."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context

CAUSE = Cause(
    id="vanishing-signal",
    why="If the differences between examples fade on the way, all examples look alike to the last layer.",
    source="He et al. 2015, arXiv:1502.01852, section 2.2; Ioffe & Szegedy 2015, arXiv:1502.03167",
    phases=(Phase.FIRST_BATCH,),
    thresholds={
        "vanishing": Threshold(
            0.02,
            (
                "The signal counts as vanishing if, before training, the standard deviation over images at the last "
                "layer, divided by that at the input, is below this value."
            ),
            source=(
                "0.001 for VGG-16 with Glorot initialisation, 0.09 to 7 for networks that learn; He et al. 2015, "
                "arXiv:1502.01852, section 2.2"
            ),
            gt=0,
            lt=1,
        ),
    },
    explains_symptoms=True,
    explains=("learning-rate-low",),
    is_disprovable=True,
    keras="BatchNormalization after each convolution, or kernel_initializer='he_normal' with ReLU.",
    overrides=("norm=batch", "init=he_normal", "init=he_normal {slower}"),
)
FEW_LAYERS = 6  # layers of weights, up to which the signal may vanish further
FEW_LAYERS_FACTOR = 20  # how many times further the signal may vanish in so few layers


def check(context: Context) -> Iterator[Finding]:
    """Compare the differences between images before the last layer with those at the input, if there is one input."""
    signal = context.signal
    if signal is None or context.several is not None:
        return
    count = len(signal.calls)
    # With few layers, an optimiser that scales each gradient to the same size can still train.
    least = context.threshold("vanishing") / (1 if count > FEW_LAYERS else FEW_LAYERS_FACTOR)
    if signal.ratio < least and signal.at_last < least:
        yield context.finding(
            "error",
            f"{count} layers of weights, from {signal.calls[0].layer.name} to {signal.calls[-1].layer.name}",
            f"Before training, differences between images are {signal.at_input:.2g} at the input and "
            f"{signal.at_last:.2g} before the last layer, {1 / max(signal.ratio, 1e-30):,.0f} times smaller; up to "
            f"{1 / least:,.0f} times smaller is normal.",
            signal.numbers,
        )
