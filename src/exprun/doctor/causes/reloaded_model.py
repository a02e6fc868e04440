"""reloaded-model: a model from a file, in which no dropped layer can be seen."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="reloaded-model",
    why=(
        "A saved model has only the layers between input and output, so the doctor cannot know whether others were "
        "dropped."
    ),
    source="Keras guides, The Functional API",
    phases=(Phase.SETUP,),
    keras="look at the code that built the model: the output of each layer has to be passed to the next layer.",
)
