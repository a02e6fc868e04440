"""vanishing-gradient: a gradient that is very small in the first layers."""

from exprun.doctor.cause import Cause, Phase, Threshold

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
    keras="replace sigmoid or tanh with ReLU, use kernel_initializer='he_normal', or add BatchNormalization.",
    overrides=("norm=batch", "init=he_normal", "model.activation=relu"),
)
