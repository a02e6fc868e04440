"""learning-rate-decay: a learning rate that falls to nearly nothing too early."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="learning-rate-decay",
    why="Most of the run then has a learning rate that is too low to learn with.",
    source="Bengio 2012, arXiv:1206.5533, section 3.1.1",
    phases=(Phase.SETUP, Phase.EPOCH),
    thresholds={
        "decayed": Threshold(
            0.05,
            (
                "The learning rate counts as falling too fast if, within a tenth of the run, it falls below this "
                "fraction of its highest value and does not rise again."
            ),
            gt=0,
            lt=1,
        ),
    },
    explains=(
        "learning-rate-low",
        "loss-at-chance",
        "no-generalization",
        "collapsed-predictions",
        "slow-learning",
        "plateau",
    ),
    keras="decay_steps = epochs * steps per epoch: Keras counts steps, not epochs.",
    overrides=("schedule=cosine", "schedule=constant"),
)
