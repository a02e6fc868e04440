"""The name of a run, in the terminal and in MLflow."""

from exprun.config.errors import without_password
from exprun.config.schema import Config


def run_name(config: Config) -> str:
    """`tracking.run_name`, or else the run's network, data, norm, optimiser, fault and seed."""
    if config.tracking.run_name:
        return without_password(config.tracking.run_name)
    norm = [] if config.model.layers is None else [config.norm.name]
    fault = [] if config.fault.name == "none" else [config.fault.name]
    return "-".join([config.model.label, config.data.name, *norm, config.optim.name, *fault, str(config.seed)])
