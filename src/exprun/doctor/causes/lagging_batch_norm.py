"""lagging-batch-norm: moving averages that are far from the batches' mean and variance."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="lagging-batch-norm",
    why=(
        "In evaluation, batch norm uses moving averages, and these are far from the mean and variance of the "
        "training batches."
    ),
    source="Ioffe & Szegedy 2015, arXiv:1502.03167, section 3.1",
    phases=(Phase.SETUP, Phase.EVALUATION),
    thresholds={
        "norm_lag": Threshold(
            0.5,
            (
                "A moving average of batch normalisation counts as lagging if more than this fraction of its initial "
                "value remains at the end of the run."
            ),
            gt=0,
            lt=1,
        ),
    },
    explains=("no-generalization", "overfitting"),
    keras="BatchNormalization(momentum=0.9), or more steps.",
    overrides=("norm.momentum=0.9", "norm=group"),
)
