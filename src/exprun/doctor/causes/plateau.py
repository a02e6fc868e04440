"""plateau: a training loss that no longer falls."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="plateau",
    why="More epochs like the last ones will not lower the loss.",
    source="Bengio 2012, arXiv:1206.5533, section 3.1.1",
    phases=(Phase.EPOCH,),
    thresholds={
        "plateau": Threshold(
            0.01,
            (
                "The training loss counts as having stopped falling if it falls by less than this fraction in five "
                "epochs."
            ),
            gt=0,
            lt=1,
        ),
    },
    is_symptom=True,
    keras=(
        "ReduceLROnPlateau, or a cosine decay over all steps; if the learning rate is already low, a slower decay or "
        "a larger network."
    ),
    overrides=("schedule=cosine",),
)
