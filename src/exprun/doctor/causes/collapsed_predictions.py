"""collapsed-predictions: the same class predicted for every image."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="collapsed-predictions",
    why="The network predicts the same class for every image.",
    source="Karpathy 2019, A Recipe for Training Neural Networks",
    phases=(Phase.PROBE,),
    confirm={Phase.PROBE: 3},
    explains=("loss-at-chance", "no-generalization"),
    is_symptom=True,
    keras="lower the learning rate; check the labels and the initialisation.",
    overrides=("{slower}", "norm=batch"),
)
