"""no-generalization: a validation loss above chance level although training learns."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="no-generalization",
    why="What the network learned in training does not work on the validation images.",
    source="Zhang et al. 2017, arXiv:1611.03530",
    phases=(Phase.EVALUATION,),
    explains=("overfitting",),
    is_symptom=True,
    keras=(
        "compare the labels, the scaling and the origin of both splits; if they agree, augment the training images."
    ),
)
