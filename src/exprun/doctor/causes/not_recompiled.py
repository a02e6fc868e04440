"""not-recompiled: layer.trainable was changed and the model not compiled again."""

from exprun.doctor.cause import Cause, Phase

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
