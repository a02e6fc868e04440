"""shrinking-filters: fewer filters where the maps become smaller."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="shrinking-filters",
    why="Where maps become smaller, networks usually double their filters so that less information is lost.",
    source="He et al. 2016, arXiv:1512.03385, section 3.3",
    phases=(Phase.SETUP,),
    keras="give each layer at least as many filters as the layer before it, for example 64, 128, 256.",
)
