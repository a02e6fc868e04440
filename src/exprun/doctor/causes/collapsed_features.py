"""collapsed-features: a layer so narrow that little information passes."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="collapsed-features",
    why="Information that is lost in a narrow layer cannot be recovered after it.",
    source="Szegedy et al. 2016, arXiv:1512.00567, section 2",
    phases=(Phase.SETUP,),
    explains_symptoms=True,
    keras="pool less, start with larger images, or widen the narrow layer.",
)
