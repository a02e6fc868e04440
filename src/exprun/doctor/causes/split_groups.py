"""split-groups: images of one person, patient or video on two sides of a split."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.kinship import find_kin

CAUSE = Cause(
    id="split-groups",
    why="The accuracy is then too high for people, patients or videos that the network has not seen.",
    source="Roberts et al. 2017, doi:10.1111/ecog.02881",
    phases=(Phase.DATA,),
    keras="split by group, for example with scikit-learn's GroupShuffleSplit or StratifiedGroupKFold.",
)


def check(context: Context) -> Iterator[Finding]:
    """Find groups in the names of files whose images are alike, and that are on two sides of a split."""
    groupings = context.subject.groupings
    suggested = groupings() if groupings is not None and context.subject.val is not None else []
    if not suggested:  # fingerprints take long for many images
        return
    training, *others = context.prints
    for groups in suggested:
        for asked in others:
            kin = find_kin(training, asked, groups)
            if kin is None:
                continue
            such = f", such as {kin.examples[0]} and {kin.examples[1]}" if kin.examples else ""
            yield context.finding(
                "warning",
                f"{kin.split} images",
                f"File names suggest groups of images that are alike, such as '{kin.group}', and {kin.shared:,} of "
                f"{kin.compared:,} {kin.split} images have training images of the same group{such}: for "
                f"{kin.nearest / kin.shared:.0%} of them, the most similar training image of their class is of the "
                f"same group, and by chance it would be for {kin.chance:.0%}.",
                {"shared": kin.shared / kin.compared, "nearest": kin.nearest / kin.shared, "chance": kin.chance},
                groups.remedy,
            )
            return
