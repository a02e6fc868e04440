"""cannot-overfit: a network that cannot memorise a few images."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="cannot-overfit",
    why="A network that cannot memorise a few images cannot learn many.",
    source="Karpathy 2019, A Recipe for Training Neural Networks",
    phases=(Phase.MEMORY,),
    thresholds={
        "memorised": Threshold(
            0.9,
            (
                "The network counts as able to memorise a batch if, after some steps on this batch alone, the loss "
                "is below this fraction of the first loss."
            ),
            source=(
                "networks that learn are below 0.1 after 12 steps of Adam; Karpathy 2019, A Recipe for Training "
                "Neural Networks"
            ),
            gt=0,
            le=1,
        ),
    },
    explains=("loss-at-chance", "collapsed-predictions", "input-independent", "no-generalization"),
    is_symptom=True,
    keras="start from a small network that can memorise them, and add layers one at a time until it fails.",
    overrides=("norm=batch", "init=he_normal", "input=standardize"),
)
