"""reloaded-model: a model from a file, in which no dropped layer can be seen."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.graph import is_from_file

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


def check(context: Context) -> Iterator[Finding]:
    """Find a model that comes from a file and shows no dropped layers."""
    if not context.dropped and is_from_file(context.model):
        yield context.finding(
            "note",
            "model",
            "The model was loaded from a file, not built by its code: its input tensor is called "
            f"{context.model.inputs[0].name}, but keras.Input would have called it keras_tensor.",
        )
