"""The page of a run that has ended, made again from its folder, its data and its weights, as far as they are there."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from exprun import fault
from exprun.config.errors import DataError, UserError, one_line
from exprun.config.schema import Config
from exprun.data import Dataset, load
from exprun.export import check_consent, network_of_scaled
from exprun.input import Scaling
from exprun.records import Run
from exprun.run_folder import RunFolder
from exprun.run_page.outcomes import Outcomes
from exprun.run_page.page import write_page
from exprun.run_page.pictures import Pictures, pictures

SECONDS = 10.0  # the time that the network may take for the embedding, and again for the maps


def write(run: Run, path: Path, trust: bool = False) -> None:
    """Write the page of a run that has ended; what is not at hand is left out, and the page says so.

    Args:
        run: the run.
        path: the path of the page; its folder is created if it does not exist.
        trust: whether Python code that the config names may be executed to build the network.

    Raises:
        OSError: the page cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = RunFolder(run.folder)
    write_page(folder, _pictures(run, folder, trust), path)


def _pictures(run: Run, folder: RunFolder, trust: bool) -> Pictures:
    outcomes = Outcomes.read(folder)
    if outcomes is None:
        return Pictures()
    dataset, model, scaling, missing = None, None, None, []
    try:
        config = folder.read_config()
        dataset = dataset_of(config, folder)
    except UserError as error:
        missing.append(f"Images are not shown: {one_line(error)}")
    if dataset is not None:
        try:
            model, scaling = _network(run, config, trust)
        except UserError as error:
            missing.append(f"What the network sees is not shown: {one_line(error)}")
    found = pictures(outcomes, dataset, model, scaling, SECONDS)
    return replace(found, missing=(*missing, *found.missing))


def dataset_of(config: Config, folder: RunFolder) -> Dataset:
    """The data set of a run, with its fault.

    Args:
        config: the config of the run.
        folder: its folder.

    Raises:
        DataError: it cannot be loaded, or has changed since the run, so that other images may have the same positions.
    """
    dataset = load(config.data)
    recorded = folder.read_dataset().get("fingerprint") or folder.read_environment().get("data_fingerprint")
    if recorded != dataset.fingerprint:
        raise DataError("the data set has changed since the run.")
    return fault.injected_dataset(config, dataset)


def _network(run: Run, config: Config, trust: bool) -> tuple[Any, Scaling]:
    check_consent(run, trust)
    model, interface = network_of_scaled(run)
    return model, fault.injected_evaluation(config, interface.scaling)
