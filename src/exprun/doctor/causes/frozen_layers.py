"""frozen-layers: frozen layers that still have their random initial weights."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="frozen-layers",
    why="Layers that keep their random initial weights pass on noise.",
    source="Humbatova et al. 2020, arXiv:1910.11015, model",
    phases=(Phase.SETUP,),
    thresholds={
        "frozen": Threshold(
            0.3,
            "Layers count as frozen by mistake if more than this fraction of all weights is in frozen layers.",
            gt=0,
            lt=1,
        ),
    },
    explains=("untrained-variables", "loss-at-chance", "no-generalization", "overfitting"),
    keras="set layer.trainable = True and compile again, or load trained weights.",
    overrides=("model.freeze=[]",),
)
