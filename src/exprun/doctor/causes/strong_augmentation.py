"""strong-augmentation: augmented images that are unlike the real ones."""

from exprun.doctor.cause import Cause, Phase, Threshold

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
