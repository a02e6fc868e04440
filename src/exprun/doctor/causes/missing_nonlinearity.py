"""missing-nonlinearity: layers of weights without an activation between them."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="missing-nonlinearity",
    why="Without activations between them, several layers can do no more than one.",
    source="Goodfellow et al. 2016, Deep Learning, section 6.1",
    phases=(Phase.STRUCTURE, Phase.SETUP),
    explains=("overfitting",),
    keras="give hidden layers activation='relu'.",
    overrides=("model.activation=relu",),
)
