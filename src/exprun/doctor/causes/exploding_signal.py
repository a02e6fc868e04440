"""exploding-signal: differences between images that grow too much from layer to layer."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import Layer
from exprun.doctor.instruments.passes import spread
from exprun.text import rounded

CAUSE = Cause(
    id="exploding-signal",
    why="Outputs of this size make the loss and its gradient so large that the first steps ruin the weights.",
    source="He et al. 2015, arXiv:1502.01852, section 2.2",
    phases=(Phase.FIRST_BATCH,),
    thresholds={
        "exploding": Threshold(
            15.0,
            (
                "The signal counts as exploding if, before training, the standard deviation over images at the last "
                "layer, divided by that at the input, is above this value."
            ),
            gt=1,
        ),
    },
    explains_symptoms=True,
    explains=("learning-rate-high", "unscaled-input"),
    is_disprovable=True,
    keras="kernel_initializer='he_normal' in all layers with ReLU, and inputs scaled to values near 1.",
    overrides=("init=he_normal", "init=he_normal input=standardize", "norm=batch"),
)
LARGE_WEIGHTS = 1.5  # standard deviation from which weights are reported as large, in units of He initialisation


def check(context: Context) -> Iterator[Finding]:
    """Compare the differences between images before the last layer with those at the input."""
    signal = context.signal
    if signal is None or signal.ratio <= context.threshold("exploding") or context.large_part is not None:
        return
    hidden = [call.layer for call in signal.calls[:-1]]
    gains = [spread(call.outputs) / max(spread(call.inputs), 1e-12) for call in signal.calls[:-1]]
    worst = int(np.argmax(gains))
    name, wide = hidden[worst].name, _deviation(hidden[worst])
    yield context.finding(
        "error",
        f"layer {name}",
        f"Before training, differences between images are {rounded(signal.at_input)} at the input and "
        f"{rounded(signal.at_last)} before the last layer, {signal.ratio:,.0f} times larger; up to "
        f"{context.threshold('exploding'):g} times larger is normal. {name} increases them most, "
        f"{rounded(gains[worst])} times{wide}.",
        signal.numbers | {"gain": gains[worst]},
        ""
        if wide
        else "BatchNormalization after each hidden layer of weights, or kernel_initializer='he_normal'; look for "
        f"multiplications and additions in the code around {name}.",
    )


def _deviation(layer: Layer) -> str:
    """A clause that compares the spread of a layer's weights with He initialisation; empty if it is not larger."""
    kernel = layer.kernel
    wanted = np.sqrt(2 / np.prod(kernel.shape[:-1]))
    if kernel.std() < LARGE_WEIGHTS * wanted:
        return ""
    return f": the standard deviation of its weights is {kernel.std():.2g}, but {wanted:.2g} in He initialisation"
