"""shuffled-states: a stateful recurrent layer in a training that shuffles its rows."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import RECURRENT

CAUSE = Cause(
    id="shuffled-states",
    why="A stateful layer goes on where the last batch ended: at another place of the series if rows are shuffled.",
    source="Keras guides, Working with RNNs, Cross-batch statefulness",
    phases=(Phase.SETUP,),
    explains=("loss-at-chance", "slow-learning", "plateau", "oscillating-loss", "no-generalization"),
    keras="model.fit(…, shuffle=False), and reset the states before each epoch.",
    in_code=True,
)


def check(context: Context) -> Iterator[Finding]:
    """Find a stateful recurrent layer in a fit that shuffles."""
    stateful = [one for one in context.all_layers if one.isa(*RECURRENT) and getattr(one.layer, "stateful", False)]
    if stateful and context.subject.shuffles:
        yield context.finding(
            "error",
            stateful[0].name,
            "The layer keeps its state from batch to batch, but fit shuffles the rows (shuffle=True is its default).",
        )
