"""input-independent: outputs that are the same for every image."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="input-independent",
    why="The network ignores the image.",
    source="Karpathy 2019, A Recipe for Training Neural Networks",
    phases=(Phase.FIRST_BATCH, Phase.PROBE),
    confirm={Phase.PROBE: 2},
    thresholds={
        "constant_output": Threshold(
            0.0001,
            (
                "Outputs count as constant if their standard deviation over images is at most this fraction of their "
                "root mean square."
            ),
            gt=0,
            lt=1,
        ),
    },
    explains=("collapsed-predictions", "loss-at-chance", "no-generalization"),
    is_symptom=True,
    keras=(
        "train on 10 images only; if the network cannot memorise them, lower the learning rate, scale the inputs, or "
        "use he_normal."
    ),
    overrides=("norm=batch", "init=he_normal input=standardize", "{slower}"),
)
