"""Examine a config, its data and its network without training, for the command `check`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from exprun.config.schema import Config

if TYPE_CHECKING:
    from exprun.assembly import Assembly
    from exprun.doctor.cause import Finding
    from exprun.doctor.context import Context
    from exprun.session import Session

DRAWN = 3  # images that are drawn of each person, at least one of them to train on


@dataclass(frozen=True)
class Checked:
    """A config that was examined.

    Args:
        config: the config, with the images that were examined.
        note: a sentence if fewer images were examined than a run gets; otherwise empty.
        findings: the findings; the one that causes the others comes first.
        assembly: the images, the network and its step.
        context: what the findings are based on.
    """

    config: Config
    note: str
    findings: "list[Finding]"
    assembly: "Assembly"
    context: "Context"


def examine(config: Config, session: "Session", report: Callable[[str], None] = lambda _: None) -> "list[Finding]":
    """The findings of `check`, which describes the arguments and errors."""
    return check(config, session, report).findings


def check(config: Config, session: "Session", report: Callable[[str], None] = lambda _: None) -> Checked:
    """Load the data, build the network, and pass one batch through it.

    Args:
        config: the config of a run.
        session: the session whose data and networks are shared with other runs of this process.
        report: a function that is called, before anything is built, with each line about files that are left out and
            about the splits.

    Raises:
        DataError: the data is missing, damaged or does not fit the config.
        RunError: the network cannot be built, or memory is too small to pass two images through it.
    """
    from exprun.assembly import assemble

    drawn = config.data.images_per_person
    whole, config = config, with_fewer_drawn(config)
    for line in session.dataset(config).remarks() if config is whole else ():  # with fewer images the splits differ
        report(line)
    assembly = assemble(config, session)

    from exprun.run_doctor import examined, within_memory

    limits = within_memory(config.doctor, assembly.step)
    if limits != config.doctor:
        report(
            f"{limits.images} images are passed through the network instead of {config.doctor.images}, to save memory."
        )
        config = replace(config, doctor=limits)
    images = len(assembly.dataset.train) * max(1.0, (drawn or 0) / DRAWN)
    findings, context = examined(config, assembly, int(images))
    note = (
        ""
        if config.data == whole.data
        else f"Only {DRAWN} of the {drawn} images of each person were examined and are counted here."
    )
    return Checked(config, note, findings, assembly, context)


def with_fewer_drawn(config: Config) -> Config:
    """The config with a few images of each person, which are enough to check a data set that is drawn by a program."""
    drawn = config.data.images_per_person
    if drawn is None or drawn <= DRAWN:
        return config
    return replace(config, data=replace(config.data, images_per_person=DRAWN))
