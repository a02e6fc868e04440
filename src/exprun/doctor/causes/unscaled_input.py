"""unscaled-input: inputs that are far from the size that learning rates and initialisers are made for."""

from exprun.doctor.cause import Cause, Phase, Threshold

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
