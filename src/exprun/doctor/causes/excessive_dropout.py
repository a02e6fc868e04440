"""excessive-dropout: dropout of nearly all units."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="excessive-dropout",
    why="So few units remain in each step that noise drowns out their signal.",
    source="Srivastava et al. 2014, JMLR 15, section A.4: 0.2 to 0.5 for hidden units",
    phases=(Phase.SETUP, Phase.STEP),
    thresholds={
        "dropout": Threshold(
            0.75,
            "The dropout rate of a layer counts as too high above this value.",
            source="Srivastava et al. 2014, JMLR 15, section A.4: 0.2 to 0.5 is usual for hidden units",
            gt=0,
            lt=1,
        ),
    },
    explains_symptoms=True,
    keras="Dropout(0.5) or less; the number is the share of units that are dropped, not kept.",
)
