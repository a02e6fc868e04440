"""oscillating-loss: a training loss that rises and falls in turn."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="oscillating-loss",
    why=(
        "The learning rate is too high for this loss: steps overshoot the minimum, so the loss rises and falls in turn."
    ),
    source="Zhang et al. 2021, AutoTrainer, section 3",
    phases=(Phase.EPOCH,),
    thresholds={
        "oscillation": Threshold(
            0.1,
            (
                "The training loss counts as oscillating if it rises and falls in turn, each time by more than this "
                "fraction of its mean."
            ),
            source="Zhang et al. 2021, AutoTrainer, on oscillating and on slow losses",
            gt=0,
        ),
    },
    explains=("plateau", "no-generalization"),
    is_symptom=True,
    keras="divide the learning rate by 10, or use larger batches.",
    overrides=("{slower}", "trainer.batch_size={larger}"),
)
