"""zero-gradient: a gradient that is exactly 0 in all layers, so no step changes anything."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.text import rounded

CAUSE = Cause(
    id="zero-gradient",
    why="With a gradient of exactly 0, no learning rate changes a weight: the units are at the ends of their range.",
    source="Glorot & Bengio 2010, section 3",
    phases=(Phase.PROBE,),
    confirm={Phase.PROBE: 2},
    explains=(
        "learning-rate-low",
        "vanishing-gradient",
        "input-independent",
        "collapsed-predictions",
        "loss-at-chance",
        "slow-learning",
        "no-generalization",
    ),
    preempts=("learning-rate-low", "vanishing-gradient"),
    is_symptom=True,
    keras=(
        "lower the learning rate, because the first steps may have driven the units there; scale the inputs; compute "
        "the loss from logits: no last activation, and from_logits=True."
    ),
    overrides=("{slower}", "input=standardize", "norm=batch"),
)


def check(context: Context) -> Iterator[Finding]:
    """Find a loss that no matrix of weights has an effect on, in a network that has not learned."""
    found = context.forward
    if context.has_learned or not found.loss or not np.isfinite(found.loss) or context.finds("dead-relu"):
        return
    gradients = [
        (variable.path, gradient)
        for variable, gradient in zip(context.model.trainable_variables, found.gradients, strict=False)
        if len(variable.shape) > 1 and gradient is not None
    ]
    if len(gradients) < 2 or any(gradient.any() for _, gradient in gradients):
        return
    last = gradients[-1][0].rsplit("/", 1)[0]
    yield context.finding(
        "error",
        f"layer {last}",
        f"The loss is {rounded(found.loss)}, but its gradient is exactly 0 for all {len(gradients)} matrices of "
        f"weights: it is lost at the end of the network already, after layer {last}.",
        {"loss": found.loss, "matrices": len(gradients)},
    )
