"""leaked-validation: validation images that are also training images."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context

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


def check(context: Context) -> Iterator[Finding]:
    """Find validation images that are also in a split that is used earlier."""
    if (leak := context.leaks.get("validation")) is not None:
        yield context.finding("warning", "validation images", leak.evidence, leak.numbers)
        return
    val, earlier = context.subject.val, context.subject.earlier
    known = [] if val is None else [digest in earlier for digest in val.digests if digest]
    share = sum(known) / max(1, len(known))
    if share > context.threshold("leak") and not context.has_equal_rows:
        yield context.finding(
            "warning",
            "validation images",
            f"An earlier fit has trained the same network on {sum(known):,} of {len(known):,} validation images "
            f"({share:.0%}), and this fit goes on with its weights.",
            {"share": share, "exact": sum(known)},
            "use the same split in all fits of a network, or build and compile the network again before each fit.",
        )
