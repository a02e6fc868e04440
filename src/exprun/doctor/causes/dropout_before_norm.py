"""dropout-before-norm: dropout directly before a batch norm."""

from collections.abc import Iterator
from itertools import pairwise

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import DROPOUTS, named
from exprun.text import nouns

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


def check(context: Context) -> Iterator[Finding]:
    """Find dropouts that a batch norm follows directly."""
    found = [
        layer
        for layer, following in pairwise(context.layers)
        if layer.isa(*DROPOUTS) and layer.rate > 0 and following.isa("BatchNormalization")
    ]
    if found:
        yield context.finding(
            "note",
            f"{nouns(len(found), 'layer')} {named(found)}",
            f"A dropout of {found[0].rate:.0%} comes directly before a batch norm.",
            {"rate": found[0].rate},
        )
