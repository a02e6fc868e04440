"""constant-input: inputs that are the same for all images."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="constant-input",
    why="Inputs that are the same in all images cannot tell classes apart.",
    source="Humbatova et al. 2020, arXiv:1910.11015, training data",
    phases=(Phase.DATA,),
    explains_symptoms=True,
    explains=("shuffled-labels", "vanishing-signal", "leaked-validation", "leaked-test"),
    keras="print x.min() and x.max(), and plot a few images just before fit.",
)
