"""summed-loss: a loss that is the sum over the batch, with a learning rate that fits a mean."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context

CAUSE = Cause(
    id="summed-loss",
    why=(
        "The gradient of a sum grows with the batch, and usual learning rates are for the mean, whose gradient does "
        "not."
    ),
    source="Goyal et al. 2017, arXiv:1706.02677, section 3.3",
    phases=(Phase.FIRST_BATCH,),
    thresholds={
        "summed_update": Threshold(
            0.1,
            (
                "A loss that is summed over the batch is reported if the first step changes the weights by more than "
                "this fraction of their norm."
            ),
            gt=0,
        ),
    },
    explains_symptoms=True,
    explains=("learning-rate-high", "exploding-gradient", "not-finite", "dead-relu", "no-generalization"),
    keras=(
        "the mean over the batch instead of the sum: tf.reduce_mean(tf.reduce_sum(loss, -1)), or Keras' own "
        "reduction='sum_over_batch_size'."
    ),
    is_refutable=True,
    in_code=True,
)
UNSCALED = ("sgd", "sgd_momentum", "nesterov")  # optimisers whose steps grow with the gradient
CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")  # settings of Keras that limit the gradient


def check(context: Context) -> Iterator[Finding]:
    """Find a sum over the batch that makes the first step far too large."""
    found, pace = context.forward, context.subject.pace
    if pace is None or pace.optimizer not in UNSCALED or pace.highest_rate is None or not found.has_gradients:
        return
    usual = context.usual_rates
    if usual is None or pace.highest_rate * pace.batch <= usual[1]:
        return
    optimizer = getattr(context.model, "optimizer", None)
    if any(getattr(optimizer, name, None) for name in CLIPS) or not context.sums:
        return
    # The gradient of the pass is that of the mean of `losses`, which are one number if the loss itself sums.
    assert found.losses is not None
    rows = len(found.outputs)
    times = pace.batch * (len(found.losses) / rows)
    changes = [
        pace.highest_rate * times * float(np.linalg.norm(gradient)) / float(np.linalg.norm(weight))
        for weight, gradient in zip(_values(context), found.gradients, strict=True)
        if gradient is not None and weight.ndim > 1 and np.any(weight)
    ]
    change = float(np.median(changes)) if changes else 0.0
    if change > context.threshold("summed_update"):
        yield context.finding(
            "error" if change > 1 else "warning",
            "loss",
            f"The loss of a batch is the sum of the losses of its {pace.batch} examples. With learning rate "
            f"{pace.highest_rate:g}, the first step changes the weights by {change:.0%} of their norm; with the mean, "
            f"it would be {change / pace.batch:.2%}.",
            {"change": change, "batch": pace.batch},
        )


def _values(context: Context) -> list[np.ndarray]:
    return [np.asarray(variable) for variable in context.model.trainable_variables]
