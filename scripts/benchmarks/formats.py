"""Export every model of conf/model/ with untrained weights in every format, and compare the files with the network.

Prints the table of docs/export.md: the largest difference of a probability on 16 images of noise, or why a format
fails. Fails if a difference is larger than `export` allows for the format.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from exprun import backend
from exprun.config.applications import APPLICATIONS
from exprun.config.compose import Composer
from exprun.config.errors import UserError
from exprun.config.options import option_names
from exprun.formats import FORMATS, LIMITS
from exprun.formats.agreement import agreement, reader
from exprun.formats.write import write
from exprun.input import Scaling
from exprun.network_interface import Interface, of_pixels

CLASSES, IMAGES = 10, 16
SIZES = {"alexnet": 67, "palm_alexnet": 57}  # of those that need images larger than 32×32
PIXELS = Scaling(np.full(3, 1 / 64, np.float32), np.full(3, -2, np.float32))
COLUMNS = [*((form, "float32") for form in FORMATS), ("tflite", "float16"), ("tflite", "int8")]
# Networks of keras.applications in the table; the arguments may name any other one.
APPLIED = ("ConvNeXtTiny", "EfficientNetV2B0", "MobileNetV2")

# Before training, its logits exceed 10,000 and depend on rounding: those of Keras with and without a graph differ.
UNSTABLE = "EfficientNetV2L"


def words_of(name: str) -> tuple[list[str], int]:
    """The overrides that choose a model or a network of keras.applications, and the size of its images."""
    if name not in APPLICATIONS:
        return [f"model={name}"], SIZES.get(name, 32)
    return ["model=application", f"model.application={name}", "data.channels=3"], APPLICATIONS[name].smallest


def calm(network: Any, images: np.ndarray) -> None:
    """Reduce the gains of an untrained network until its probabilities differ, but depend little on rounding.

    Args:
        network: the network, changed in place.
        images: scaled images, (images, height, width, channels).
    """
    import keras

    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(0.9 * layer.gamma)
    classifier = network.layers[-1]
    classifier.kernel.assign(5 / np.abs(network(images)).max() * classifier.kernel)  # the largest logit becomes 5


def row(name: str, folder: Path, columns: Sequence[tuple[str, str]] = COLUMNS) -> tuple[list[str], bool]:
    """The cells of a model, and whether all formats agree with it.

    Args:
        name: the name of the model, or of a network of keras.applications.
        folder: an empty folder for the files.
        columns: the formats, each with its precision.
    """
    import keras

    from exprun.model import build

    keras.utils.clear_session()
    words, size = words_of(name)
    shape = (size, size, 3)
    interface = Interface([str(number) for number in range(CLASSES)], shape, PIXELS)
    network = build(Composer().config([*words, f"data.size={size}"]), shape, CLASSES).model
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, *shape), np.uint8)
    if name == UNSTABLE:
        calm(network, PIXELS(images.astype(np.float32)))
    wanted = interface.probabilities(of_pixels(network, PIXELS, shape)(images))
    cells, good = [name], True
    for form, precision in columns:
        path = folder / f"{name}-{precision}-{FORMATS[form].file}"
        try:
            write(path, form, network, interface, precision, images)
            found = agreement("noise", wanted, reader(path, form, interface)(images), precision)
        except UserError as error:
            cells.append(str(error))
            good = False
        else:
            cells.append(f"{found.difference:.0e}" if found.difference else "0")
            good &= found.holds
    return cells, good


def main() -> None:
    """Print the table, one row for each model as it is measured."""
    parser = argparse.ArgumentParser(prog="scripts/bench formats", description=__doc__)
    names = [name for name in option_names()["model"] if name not in ("python", "application", "hub")]
    parser.add_argument(
        "models", nargs="*", default=[*names, *APPLIED], help="models, or networks of keras.applications (default: all)"
    )
    args = parser.parse_args()
    backend.load()
    headings = [form if precision == "float32" else f"{form} {precision}" for form, precision in COLUMNS]
    print(f"| Model | {' | '.join(headings)} |\n| {'--- | ' * len(COLUMNS)}--- |", flush=True)
    all_good = True
    for name in args.models:
        with tempfile.TemporaryDirectory() as folder:
            cells, good = row(name, Path(folder))
        print(f"| {' | '.join(cells)} |", flush=True)
        all_good &= good
    if not all_good:
        raise SystemExit(f"A format fails or differs by more than the limits: {LIMITS}.")


if __name__ == "__main__":
    main()
