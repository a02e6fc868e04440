"""`check`: what is wrong with a config, its data and its network, without training."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from exprun.config.schema import Config

if TYPE_CHECKING:
    from exprun.doctor.finding import Finding
    from exprun.session import Session

DRAWN = 3  # images of each person, at least one of them to train on


def examine(config: Config, session: "Session", report: Callable[[str], None] = lambda _: None) -> "list[Finding]":
    """Load the data, build the network, send one batch through it; what is wrong, the cause of the rest first.

    Args:
        config: of a run.
        session: what may be shared with runs of this process.
        report: called with each line on files that are left out and on the splits, before anything is built.

    Raises:
        DataError: the data is missing, damaged or does not fit.
        RunError: the network cannot be built.
    """
    from exprun.assembly import assemble

    drawn = config.data.images_per_person  # of a data set that is drawn, a few images of each person are enough
    fewer = drawn is not None and drawn > DRAWN
    if fewer:
        config = replace(config, data=replace(config.data, images_per_person=DRAWN))
    for line in () if fewer else session.dataset(config).remarks():  # with fewer images the splits are others
        report(line)
    assembly = assemble(config, session)

    from exprun.run_doctor import examined

    images = len(assembly.dataset.train) * max(1.0, (drawn or 0) / DRAWN)
    return examined(config, assembly, int(images))
