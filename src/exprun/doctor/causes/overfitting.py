"""overfitting: a validation loss that rises while the training loss falls."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="overfitting",
    why="The network memorises its training images.",
    source="Goodfellow et al. 2016, Deep Learning, section 7.8",
    phases=(Phase.EVALUATION,),
    thresholds={
        "overfitting": Threshold(
            1.5,
            "A run counts as overfitting if the validation loss rises above this multiple of its lowest value.",
            gt=1,
        ),
    },
    is_symptom=True,
    keras="stop earlier, augment, or add dropout and weight decay.",
)
