"""untrained-variables: variables that no step updates."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="untrained-variables",
    why="A variable that is never updated keeps its random initial value.",
    source="Nikanjam et al. 2021, NeuraLint",
    phases=(Phase.STRUCTURE, Phase.FIRST_BATCH, Phase.PROBE),
    confirm={Phase.PROBE: 2},
    explains=("loss-at-chance", "no-generalization", "overfitting"),
    keras=(
        "remove argmax, round, integer casts and stop_gradient between the layer that the finding names and the loss."
    ),
)
