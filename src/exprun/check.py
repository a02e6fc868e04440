"""Examine a config, its data and its network without training, for the command `check`."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from exprun.config.schema import Config

if TYPE_CHECKING:
    from exprun.doctor.cause import Finding
    from exprun.session import Session

DRAWN = 3  # images that are drawn of each person, at least one of them to train on


def examine(config: Config, session: "Session", report: Callable[[str], None] = lambda _: None) -> "list[Finding]":
    """Load the data, build the network, and pass one batch through it.

    Args:
        config: the config of a run.
        session: the session whose data and networks are shared with other runs of this process.
        report: a function that is called, before anything is built, with each line about files that are left out and
            about the splits.

    Returns:
        The findings; the one that causes the others comes first.

    Raises:
        DataError: the data is missing, damaged or does not fit the config.
        RunError: the network cannot be built.
    """
    from exprun.assembly import assemble

    # A few images of each person are enough to check a data set that is drawn by a program.
    drawn = config.data.images_per_person
    fewer = drawn is not None and drawn > DRAWN
    if fewer:
        config = replace(config, data=replace(config.data, images_per_person=DRAWN))
    for line in () if fewer else session.dataset(config).remarks():  # with fewer images the splits are different
        report(line)
    assembly = assemble(config, session)

    from exprun.run_doctor import examined

    images = len(assembly.dataset.train) * max(1.0, (drawn or 0) / DRAWN)
    return examined(config, assembly, int(images))
