"""exploding-signal: differences between images that grow too much from layer to layer."""

from exprun.doctor.cause import Cause, Phase, Threshold

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
    keras="kernel_initializer='he_normal' in all layers with ReLU, and inputs scaled to values near 1.",
    overrides=("init=he_normal", "init=he_normal input=standardize", "norm=batch"),
)
