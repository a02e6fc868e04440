"""strong-augmentation: augmented images that are unlike the real ones."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context

CAUSE = Cause(
    id="strong-augmentation",
    why="The network trains on images that are unlike the real ones.",
    source="Shorten & Khoshgoftaar 2019, doi:10.1186/s40537-019-0197-0",
    phases=(Phase.SETUP, Phase.FIRST_BATCH),
    thresholds={
        "augmented": Threshold(
            3.0,
            (
                "Augmentation counts as too strong if it multiplies the standard deviation of the inputs by more "
                "than this factor, or shifts their mean by more than this number of standard deviations."
            ),
            gt=1,
        ),
        "hue": Threshold(
            0.5,
            (
                "The augmentation of a RandomHue layer counts as too strong if its `factor` is above this value; a "
                "factor of 1 shifts hues by up to 180 degrees."
            ),
            source=(
                "1 shifts hues by up to 180 degrees; Chen et al. 2020, arXiv:2002.05709, appendix A: 0.4 in the "
                "strongest recipe"
            ),
            gt=0,
            le=1,
        ),
    },
    explains_symptoms=True,
    explains=("unscaled-input", "lagging-batch-norm"),
    keras=(
        "plot augmented images; after Rescaling(1 / 255), RandomBrightness and RandomContrast need value_range=(0, 1)."
    ),
    overrides=("augment=none",),
)


def check(context: Context) -> Iterator[Finding]:
    """Find augmentation after which images are unlike the real ones."""
    match context.phase:
        case Phase.SETUP:
            yield from _setup(context)
        case Phase.FIRST_BATCH:
            yield from _first_batch(context)


def _setup(context: Context) -> Iterator[Finding]:
    """Find augmentation that can turn any colour into any other."""
    usual = context.threshold("hue")
    for layer in context.all_layers:
        if layer.isa("RandomHue") and (most := max(abs(part) for part in layer.layer.factor)) > usual:
            yield context.finding(
                "warning",
                f"layer {layer.name}",
                f"It shifts hues by up to {180 * most:.0f} degrees in either direction (120 degrees turn red into "
                f"green or blue); up to {180 * usual:.0f} is usual.",
                {"factor": float(most)},
                "no RandomHue if the classes differ in colour; otherwise RandomHue(0.1), at most "
                f"RandomHue({usual:g}).",
            )
            return


def _first_batch(context: Context) -> Iterator[Finding]:
    """Compare the inputs of the first layer with weights in training mode and in inference mode."""
    calls, others = (
        [call for call in found.calls if call.layer.is_trained] for found in (context.forward, context.evaluated)
    )
    if not calls or not others or calls[0].layer != others[0].layer:
        return
    here, there = calls[0].inputs, others[0].inputs
    if here.shape != there.shape or not (np.isfinite(here).all() and np.isfinite(there).all()):
        return
    mean, deviation = float(there.mean()), float(there.std())
    ratio = float(here.std()) / max(deviation, 1e-12)
    shift = abs(float(here.mean()) - mean) / max(deviation, 1e-12)
    if ratio > context.threshold("augmented") or shift > context.threshold("augmented"):
        yield context.finding(
            "warning",
            f"input of layer {calls[0].layer.name}",
            f"At this layer, the same images have mean {here.mean():.3g} and standard deviation {here.std():.3g} in "
            f"training, but {mean:.3g} and {deviation:.3g} in evaluation.",
            {"std": float(here.std()), "inference_std": deviation},
        )
