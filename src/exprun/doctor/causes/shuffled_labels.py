"""shuffled-labels: labels that belong to other images."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="shuffled-labels",
    why="Labels that do not belong to their images can only be memorised.",
    source="Zhang et al. 2017, arXiv:1611.03530, section 2",
    phases=(Phase.DATA, Phase.STEP, Phase.EVALUATION),
    explains_symptoms=True,
    explains=("learning-rate-high",),
    keras="plot ten images with their labels; read, sort and shuffle images and labels with the same index.",
)
