"""learning-rate-high: a learning rate at which steps overshoot."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="learning-rate-high",
    why="If the learning rate is too high, steps overshoot and the loss rises instead of falling.",
    source="Bengio 2012, arXiv:1206.5533, section 3.1.1",
    phases=(Phase.SETUP, Phase.STEP, Phase.PROBE),
    confirm={Phase.PROBE: 2},
    thresholds={
        "large_update": Threshold(
            3.0,
            (
                "The learning rate counts as too high if the weights change by more than this multiple of their norm "
                "between two probes."
            ),
            gt=0,
        ),
    },
    explains_symptoms=True,
    keras=(
        "divide the learning rate by 10 until the loss falls; usual first values are 0.001 for Adam and 0.01 for SGD."
    ),
    overrides=("{slower}", "{slowest}"),
)
