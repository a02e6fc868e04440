"""bypassed-layers: layers whose output is not used."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="bypassed-layers",
    why="A layer whose output is not used does nothing and is not trained.",
    source="Nikanjam et al. 2021, NeuraLint",
    phases=(Phase.SETUP, Phase.FIRST_BATCH),
    explains=("unscaled-input", "large-first-loss", "untrained-variables"),
    keras="assign the output, x = layer(x), and pass x to the next layer.",
    overrides=("norm=batch", "init=he_normal"),
    in_code=True,
)
