"""non-finite-input: inputs or labels that contain NaN or infinity."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="non-finite-input",
    why="A single NaN or infinite value makes the loss NaN, and then every weight.",
    source="IEEE 754",
    phases=(Phase.DATA, Phase.FIRST_BATCH, Phase.BAD_BATCH),
    explains_symptoms=True,
    explains=("learning-rate-high", "shuffled-labels"),
    keras=(
        "check np.isfinite(x).all() after loading and after each preprocessing step; remove images that are already "
        "broken when they are loaded; in a preprocessing step, look for the log of 0 or a division by 0, for example "
        "by the standard deviation of a blank image (write x / (x.std() + 1e-7))."
    ),
)
