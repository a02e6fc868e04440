"""`check`: what is wrong with a config, its data and its network, without training."""

from typing import TYPE_CHECKING

from exprun.config.schema import Config

if TYPE_CHECKING:
    from exprun.doctor.finding import Finding
    from exprun.runner import Session


def examine(config: Config, session: "Session") -> "list[Finding]":
    """Load the data, build the network, send one batch through it; what is wrong, the cause of the rest first.

    Args:
        config: of a run.
        session: what may be shared with runs of this process.

    Raises:
        DataError: the data is missing, damaged or does not fit.
        RunError: the network cannot be built.
    """
    from exprun.assembly import assemble
    from exprun.fault import injected_dataset
    from exprun.input import fit

    dataset = injected_dataset(config, session.dataset(config))
    scaling = fit(config.input, dataset.train)
    assembly = assemble(config, dataset, scaling, session)

    from exprun.doctor.run import examined

    return examined(config, dataset, assembly)
