"""leaked-test: test images that were seen before the test."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="leaked-test",
    why="The test accuracy is then too high, because it measures memorisation.",
    source="Barz & Denzler 2020, arXiv:1902.00423",
    phases=(Phase.DATA,),
    keras="first remove duplicates, then split, then augment.",
)


def check(context: Context) -> Iterator[Finding]:
    """Find test images that are also in a split that is used earlier."""
    if (leak := context.leaks.get("test")) is not None:
        yield context.finding("warning", "test images", leak.evidence, leak.numbers)
