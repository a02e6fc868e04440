"""dropout-before-norm: dropout directly before a batch norm."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="dropout-before-norm",
    why=(
        "Dropout changes the variance of the next layer's inputs in training only, so the moving averages of a batch "
        "norm after dropout do not match its inputs in evaluation."
    ),
    source="Li et al. 2018, arXiv:1801.05134",
    phases=(Phase.SETUP,),
    keras="move dropout after the last batch norm.",
)
