"""large-first-loss: a loss before training that is far above chance level."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="large-first-loss",
    why="An untrained network should give all classes about the same probability.",
    source="Karpathy 2019, A Recipe for Training Neural Networks",
    phases=(Phase.FIRST_BATCH,),
    thresholds={
        "large_loss": Threshold(
            4.0,
            "The loss before training counts as too large above this multiple of ln(number of classes).",
            source=(
                "healthy networks start at 1 to 2.5 times ln(classes); Karpathy 2019, A Recipe for Training Neural "
                "Networks"
            ),
            gt=1,
        ),
    },
    is_symptom=True,
    keras="scale the inputs, and give the last layer small initial weights.",
    overrides=("input=standardize", "init=he_normal", "init=he_normal input=standardize"),
)
