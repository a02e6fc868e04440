"""long-sequence: a recurrent layer over more steps than its gradients reach back."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import RECURRENT

CAUSE = Cause(
    id="long-sequence",
    why="Gradients shrink from step to step, so a recurrent layer hardly learns what lies hundreds of steps back.",
    source="Bengio et al. 1994, doi:10.1109/72.279181",
    phases=(Phase.EPOCH,),
    thresholds={
        "long_sequence": Threshold(
            200,
            "A sequence counts as long from this many steps.",
            source="Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735: lags of hundreds of steps are hard",
            gt=1,
        ),
    },
    explains=(
        *("loss-at-chance", "slow-learning", "collapsed-predictions", "too-few-steps"),
        *("vanishing-gradient", "input-independent"),
    ),
    keras=(
        "make the sequence shorter: give each step more values, such as a line of pixels; average or cut the series; "
        "or put Conv1D and MaxPooling1D before the recurrent layer."
    ),
    in_code=True,
)
UNLEARNED = 0.95  # training loss at the end of a run that has learned nothing, in units of chance level


def check(context: Context) -> Iterator[Finding]:
    """Find a run that ends without having learned anything, of a recurrent layer over a long sequence."""
    history, chance = context.history, context.comparable_chance
    if chance is None or not history.has_ended:
        return
    last = history.epochs[-1].loss
    if not np.isfinite(last) or last < UNLEARNED * chance.loss:
        return
    for layer in (one for one in context.all_layers if one.isa(*RECURRENT)):
        length = layer.length
        if length is not None and length >= context.threshold("long_sequence"):
            yield context.finding(
                "warning",
                layer.name,
                f"The layer goes through {length:,} steps, and the run ends with a training loss of "
                f"{chance.shown(last)}; {chance.described}.",
                {"steps": length, "loss": last},
            )
            return
