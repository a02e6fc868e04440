"""strong-regularization: a penalty or weight decay that outweighs the loss on the data."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="strong-regularization",
    why="The penalty outweighs the data and pulls the weights to zero.",
    source="Goodfellow et al. 2016, Deep Learning, section 7.1",
    phases=(Phase.SETUP, Phase.FIRST_BATCH),
    thresholds={
        "penalty": Threshold(
            2.0,
            (
                "The penalty on the weights counts as too strong if its gradient is more than this multiple of the "
                "gradient of the loss on the data."
            ),
            gt=0,
        ),
    },
    explains_symptoms=True,
    keras="kernel_regularizer=regularizers.L2(1e-4) in the layers, or none.",
    overrides=("optim.weight_decay=1e-4", "optim.weight_decay=0"),
)
