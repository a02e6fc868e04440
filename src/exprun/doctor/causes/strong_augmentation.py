"""strong-augmentation: augmented images that are unlike the real ones."""

from collections.abc import Iterator

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
