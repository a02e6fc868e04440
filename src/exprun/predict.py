"""The predictions of a trained network for image files."""

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exprun.config.errors import ConfigError
from exprun.config.paths import user_path
from exprun.data.decode import UnreadableImage, decode_image
from exprun.data.folder import find_images, summary
from exprun.data.pool import LeftOut
from exprun.export import network
from exprun.network_interface import Interface
from exprun.records import Run

BATCH = 64  # images per pass
TOP = 3  # classes of an image that are shown, if it has one
LABELLED = 0.5  # probability above which an image has a label, if it may have several


@dataclass(frozen=True)
class Prediction:
    """The prediction for one image.

    Args:
        file: the path of the image.
        classes: the likeliest classes with their probabilities, the likeliest first; empty if the image is unreadable,
            or if no class is likely enough.
        problem: the reason why the image cannot be read; empty if it can.
    """

    file: str
    classes: list[tuple[str, float]]
    problem: str = ""


def find(names: Sequence[str]) -> tuple[list[str], list[LeftOut]]:
    """The paths of the named images and of all images in the named folders, and the files that are left out.

    Args:
        names: the paths of images and folders, as typed.

    Raises:
        ConfigError: a path does not exist, or a folder holds no image.
    """
    images: list[str] = []
    left_out: list[LeftOut] = []
    for name in names:
        path = user_path(name)
        if path.is_dir():
            inside = find_images(str(path), left_out)
            if not inside:
                also = f"; {summary(left_out)}" if left_out else ""
                raise ConfigError(f"There is no image in {name}{also}.")
            images += inside
        elif path.exists():
            images.append(str(path))
        else:
            raise ConfigError(f"There is no image {name}.")
    return images, left_out


def decoded(files: Sequence[str], run: Run, interface: Interface) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Decode images as in `data=image_folder`, with the size, channels and background of a run.

    Args:
        files: the paths of the images.
        run: the run.
        interface: the interface of the run's network.

    Returns:
        The image of each file that can be read, uint8, (height, width, channels), and the reason for each other one.
    """
    height, width, channels = interface.image
    mode = "L" if channels == 1 else "RGB"
    background = run.config.get("data.background", "white")  # only data=image_folder has this key
    images: dict[str, np.ndarray] = {}
    problems: dict[str, str] = {}
    with warnings.catch_warnings(action="ignore"):  # Pillow warns about files that it can read
        for file in files:
            try:
                images[file] = decode_image(file, (width, height), mode, background)
            except UnreadableImage as reason:
                problems[file] = str(reason)
    return images, problems


def predict(run: Run, files: Sequence[str], top: int | None = None, above: float | None = None) -> Iterator[Prediction]:
    """Predict the classes of images, which are decoded as in `data=image_folder`, with the background of the run.

    Args:
        run: the run whose network is used.
        files: the paths of the images.
        top: the largest number of classes to return for each image; None for `TOP`, and for all of several labels.
        above: the probability that a class must exceed; None for 0, and for `LABELLED` of several labels if `top` is
            not given.

    Raises:
        RunError: the run has no network.
    """
    model, interface = network(run)
    if interface.several:
        above = LABELLED if above is None and top is None else above
    elif top is None:
        top = TOP if above is None else len(interface.classes)
    yield from predict_with(model, interface, run, files, top or len(interface.classes), above)


def predict_with(
    model: Any, interface: Interface, run: Run, files: Sequence[str], top: int, above: float | None = None
) -> Iterator[Prediction]:
    """The same predictions as `predict` returns, with a network that is loaded already.

    Args:
        model: the Keras model of the run, from pixels of 0 to 255 to logits.
        interface: the interface of the network.
        run: the run, which gives the background of transparent images.
        files: the paths of the images.
        top: the largest number of classes to return for each image.
        above: the probability that a class must exceed; None to return classes of any probability.
    """
    for start in range(0, len(files), BATCH):
        batch = files[start : start + BATCH]
        images, problems = decoded(batch, run, interface)
        chosen: dict[str, list[tuple[str, float]]] = {}
        if images:
            probabilities = interface.probabilities(model(np.stack(list(images.values()))))
            for file, row in zip(images, probabilities, strict=True):
                best = [label for label in np.argsort(-row)[:top] if above is None or row[label] > above]
                chosen[file] = [(interface.classes[label], float(row[label])) for label in best]
        for file in batch:
            yield Prediction(os.path.relpath(file), chosen.get(file, []), problems.get(file, ""))
