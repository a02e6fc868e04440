"""vanishing-gradient: a gradient that is very small in the first layers."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context

CAUSE = Cause(
    id="vanishing-gradient",
    why="With such a small gradient, the first layers hardly change.",
    source="Glorot & Bengio 2010, section 4",
    phases=(Phase.FIRST_BATCH, Phase.PROBE),
    confirm={Phase.PROBE: 2},
    thresholds={
        "gradient_ratio": Threshold(
            1e-05,
            (
                "The gradient counts as vanishing if the ratio of gradient norm to weight norm in the first layer is "
                "below this fraction of the ratio in the last layer."
            ),
            source="Glorot & Bengio 2010, figure 7: vanishing gradients shrink by a factor at each layer",
            gt=0,
            lt=1,
        ),
    },
    explains=("loss-at-chance", "no-generalization", "collapsed-predictions"),
    is_symptom=True,
    is_disprovable=True,
    keras="replace sigmoid or tanh with ReLU, use kernel_initializer='he_normal', or add BatchNormalization.",
    overrides=("norm=batch", "init=he_normal", "model.activation=relu"),
)


def check(context: Context) -> Iterator[Finding]:
    """Compare the gradient at the first and at the last matrix of weights, each relative to the size of the weights."""
    found = context.forward
    if context.phase is Phase.PROBE:
        if context.has_learned or found.losses is None:
            return
    elif not found.has_gradients:
        return
    sizes = [
        (variable.path, float(np.linalg.norm(gradient)) / size)
        for variable, gradient in zip(context.model.trainable_variables, found.gradients, strict=True)
        if gradient is not None
        and len(variable.shape) > 1
        and (size := float(np.linalg.norm(np.asarray(variable)))) > 0
    ]
    if len(sizes) < 3:
        return
    (path, first), (_, last), least = sizes[0], sizes[-1], context.threshold("gradient_ratio")
    if last > 0 and first < least * last:
        yield context.finding(
            "warning",
            f"layer {path.rsplit('/', 1)[0]}",
            f"The norm of the gradient divided by that of the weights is {first:.1e} in this layer and {last:.1e} in "
            f"the last one; up to {1 / least:,.0f} times less is tolerated.",
            {"first": first, "last": last},
        )
