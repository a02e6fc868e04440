"""exploding-gradient: a recurrent network whose gradient grows at each step of a sequence."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="exploding-gradient",
    why="A gradient that grows at each step of a sequence can ruin the weights in a single update.",
    source="Pascanu et al. 2013, arXiv:1211.5063, section 3.2",
    phases=(Phase.STEP,),
    explains=(
        "not-finite",
        "loss-at-chance",
        "collapsed-predictions",
        "input-independent",
        "no-generalization",
        "learning-rate-low",
        "slow-learning",
    ),
    is_symptom=True,
    keras="set clipnorm=1.0 in your optimiser, or replace SimpleRNN with LSTM or GRU.",
)
