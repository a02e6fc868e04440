"""unscaled-input: inputs that are far from the size that learning rates and initialisers are made for."""

import itertools
from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.divergence import is_of_a_usual_rate
from exprun.doctor.instruments.layers import NORMS, RECURRENT, WEIGHTED, top_layers
from exprun.doctor.instruments.passes import rms
from exprun.text import rounded

CAUSE = Cause(
    id="unscaled-input",
    why=(
        "Learning rates and initialisers are made for inputs near 1: larger inputs make steps overshoot or units "
        "saturate, and smaller ones count for little compared with the biases."
    ),
    source="LeCun et al. 1998, Efficient BackProp, section 4.3",
    phases=(Phase.DATA, Phase.SETUP, Phase.FIRST_BATCH, Phase.STEP),
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
    keras="layers.Rescaling(1 / 255) as the first layer, or Normalization adapted to the training examples.",
    overrides=("input=standardize",),
)
IMAGE_AXES, MIN_IMAGES = 4, 16  # axes of images, and images from which their pixels are known
NARROW = 0.02  # standard deviation of pixels, in units of their mean, below which all of them look alike
SCALING = ("Rescaling", "Lambda")  # layers that may scale the inputs
NORMALIZATION = "a layers.Normalization adapted to the training inputs as the first layer."


def check(context: Context) -> Iterator[Finding]:
    """Find inputs that are so large or so small that they harm the network."""
    match context.phase:
        case Phase.DATA:
            yield from _data(context)
        case Phase.SETUP:
            yield from _setup(context)
        case Phase.STEP:
            yield from _step(context)
        case Phase.FIRST_BATCH:
            yield from _large_part(context)
            yield from _tiny(context)
            yield from _large(context)


def _data(context: Context) -> Iterator[Finding]:
    """Find images whose pixels hardly differ from one number, as where they are scaled twice."""
    x = context.subject.train.inputs
    if x.ndim != IMAGE_AXES or len(x) < MIN_IMAGES or not np.isfinite(x).all():
        return
    first = itertools.takewhile(lambda layer: not layer.isa(*WEIGHTED), context.layers)
    if any(layer.isa(*NORMS, *SCALING) for layer in first):
        return
    mean, deviation = float(x.mean(dtype=np.float64)), float(x.std(dtype=np.float64))
    if 0 < deviation < NARROW * abs(mean):
        yield context.finding(
            "warning",
            "training images",
            f"The pixels of {len(x):,} images have mean {mean:.4g} and standard deviation {deviation:.2g}: nearly all "
            "of them have the same value.",
            {"mean": mean, "deviation": deviation},
            "scale pixels once: x / 127.5 - 1 of pixels from 0 to 255 goes from -1 to 1, but of pixels from 0 to 1 it "
            "stays near -1.",
        )


def _setup(context: Context) -> Iterator[Finding]:
    """Find large inputs of a model whose first layer is recurrent: they saturate its units."""
    first = next((layer for layer in top_layers(context.model) if not layer.isa("InputLayer")), None)
    if context.several is not None or first is None or not first.isa(*RECURRENT):
        return
    if len(context.inputs) and (size := rms(context.inputs)) > context.threshold("large_input"):
        yield context.finding(
            "warning",
            "input",
            f"The inputs of {first.name} have values around {rounded(size)} (root mean square), but values near 1 are "
            "usual: its units saturate at the ends of their range and get no gradient.",
            {"rms": size},
            NORMALIZATION,
        )


def _step(context: Context) -> Iterator[Finding]:
    """Find large inputs where steps overshoot although the learning rate is usual: gradients grow with the inputs."""
    subject, found = context.subject, context.divergence
    rate = None if subject.pace is None else subject.pace.highest_rate
    if context.several is not None or not is_of_a_usual_rate(found, subject.pace, context.usual_rates):
        return
    before = itertools.takewhile(lambda layer: not layer.isa(*WEIGHTED, *RECURRENT), context.layers)
    size = rms(context.inputs) if len(context.inputs) else 0.0
    if size > context.threshold("large_input") and not any(
        layer.isa(*NORMS, *SCALING, "Embedding") for layer in before
    ):
        assert found is not None
        yield context.finding(
            "error",
            "input",
            f"{found.evidence} The inputs have values around {rounded(size)} (root mean square), and gradients grow "
            f"with them; a learning rate of {rate:.2g} is usual for values near 1.",
            {"rms": size, **found.numbers},
            "" if context.inputs.ndim == 4 else NORMALIZATION,
        )


def _large_part(context: Context) -> Iterator[Finding]:
    """Find one of several inputs that is large and reaches a layer of weights unscaled, alone or joined to others."""
    part, loss = context.large_part, context.forward.loss
    if part is not None and loss is not None:
        yield context.finding(
            "warning",
            f"input {part.name}",
            f"Its values reach {part.layer.name} unscaled, around {rounded(part.size)} (root mean square), but "
            f"values near 1 are usual, and {context.harm}.",
            {"rms": part.size, "loss": loss},
            "a layers.Normalization directly after this input, adapted to its training values.",
        )


def _tiny(context: Context) -> Iterator[Finding]:
    """Find inputs that are very small, perhaps scaled twice, in a network without a norm that would rescale them."""
    calls = context.forward.weighted
    if len(calls) < 2 or any(call.layer.isa(*NORMS) for call in context.forward.calls):
        return
    images = calls[0].inputs.ndim == 4
    least = context.threshold("small_input" if images else "tiny_input")
    if 0 < (size := rms(calls[0].inputs)) < least:
        yield context.finding(
            "warning",
            "input",
            f"The {'images' if images else 'inputs'} have values around {size:.2g} (root mean square) at the input of "
            f"{calls[0].layer.name}, but values near 1 are usual"
            + ("; images that were divided by 255 twice have about 0.002." if images else "."),
            {"rms": size},
            "divide by 255 once, in the data or in a Rescaling layer, but not in both." if images else NORMALIZATION,
        )


def _large(context: Context) -> Iterator[Finding]:
    """Find large inputs that harm the network: its first loss is large, or its first activations are saturated."""
    found, calls = context.forward, context.forward.weighted
    if context.several is not None or found.loss is None or len(calls) < 2:
        return
    first = calls[0]
    after = found.calls[found.calls.index(first) + 1 :]
    if (size := rms(first.inputs)) <= context.threshold("large_input") or (after and after[0].layer.isa(*NORMS)):
        return
    if context.harm:
        yield context.finding(
            "warning",
            "input",
            f"The inputs of {first.layer.name} have values around {rounded(size)} (root mean square), but values "
            f"near 1 are usual, and {context.harm}.",
            {"rms": size, "loss": found.loss},
            "" if first.inputs.ndim == 4 or _are_pixels(first.inputs) else NORMALIZATION,
        )


def _are_pixels(values: np.ndarray) -> bool:
    """Whether values look like those of images, flattened or not: whole numbers from 0 to 255."""
    return bool(values.min() >= 0 and 127 < values.max() <= 255 and np.array_equal(values, np.round(values)))
