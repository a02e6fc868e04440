"""vanishing-signal: differences between images that fade from layer to layer."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="vanishing-signal",
    why="If the differences between images fade on the way, all images look alike to the last layer.",
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
    keras="BatchNormalization after each convolution, or kernel_initializer='he_normal' with ReLU.",
    overrides=("norm=batch", "init=he_normal", "init=he_normal {slower}"),
)
