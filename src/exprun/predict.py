"""What a trained network says of images."""

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from exprun.config.errors import ConfigError
from exprun.config.paths import user_path
from exprun.data.decode import UnreadableImage, decode_image
from exprun.data.folder import find_images, summary
from exprun.data.pool import LeftOut
from exprun.export import network
from exprun.records import Run

BATCH = 64


@dataclass(frozen=True)
class Prediction:
    """What is said of one image.

    Args:
        file: its path.
        classes: the likeliest first, with their probabilities; empty where the image cannot be read.
        problem: why it cannot be read.
    """

    file: str
    classes: list[tuple[str, float]]
    problem: str = ""


def find(places: Sequence[str]) -> tuple[list[str], list[LeftOut]]:
    """The images that are named, those below folders that are named, and what is left out there.

    Raises:
        ConfigError: a place does not exist, or there is no image in a folder.
    """
    found: list[str] = []
    left_out: list[LeftOut] = []
    for place in places:
        path = user_path(place)
        if path.is_dir():
            inside = find_images(str(path), left_out)
            if not inside:
                also = f"; {summary(left_out)}" if left_out else ""
                raise ConfigError(f"There is no image in {place}{also}.")
            found += inside
        elif path.exists():
            found.append(str(path))
        else:
            raise ConfigError(f"There is no image {place}.")
    return found, left_out


def predict(run: Run, files: Sequence[str], top: int) -> Iterator[Prediction]:
    """Give each image its classes; it is decoded as `data=image_folder` does, with the run's own background.

    Args:
        run: whose network is asked.
        files: of images.
        top: how many classes of each.

    Raises:
        RunError: the run has no network.
    """
    model, interface = network(run)
    height, width, channels = interface.image
    mode = "L" if channels == 1 else "RGB"
    background = run.config.get("data.background", "white")  # which only data=image_folder has
    for start in range(0, len(files), BATCH):
        part = files[start : start + BATCH]
        images: dict[str, np.ndarray] = {}
        problems: dict[str, str] = {}
        with warnings.catch_warnings(action="ignore"):  # Pillow's, of what it reads all the same
            for file in part:
                try:
                    images[file] = decode_image(file, (width, height), mode, background)
                except UnreadableImage as reason:
                    problems[file] = str(reason)
        chosen: dict[str, list[tuple[str, float]]] = {}
        if images:
            logits = np.asarray(model(np.stack(list(images.values()))), np.float64)
            shares = np.exp(logits - logits.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            for file, row in zip(images, shares, strict=True):
                best = np.argsort(-row)[:top]
                chosen[file] = [(interface.classes[place], float(row[place])) for place in best]
        for file in part:
            yield Prediction(os.path.relpath(file), chosen.get(file, []), problems.get(file, ""))
