"""leaked-test: test images that were seen before the test."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="leaked-test",
    why="The test accuracy is then too high, because it measures memorisation.",
    source="Barz & Denzler 2020, arXiv:1902.00423",
    phases=(Phase.DATA,),
    keras="first remove duplicates, then split, then augment.",
)
