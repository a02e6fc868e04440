"""learning-rate-low: a learning rate at which the weights hardly move."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="learning-rate-low",
    why="At this learning rate the weights hardly move from their initial values.",
    source="Bengio 2012, arXiv:1206.5533, section 3.1.1",
    phases=(Phase.SETUP, Phase.STEP, Phase.PROBE),
    confirm={Phase.PROBE: 3},
    thresholds={
        "small_update": Threshold(
            1e-06,
            (
                "The learning rate counts as too low if a step changes the weights by less than this fraction of "
                "their norm."
            ),
            source="about 0.001 is healthy: Karpathy, CS231n, Neural Networks Part 3",
            gt=0,
        ),
    },
    explains=("loss-at-chance", "no-generalization", "collapsed-predictions", "vanishing-gradient", "slow-learning"),
    keras=(
        "multiply the learning rate by 10 as long as the loss still falls; usual first values are 0.001 for Adam and "
        "0.01 for SGD."
    ),
    overrides=("{faster}", "{fastest}"),
)
