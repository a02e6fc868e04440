"""symmetric-init: weights that start equal, or at zero where nothing can change them."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="symmetric-init",
    why="Weights that start equal get equal gradients, or none at all, and stay equal.",
    source="Goodfellow et al. 2016, Deep Learning, section 8.4",
    phases=(Phase.SETUP, Phase.FIRST_BATCH),
    explains_symptoms=True,
    explains=("vanishing-signal", "untrained-variables"),
    keras="leave kernel_initializer at its default, or use he_normal.",
    overrides=("init=he_normal",),
)
