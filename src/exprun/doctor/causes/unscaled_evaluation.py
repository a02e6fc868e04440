"""unscaled-evaluation: inputs that are scaled differently in evaluation and in training."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="unscaled-evaluation",
    why="A network only works on inputs that are scaled like those it was trained on.",
    source="Humbatova et al. 2020, arXiv:1910.11015, preprocessing",
    phases=(Phase.DATA,),
    thresholds={
        "scale_ratio": Threshold(
            1.5,
            (
                "Evaluation inputs count as scaled differently if their standard deviation and that of the training "
                "inputs differ by more than this factor."
            ),
            gt=1,
        ),
        "scale_shift": Threshold(
            0.5,
            (
                "Evaluation inputs count as scaled differently if their mean and that of the training inputs differ "
                "by more than this number of standard deviations."
            ),
            gt=0,
        ),
    },
    explains_symptoms=True,
    explains=("lagging-batch-norm",),
    keras=(
        "apply the same function to validation and test images, or move the scaling from the training data into the "
        "model."
    ),
    overrides=("input=raw norm=batch", "norm=layer"),
    in_code=True,
)
