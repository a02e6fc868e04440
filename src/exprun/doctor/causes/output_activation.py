"""output-activation: a last activation that cannot give the values that are to be predicted."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="output-activation",
    why="The last activation limits which values the network can predict.",
    source="Nikanjam et al. 2021, NeuraLint",
    phases=(Phase.FIRST_BATCH,),
    explains_symptoms=True,
    explains=("vanishing-signal",),
    preempts=("unscaled-input", "large-first-loss"),
    keras=(
        "no activation if the loss has from_logits=True or if the network predicts numbers; otherwise softmax for "
        "one of many classes, sigmoid for yes or no."
    ),
)
