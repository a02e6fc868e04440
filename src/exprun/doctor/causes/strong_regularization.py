"""strong-regularization: a penalty or weight decay that outweighs the loss on the data."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.text import rounded

CAUSE = Cause(
    id="strong-regularization",
    why="The penalty outweighs the data and pulls the weights to zero.",
    source="Goodfellow et al. 2016, Deep Learning, section 7.1",
    phases=(Phase.SETUP, Phase.FIRST_BATCH),
    thresholds={
        "penalty": Threshold(
            2.0,
            (
                "The penalty on the weights counts as too strong if its gradient is more than this multiple of the "
                "gradient of the loss on the data."
            ),
            gt=0,
        ),
    },
    explains_symptoms=True,
    keras="kernel_regularizer=regularizers.L2(1e-4) in the layers, or none.",
    overrides=("optim.weight_decay=1e-4", "optim.weight_decay=0"),
)
MAX_DECAY = 5e-3  # share of a weight lost in a step; Loshchilov & Hutter 2019, arXiv:1711.05101, use about 1e-5
INDEPENDENT = ("muon_nesterov",)  # optimisers that set every kernel to the same norm after the decay
OWN_FACTOR = 10  # multiple of the threshold for terms that code of one's own adds to the loss, such as those of a VAE
PENALTY_FACTOR = 10  # a penalty is heavy above this many times the threshold times the loss


def check(context: Context) -> Iterator[Finding]:
    """Find a penalty on the weights, or a decay of them, that outweighs the loss on the data."""
    match context.phase:
        case Phase.SETUP:
            yield from _setup(context)
        case Phase.FIRST_BATCH:
            yield from _first_batch(context)


def _setup(context: Context) -> Iterator[Finding]:
    """Find a weight decay that takes the weights away within a few hundred steps."""
    pace = context.subject.pace
    if pace is None or pace.highest_rate is None or pace.optimizer in INDEPENDENT:
        return
    rate = pace.highest_rate
    if (lost := rate * pace.decay) > MAX_DECAY:
        yield context.finding(
            "error",
            "optimiser",
            f"With a weight decay of {pace.decay:g} and a learning rate of {rate:.2g}, each step removes {lost:.1%} of "
            f"every weight: half of it is gone after about {np.log(0.5) / np.log1p(-min(lost, 0.99)):.0f} steps.",
            {"decay": pace.decay, "rate": rate},
            "weight_decay=1e-4 in the optimiser, or none.",
        )


def _first_batch(context: Context) -> Iterator[Finding]:
    """Compare the penalty of regularisers, and its gradients, with the loss on the data."""
    found, limit = context.forward, context.threshold("penalty")
    if _are_own(context):
        limit *= OWN_FACTOR
    if not found.has_gradients or not found.penalties or found.loss is None:
        return
    both = [
        (variable.path, float(np.linalg.norm(penalty)), float(np.linalg.norm(gradient)))
        for variable, gradient, penalty in zip(
            context.model.trainable_variables, found.gradients, found.penalties, strict=True
        )
        if gradient is not None and penalty is not None and penalty.any()
    ]
    heavy = sum(penalty > limit * gradient for _, penalty, gradient in both)
    if both and (heavy > len(both) / 2 or found.penalty > PENALTY_FACTOR * limit * found.loss):
        ratio, path = max(
            ((penalty / max(gradient, 1e-30), path) for path, penalty, gradient in both), key=lambda pair: pair[0]
        )
        yield context.finding(
            "error",
            f"regularised weights, most of all {path}",
            f"The penalty is {rounded(found.penalty)} and the loss without it {rounded(found.loss)}; the gradient of "
            f"the penalty is up to {rounded(ratio, 2)} times that of the loss.",
            {"ratio": ratio, "penalty": found.penalty, "loss": found.loss},
            remedies=(),  # the cause's overrides change the optimiser's weight decay, which is not the penalty
        )


def _are_own(context: Context) -> bool:
    """Whether no regulariser of Keras adds the penalty, but code of one's own."""
    if any(getattr(one.layer, "activity_regularizer", None) is not None for one in context.all_layers):
        return False
    return all(getattr(one, "regularizer", "unknown") is None for one in context.model.trainable_variables)
