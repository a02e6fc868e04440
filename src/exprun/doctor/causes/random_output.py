"""random-output: dropout or noise after the last layer with weights, on the predictions themselves."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import DROPOUTS
from exprun.doctor.instruments.passes import Call, Pass

CAUSE = Cause(
    id="random-output",
    why="The loss then measures random numbers as much as the predictions.",
    source="Srivastava et al. 2014, JMLR 15, section 4: dropout is for input and hidden units",
    phases=(Phase.FIRST_BATCH,),
    explains_symptoms=True,
    explains=("large-first-loss", "shuffled-labels", "exploding-gradient", "overfitting"),
    keras="move the layer before the last layer with weights: Dropout(0.5), then Dense(classes, activation='softmax').",
)
NOISES = ("GaussianNoise", "GaussianDropout", "AlphaDropout")
COSTLY = 1.1  # loss with noise from which noise on the outputs is reported, in units of the loss without
RUINED = 2.0  # loss with the layer from which the loss is mostly that of random numbers, in units of the loss without


def check(context: Context) -> Iterator[Finding]:
    """Find a layer that changes the outputs at random in training mode, after the last layer with weights."""
    found = context.forward
    call = _random_end(found)
    if call is None:
        return
    before, after = _loss(context, call.inputs), _loss(context, call.outputs)
    worse, losses = np.nan, ""
    if before and after is not None and call is found.calls[-1]:
        worse = after / before
        losses = f" The loss of the first batch is {after:.3g}, and {before:.3g} without the layer."
    is_noise = not call.layer.isa(*DROPOUTS)
    if is_noise and not worse > COSTLY:
        return
    changed = float(((call.inputs != call.outputs) & (is_noise | (call.outputs == 0))).mean())
    yield context.finding(
        "error" if worse > RUINED else "warning",
        f"layer {call.layer.name}",
        f"In training, the layer {'adds noise to' if is_noise else 'sets'} {changed:.0%} of the outputs of the network"
        f"{'' if is_noise else ' to 0'}, after its last layer with weights.{losses}",
        {"changed": changed},
    )


def _random_end(found: Pass) -> Call | None:
    """The call of a layer that changes the outputs at random, if only activations follow; None if there is none."""
    weighted = [number for number, call in enumerate(found.calls) if call.layer.has_weights]
    if not weighted:
        return None
    current, random = found.calls[weighted[-1]].outputs, None
    for call in found.calls[weighted[-1] + 1 :]:
        if not np.array_equal(call.inputs, current, equal_nan=True):
            return None  # the layer belongs to another path
        current = call.outputs
        is_random = call.layer.isa(*DROPOUTS, *NOISES) and not np.array_equal(call.inputs, current)
        if is_random and current.shape == found.outputs.shape:
            random = call
    return random if np.array_equal(current, found.outputs) else None


def _loss(context: Context, outputs: np.ndarray) -> float | None:
    """The mean loss of outputs; None without a loss."""
    if context.subject.objective is None or context.forward.losses is None:
        return None
    return float(np.mean(context.losses(outputs, context.labels)))
