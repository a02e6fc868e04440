"""leaked-validation: validation images that are also training images."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="leaked-validation",
    why="The validation accuracy is then too high, because it measures memorisation.",
    source="Kapoor & Narayanan 2023, doi:10.1016/j.patter.2023.100804",
    phases=(Phase.DATA,),
    thresholds={
        "leak": Threshold(
            0.02,
            (
                "Images count as leaked if more than this fraction of the validation images is also in the training "
                "split, or more than this fraction of the test images is also in the training or validation split."
            ),
            ge=0,
            lt=1,
        ),
    },
    keras="first remove duplicates, then split, then augment.",
)
