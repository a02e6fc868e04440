"""Export the trained network of a run: a file that takes pixels, and a model card that describes it."""

from collections.abc import Sequence
from pathlib import Path

from exprun.config.errors import DataError, RunError, UserError
from exprun.export import network_of_scaled
from exprun.formats import FORMATS
from exprun.formats.agreement import (
    CALIBRATION,
    Agreement,
    agreement,
    data_of,
    images_of_data,
    images_of_files,
    reader,
    spread,
)
from exprun.formats.card import card
from exprun.formats.write import write
from exprun.network_interface import Interface, of_pixels
from exprun.records import Run
from exprun.run_folder import RunFolder

CARD = "README.md"


def export(
    run: Run, folder: Path, form: str = "keras", precision: str = "float32", files: Sequence[str] = ()
) -> tuple[list[Path], Agreement | None, str]:
    """Write the network of a run and its model card, and compare the written file with the command `predict`.

    Args:
        run: a run that has a checkpoint.
        folder: the folder for the files; it is created if it does not exist.
        form: the format, a key of `exprun.formats.FORMATS`.
        precision: the precision of a TFLite file, one of `exprun.formats.PRECISIONS`.
        files: the images to compare; if empty, test images of the run or, without a test split, validation images.

    Returns:
        The paths of the files; the agreement with `predict`, or None if the images of the run cannot be read; and the
        reason for that.

    Raises:
        ConfigError: the config of the run cannot be read, or the code of its network has changed.
        DataError: the training images, which int8 needs, or one of `files` cannot be read.
        RunError: the run has no network, or the files cannot be written.
    """
    interface = Interface.read(RunFolder(run.folder))
    images, calibration, problem = None, None, ""
    if files:
        images = images_of_files(files, run, interface)
    if not files or precision == "int8":
        try:
            dataset = data_of(run, interface)
        except UserError as error:
            if precision == "int8":
                raise DataError(f"--int8 needs training images of the run: {error}") from None
            problem = str(error)
        else:
            images = images or images_of_data(dataset)
            calibration = spread(dataset.train, CALIBRATION)
    scaled, interface = network_of_scaled(run)
    path, found = folder / FORMATS[form].file, None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write(path, form, scaled, interface, precision, calibration)
        if images is not None:
            wanted = interface.probabilities(of_pixels(scaled, interface.scaling, interface.image)(images[1]))
            read = reader(path, form, interface)(images[1])
            found = agreement(images[0], wanted, read, precision, interface.several)
        (folder / CARD).write_text(card(run, interface, form, precision, found), encoding="utf-8")
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror}.") from None
    return [path, folder / CARD], found, problem
