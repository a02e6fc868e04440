"""not-recompiled: layer.trainable was changed and the model not compiled again."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import named
from exprun.text import nouns

CAUSE = Cause(
    id="not-recompiled",
    why=(
        "The training step is built for the variables that are trainable at that time: if you change layer.trainable "
        "later, the step still updates the same variables."
    ),
    source="Keras guides, Transfer learning & fine-tuning",
    phases=(Phase.FIRST_STEP,),
    explains=(
        "frozen-layers",
        "untrained-variables",
        "learning-rate-low",
        "input-independent",
        "collapsed-predictions",
        "loss-at-chance",
        "slow-learning",
        "plateau",
        "no-generalization",
        "overfitting",
    ),
    keras=(
        "call model.compile(…) again after each change of layer.trainable; do not change layer.trainable during a "
        "fit, but call fit once for each stage."
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Find variables of which the training step and `layer.trainable` say different things."""
    trained = context.trained
    if trained is None:
        return
    count, layers = trained.count, trained.layers
    where = f"{nouns(len(layers), 'layer')} {named(layers)}" if layers else "training step"
    match trained.fault:
        case "forgotten":
            yield context.finding(
                "error",
                where,
                f"{count} of {trained.trainable} trainable variables are neither known to the optimiser nor changed "
                "by the step: they were frozen when the step was traced, and were made trainable later without "
                "compile.",
                {"left_out": count, "trainable": trained.trainable},
            )
        case "frozen":
            yield context.finding(
                "warning",  # the network learns, but more of it than was meant
                where,
                f"{count} variable{'s are' if count > 1 else ' is'} frozen now but still changed by the step: "
                f"{'they were' if count > 1 else 'it was'} trainable when the step was traced, and frozen later "
                "without compile.",
                {"frozen": count},
            )
        case "unknown":
            yield context.finding(
                "error",
                where,
                f"{count} of {trained.trainable} trainable variables are not among the {trained.known} that the "
                "optimiser was built for, and it cannot update others.",
                {"unknown": count, "trainable": trained.trainable},
                "compile again with a new optimiser: model.compile(keras.optimizers.Adam(…), …).",
            )
