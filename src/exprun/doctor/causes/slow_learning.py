"""slow-learning: a loss that falls too slowly to get far within the run."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="slow-learning",
    why="At this pace the run ends long before the network has learned what it could.",
    source="Zhang et al. 2021, AutoTrainer, section 3",
    phases=(Phase.EPOCH,),
    thresholds={
        "slow": Threshold(
            0.85,
            (
                "Learning counts as slow if the loss expected at the end of the run is above this fraction of the "
                "chance-level loss."
            ),
            gt=0,
            lt=1,
        ),
    },
    explains=("no-generalization",),
    is_symptom=True,
    keras="multiply the learning rate by 10, scale the inputs, or add BatchNormalization; or train for longer.",
    overrides=("{faster}", "norm=batch", "input=standardize"),
)
