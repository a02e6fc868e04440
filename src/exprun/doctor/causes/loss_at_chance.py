"""loss-at-chance: a loss that stays at chance level."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context

CAUSE = Cause(
    id="loss-at-chance",
    why="The network does no better than chance level, as if it did not see its inputs.",
    source="Karpathy 2019, A Recipe for Training Neural Networks",
    phases=(Phase.STEP,),
    thresholds={
        "chance_steps": Threshold(
            100,
            "Number of steps at chance level after which `loss-at-chance` is reported.",
            ge=1,
        ),
        "chance_margin": Threshold(
            0.02,
            (
                "The loss counts as better than chance level if it is lower than the chance-level loss by more than "
                "this fraction."
            ),
            gt=0,
            lt=1,
        ),
    },
    explains=("no-generalization",),
    is_symptom=True,
    is_refutable=True,
    is_disprovable=True,
    keras=(
        "change one thing at a time: the learning rate (10 times higher, 10 times lower), scaled inputs, "
        "BatchNormalization, he_normal."
    ),
    overrides=("norm=batch", "init=he_normal", "{slower}", "{faster}", "input=standardize"),
)


def check(context: Context) -> Iterator[Finding]:
    """Find a loss that stays at chance level."""
    history, chance = context.history, context.chance
    if chance is None or not history.is_at_chance:
        return
    loss, accuracy, steps = history.mean_loss, history.mean_accuracy, history.total_steps
    clause = "" if np.isnan(accuracy) or np.isnan(chance.accuracy) else f" and the accuracy is {accuracy:.1%}"
    yield context.finding(
        "error" if steps is not None and (context.step or 0) >= steps / 2 else "warning",
        "training",
        f"Over the last {len(history.recent)} steps, the loss is {chance.shown(loss)}{clause}; {chance.described}.",
        {"loss": loss, "guessing": chance.loss},
    )
