"""single-time-step: a recurrent layer that gets sequences of one step, each with one number."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import RECURRENT

CAUSE = Cause(
    id="single-time-step",
    why=(
        "A recurrent layer begins each sequence with a state of zeros, so it knows nothing of earlier examples, and a "
        "sequence of one step has no past."
    ),
    source="Keras guides, Working with RNNs, Cross-batch statefulness",
    phases=(Phase.SETUP,),
    explains=("loss-at-chance", "slow-learning", "plateau", "shuffled-labels"),
    keras=(
        "put the last numbers of the series into each example, (examples, steps, 1), for example with "
        "keras.utils.timeseries_dataset_from_array."
    ),
    in_code=True,
)


def check(context: Context) -> Iterator[Finding]:
    """Find a recurrent layer without state on inputs of the shape (examples, 1, 1)."""
    shape = context.subject.train.inputs.shape
    recurrent = [layer for layer in context.all_layers if layer.isa(*RECURRENT)]
    if shape[1:] != (1, 1) or not recurrent or getattr(recurrent[0].layer, "stateful", False):
        return
    yield context.finding(
        "warning",
        recurrent[0].name,
        f"The inputs have the shape {shape}: each example is a sequence of one step with one number.",
    )
