"""`check`: what is wrong with a config, its data and its network, without training."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from exprun.config.schema import Config

if TYPE_CHECKING:
    from exprun.doctor.finding import Finding
    from exprun.runner import Session

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
    from exprun.fault import injected_dataset
    from exprun.input import fit

    images = config.data.images_per_person  # of a set that is drawn: a few of each are enough to look at
    fewer = images is not None and images > DRAWN
    if fewer:
        config = replace(config, data=replace(config.data, images_per_person=DRAWN))
    dataset = injected_dataset(config, session.dataset(config))
    for line in () if fewer else dataset.remarks():  # with fewer images the splits are others
        report(line)
    scaling = fit(config.input, dataset.train)
    assembly = assemble(config, dataset, scaling, session)

    from exprun.doctor.run import examined

    whole = len(dataset.train) * max(1.0, (images or 0) / DRAWN)
    return examined(config, dataset, assembly, int(whole))
