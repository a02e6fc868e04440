"""loss-at-chance: a loss that stays at chance level."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="loss-at-chance",
    why="The network does no better than chance level, as if it did not see the images.",
    source="Karpathy 2019, A Recipe for Training Neural Networks",
    phases=(Phase.STEP,),
    thresholds={
        "chance_steps": Threshold(
            100,
            "Number of steps at chance level after which `loss-at-chance` is reported.",
            ge=1,
        ),
        "chance_margin": Threshold(
            0.02,
            (
                "The loss counts as better than chance level if it is lower than the chance-level loss by more than "
                "this fraction."
            ),
            gt=0,
            lt=1,
        ),
    },
    explains=("no-generalization",),
    is_symptom=True,
    keras=(
        "change one thing at a time: the learning rate (10 times higher, 10 times lower), scaled inputs, "
        "BatchNormalization, he_normal."
    ),
    overrides=("norm=batch", "init=he_normal", "{slower}", "{faster}", "input=standardize"),
)
